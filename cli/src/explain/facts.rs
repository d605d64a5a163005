//! What an explanation says. As JSON it is these fields in camel case; they may be added to, and are
//! not renamed or removed.

mod decided;

pub use decided::{
    AnswerFacts, BackendFacts, CanaryFacts, Change, ConditionFacts, DecidedBy, Descriptor,
    FilterFacts, LimitFacts, RouteFilter, ServiceCall, Share,
};

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// Why one Gateway answers a request as it does.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct SourceLocation {
    /// The file as it was named.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// Bytes that are no text are replaced.
    pub value: String,
}

/// Which listener takes the request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
    pub place: Option<SourceLocation>,
}

/// A listener that does not take the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OtherListener {
    /// The listener.
    #[serde(flatten)]
    pub listener: ListenerName,
    /// Why not.
    pub because: String,
}

/// One match of one rule, for one hostname.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
    pub place: Option<SourceLocation>,
}

/// The match that won.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Winner {
    /// The match.
    #[serde(flatten)]
    pub r#match: MatchName,
    /// Of a CORS preflight, the method that it was matched with.
    pub preflight_for: Option<String>,
}

/// A match that would have won were it not for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NearMiss {
    /// The match.
    #[serde(flatten)]
    pub r#match: MatchName,
    /// What failed, never empty.
    pub failed: Vec<Failed>,
}

/// A condition that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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

/// Bytes as text, whatever they are.
pub(super) fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
