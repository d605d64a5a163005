//! The configuration of limits as it is written: serde structures in Envoy Gateway's field names.
//!
//! The `rateLimit` of a BackendTrafficPolicy can be pasted as it is; what Envoy Gateway does not have
//! is added in the same style. Unknown fields are refused; values are checked when the
//! `Limiter` is built.

mod selector;
mod service;
mod tier;

pub use selector::{
    MethodSelectorSpec, PathSelectorSpec, SelectorSpec, SourceSelectorSpec, SourceSelectorType,
    ValueSelectorSpec, ValueSelectorType,
};
pub use service::{EntrySpec, HandOverSpec, LeaseSpec, ReplySpec, ServiceSpec};
pub use tier::TierTableSpec;

use crate::target::RouteFrom;
use serde::{Deserialize, Serialize};

/// The configuration of the `rate-limit` filter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimitFilterSpec {
    /// Where the name of the matched route is read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub route_from: RouteFrom,
    /// The names of the Gateway's listeners, `<namespace>/<Gateway>/<listener>`. With two or more,
    /// counters that are not shared are kept apart by listener, and targets may name listeners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<String>,
    /// The first policy with a matching target applies, and no other.
    pub policies: Vec<PolicySpec>,
    /// The rate limit service; needed where a policy has global limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceSpec>,
    /// What a refused client is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<ReplySpec>,
    /// `x-envoy-ratelimited: true` on refusals, as ClientTrafficPolicy `headers.enableEnvoyHeaders`
    /// switches on.
    #[serde(default, skip_serializing_if = "is_default")]
    pub enable_envoy_headers: bool,
    /// Distinct keys that each local rule counts one by one; 10,000 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_keys: Option<u32>,
    /// What becomes of a request when the host refuses what counting it needs: 500, or by default it
    /// goes on uncounted. For a service that does not answer, see `service.failClosed`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fail_closed: bool,
    /// Hands tier, client and cost to Envoy Gateway's own global limiter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOverSpec>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Limits and the routes that they are for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// `<namespace>/<name>`; shared counters are counted under it, metrics are named after it.
    pub name: String,
    /// What the policy is for; absent is every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<TargetSpec>>,
    /// As a BackendTrafficPolicy has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitSpec>,
    /// Limits per tier and client; each table counts beside the rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<TierTableSpec>,
    /// Whether answers carry `x-ratelimit-*`; DraftVersion03 when absent. Envoy Gateway:
    /// ClientTrafficPolicy `headers.disableRateLimitHeaders`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_rate_limit_headers: Option<XRateLimitHeaders>,
}

/// A route, one of its rules, or all routes, on some or all listeners.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetSpec {
    /// `httproute/<namespace>/<name>` or `grpcroute/<namespace>/<name>`; absent is every route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Index of a rule of that route; absent is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
    /// Names from [`RateLimitFilterSpec::listeners`]; absent is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listeners: Option<Vec<String>>,
}

/// BackendTrafficPolicy `rateLimit`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimitSpec {
    /// "Deprecated: Use Global and/or Local fields directly instead." Accepted and not used.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<LimitType>,
    /// Limits counted in this Envoy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<RulesSpec>,
    /// Limits counted by the rate limit service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub global: Option<RulesSpec>,
}

/// Where a limit is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitType {
    /// In the proxy.
    #[default]
    Local,
    /// In the service.
    Global,
}

/// The rules of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RulesSpec {
    /// Local: all that match are tried, the strictest first, and the one without selectors counts
    /// only when no other matches. Global: all that match are charged, and a refusal by one
    /// refuses the request.
    #[serde(default)]
    pub rules: Vec<LimitRuleSpec>,
}

/// One rule of a `rateLimit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitRuleSpec {
    /// The rule's name in metrics; `local-<index>` or `global-<index>` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// "All individual select conditions must hold True for this rule and its limit to be applied."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_selectors: Vec<SelectorSpec>,
    /// How much.
    pub limit: LimitSpec,
    /// How much a request and its response count; 1 and nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostSpec>,
    /// "If set to true, the rule is treated as a common bucket and is shared across all policy
    /// targets (xRoutes)."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
    /// "The outcome is never enforced. The request always succeeds, even if the configured limit is
    /// exceeded."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_mode: Option<bool>,
    /// Overrides the policy's for this rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x_rate_limit_headers: Option<XRateLimitHeaders>,
    /// The policy, `<namespace>/<name>`, and index that a shared rule was written as, where policies
    /// were merged: it is counted there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_from: Option<MergedFromSpec>,
}

/// Where a rule of a merged policy was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MergedFromSpec {
    /// `<namespace>/<name>`.
    pub policy: String,
    /// Index among its rules of the same kind.
    pub rule: u32,
}

/// So many requests in a unit of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitSpec {
    /// Requests, 0 to 4,294,967,295; 0 for a global limit only, where it refuses all.
    pub requests: u32,
    /// In this time.
    pub unit: Unit,
    /// Most requests at once; `requests` when absent. Local limits only. Not in Envoy Gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Dynamic metadata `{requests_per_unit, unit}` that overrides the limit of a request. Global
    /// limits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_metadata: Option<MetadataSpec>,
}

/// Units of time. A month has 30 days, a year 365, as in the rate limit service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// 1 s.
    Second,
    /// 60 s.
    Minute,
    /// 3,600 s.
    Hour,
    /// 86,400 s.
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

impl Unit {
    /// Its length in seconds.
    pub const fn seconds(self) -> u32 {
        match self {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3_600,
            Unit::Day => 86_400,
            Unit::Week => 7 * 86_400,
            Unit::Month => 30 * 86_400,
            Unit::Year => 365 * 86_400,
        }
    }
}

/// What a request and its response count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CostSpec {
    /// "The number to reduce the rate limit counters on the request path"; 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<CostSourceSpec>,
    /// "The number to reduce the rate limit counters after the response is sent back to the client
    /// or the request stream is closed." Global limits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<CostSourceSpec>,
}

/// Where a cost comes from; `from` names the member that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CostSourceSpec {
    /// Which.
    pub from: CostFrom,
    /// "Using zero can be used to only check the rate limit counters without reducing them."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// Dynamic metadata of the request, a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<MetadataSpec>,
}

/// The sources of a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CostFrom {
    /// A fixed number.
    Number,
    /// Dynamic metadata that another filter wrote.
    Metadata,
}

/// An entry of the request's dynamic metadata.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MetadataSpec {
    /// The filter's namespace.
    pub namespace: String,
    /// The key in it.
    pub key: String,
}

/// Whether answers carry `x-ratelimit-*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum XRateLimitHeaders {
    /// They do not.
    Off,
    /// `x-ratelimit-limit`, `-remaining` and `-reset` after draft-polli-ratelimit-headers-03.
    DraftVersion03,
}
