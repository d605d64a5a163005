//! What the filters did and decided.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Header, SourceLocation};

/// What became of a request in a filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilterFacts {
    /// `gateway`.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteFilter {
    /// Its `type`.
    pub r#type: String,
    /// Where it is written.
    pub place: SourceLocation,
}

/// A header before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitFacts {
    /// Name of the policy.
    pub policy: String,
    /// Name of its rule or tier table.
    pub rule: String,
    /// Where the policy is written.
    pub place: Option<SourceLocation>,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Pairs of key and value.
    pub entries: Vec<(String, String)>,
    /// The limit that is sent along: `3 per Hour`.
    pub limit: Option<String>,
}

/// The canary that decides on the backend.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CanaryFacts {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Option<SourceLocation>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConditionFacts {
    /// Kind, namespace and name of the object.
    pub object: String,
    /// `ResolvedRefs=False BackendNotFound`.
    pub condition: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: SourceLocation,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
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
