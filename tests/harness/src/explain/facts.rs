//! What an explanation says. As JSON it is these fields in camel case; they may be added to, and are
//! not renamed or removed.

use std::fmt;

use serde::Serialize;

/// Why one Gateway answers a request as it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// `NAMESPACE/NAME`.
    pub gateway: String,
    /// What was asked.
    pub request: RequestFacts,
    /// Which listener takes it.
    pub listener: ListenerFacts,
    /// Set if Envoy answers before any filter runs: why.
    pub before_filters: Option<String>,
    /// The match that won; absent if none matches.
    pub winner: Option<Winner>,
    /// The others that match, too, the highest rank first.
    pub runners_up: Vec<RunnerUp>,
    /// Matches that failed, the most similar first, five at most.
    pub near_misses: Vec<NearMiss>,
    /// Matches of the listener that can never win.
    pub shadowed: Vec<Shadowed>,
    /// What became of the request in each filter; of several requests, of the last.
    pub filters: Vec<FilterFacts>,
    /// What the rule leaves to Envoy: `timeouts`, `retry`, `RequestMirror`, …
    pub left_to_envoy: Vec<String>,
    /// The limits that the request falls under, as they stand after the last request.
    pub limits: Vec<LimitFacts>,
    /// What the rate limit service is asked.
    pub asked_of_service: Vec<ServiceCall>,
    /// The canary that decides on the backend.
    pub canary: Option<CanaryFacts>,
    /// The backends of the rule, and which one was chosen.
    pub backend: Option<BackendFacts>,
    /// What was refused of the rule when the manifests were read.
    pub conditions: Vec<ConditionFacts>,
    /// One for each request, in order.
    pub answers: Vec<AnswerFacts>,
}

/// A place in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestFacts {
    /// The method.
    pub method: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Host, with a port if one was given.
    pub authority: String,
    /// Path and query.
    pub path: String,
    /// The port of the listener.
    pub port: u16,
    /// Names in lower case, in order.
    pub headers: Vec<Header>,
    /// Address of the TCP peer.
    pub client: String,
    /// RFC 3339.
    pub at: String,
    /// Seed of everything that is random.
    pub seed: u64,
    /// How often it is sent.
    pub times: u32,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// Bytes that are no text are replaced.
    pub value: String,
}

/// Which listener takes the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerFacts {
    /// Absent if none does.
    pub chosen: Option<ListenerName>,
    /// Why the one that was chosen, or why none.
    pub because: String,
    /// The others of the Gateway.
    pub others: Vec<OtherListener>,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerName {
    /// `<namespace>/<Gateway>/<listener>`.
    pub name: String,
    /// Its port.
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// `*` is every host.
    pub hostname: String,
    /// Where it is defined.
    pub place: Option<Place>,
}

/// A listener that does not take the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherListener {
    /// The listener.
    #[serde(flatten)]
    pub listener: ListenerName,
    /// Why not.
    pub because: String,
}

/// One match of one rule, for one hostname.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchName {
    /// Envoy Gateway's name: `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`.
    pub name: String,
    /// `HTTPRoute` or `GRPCRoute`.
    pub kind: String,
    /// `<namespace>/<name>`.
    pub route: String,
    /// Index of the rule, from 0.
    pub rule: usize,
    /// The rule's name, if it has one.
    pub rule_name: Option<String>,
    /// Index of the match in its rule, from 0.
    pub r#match: usize,
    /// The hostname that listener and route have in common; `*` is every host.
    pub hostname: String,
    /// What it asks, one by one.
    pub conditions: Vec<String>,
    /// Where it is written.
    pub place: Option<Place>,
}

/// The match that won.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Winner {
    /// The match.
    #[serde(flatten)]
    pub r#match: MatchName,
    /// Of a CORS preflight, the method that it was matched with.
    pub preflight_for: Option<String>,
}

/// A match that would have won were it not for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunnerUp {
    /// The match.
    #[serde(flatten)]
    pub r#match: MatchName,
    /// What decided against it.
    pub criterion: Criterion,
    /// The same with both sides' figures.
    pub because: String,
}

/// The criteria of the Gateway API, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Criterion {
    /// "Characters in a matching non-wildcard hostname."
    ExactHostname,
    /// "Characters in a matching hostname."
    Hostname,
    /// "Exact path match. Prefix path match with largest number of characters." Of a GRPCRoute,
    /// "Characters in a matching service. Characters in a matching method."
    Path,
    /// "Method match."
    Method,
    /// "Largest number of header matches."
    Headers,
    /// "Largest number of query param matches."
    QueryParams,
    /// Conditions that the specification does not have: cookies, networks, claims, `not`.
    Extensions,
    /// "The oldest Route based on creation timestamp."
    Age,
    /// "The Route appearing first in alphabetical order by {namespace}/{name}."
    Name,
    /// "The FIRST matching rule (in list order)."
    Order,
}

/// A match that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NearMiss {
    /// The match.
    #[serde(flatten)]
    pub r#match: MatchName,
    /// What failed, never empty.
    pub failed: Vec<Failed>,
}

/// A condition that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// `path`, `header x-version`, …
    pub what: String,
    /// What it must be.
    pub wanted: String,
    /// What it is; absent if the request has none.
    pub got: Option<String>,
}

/// A match that can never win.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shadowed {
    /// The match.
    #[serde(flatten)]
    pub r#match: MatchName,
    /// The one with the same hostname and conditions that ranks before it.
    pub by: MatchName,
    /// Why that one does.
    pub because: String,
}

/// What became of a request in a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FilterFacts {
    /// `route-match`, `rate-limit` or `canary`.
    pub name: String,
    /// It answered itself.
    pub replied: bool,
    /// The filters of the rule and its backendRef that it carries out.
    pub route_filters: Vec<RouteFilter>,
    /// Request headers that it changed; `:path` is one of them.
    pub request: Vec<Change>,
    /// Response headers that it changed.
    pub response: Vec<Change>,
}

/// A filter of an HTTPRoute or GRPCRoute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteFilter {
    /// Its `type`.
    pub r#type: String,
    /// Where it is written.
    pub place: Place,
}

/// A header before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Name of the header.
    pub name: String,
    /// Absent: there was none. Several lines are joined by a comma.
    pub before: Option<String>,
    /// Absent: it was removed.
    pub after: Option<String>,
}

/// A limit that is counted in Envoy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitFacts {
    /// Name of the policy.
    pub policy: String,
    /// Name of its rule or tier table.
    pub rule: String,
    /// Where the policy is written.
    pub place: Option<Place>,
    /// Who is counted: `tier free (header x-user-tier)`, `header x-api-key = ann`, …
    pub of: Vec<String>,
    /// Requests per unit of time.
    pub requests: u32,
    /// `Second`, `Minute`, …
    pub unit: String,
    /// Most requests at once.
    pub burst: u64,
    /// Requests left.
    pub remaining: u64,
    /// Seconds until there is more; 0 while requests are left.
    pub reset_seconds: u64,
    /// Counted and not enforced.
    pub shadow_mode: bool,
}

/// A question to the rate limit service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceCall {
    /// The cluster that is called.
    pub cluster: String,
    /// The domain.
    pub domain: String,
    /// The counters.
    pub descriptors: Vec<Descriptor>,
}

/// A counter of the rate limit service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Pairs of key and value.
    pub entries: Vec<(String, String)>,
    /// The limit that is sent along: `3 per Hour`.
    pub limit: Option<String>,
}

/// The canary that decides on the backend.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CanaryFacts {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Option<Place>,
    /// The canary's share at that time, in per cent, guard included; absent if no backend is called
    /// the canary.
    pub percent: Option<f64>,
    /// Where that share comes from.
    pub plan: String,
    /// What decided.
    pub decided_by: DecidedBy,
    /// The same with the values.
    pub because: String,
    /// `canary` or `stable`; absent without a canary or a choice.
    pub side: Option<String>,
}

/// What decided on the backend, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DecidedBy {
    /// One of the overrides.
    Override,
    /// The session that the request brought along.
    Session,
    /// The client's key.
    Sticky,
    /// A drawn number.
    Chance,
}

/// The backends of the rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackendFacts {
    /// `<namespace>/<name>:<port>`; absent: the request reaches none.
    pub chosen: Option<String>,
    /// Why that one, or why none.
    pub because: String,
    /// All of them, in the order of the rule.
    pub shares: Vec<Share>,
}

/// A backend and its share.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// `<namespace>/<name>:<port>`.
    pub backend: String,
    /// Share of the requests that are not decided otherwise, in per cent.
    pub percent: f64,
    /// Why its share is answered 500.
    pub invalid: Option<ConditionFacts>,
}

/// What was refused of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionFacts {
    /// Kind, namespace and name of the object.
    pub object: String,
    /// `ResolvedRefs=False BackendNotFound`.
    pub condition: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Place,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AnswerFacts {
    /// HTTP status; absent if the connection is refused or closed.
    pub status: Option<u16>,
    /// Of gRPC.
    pub grpc_status: Option<String>,
    /// The backend that answered, an echo of it; absent if the gateway did.
    pub backend: Option<String>,
    /// Headers of an answer of the gateway; of a backend's, those that filters changed.
    pub headers: Vec<Header>,
    /// Body of an answer of the gateway.
    pub body: String,
}
