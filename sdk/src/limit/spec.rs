//! The configuration of limits as it is written: serde structures in Envoy Gateway's field names.
//!
//! The `rateLimit` of a BackendTrafficPolicy can be pasted as it is; what Envoy Gateway does not have
//! is added in the same style. Unknown fields are refused; values are checked when the
//! `Limiter` is built.

use crate::route::spec::HeaderSpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// Hands tier, client and cost to Envoy Gateway's own global limiter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_over: Option<HandOverSpec>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where the filter learns which route rule a request matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteFrom {
    /// Envoy's attribute `xds.route_name`, which no client can forge.
    #[default]
    Envoy,
    /// The header `x-gateway-route`, which `route-match` writes; only behind that filter.
    Header,
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

/// Which requests a rule is for, and what tells clients apart: all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectorSpec {
    /// "Multiple header values are ANDed together, meaning, a request MUST match all the specified
    /// headers."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<ValueSelectorSpec>,
    /// "Multiple method values are ORed together."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<MethodSelectorSpec>,
    /// Compared with `:path`, query included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathSelectorSpec>,
    /// The client's address.
    #[serde(
        default,
        rename = "sourceCIDR",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_cidr: Option<SourceSelectorSpec>,
    /// Query parameters, decoded; the first value of a name counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_params: Vec<ValueSelectorSpec>,
    /// Cookies. Not in Envoy Gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<ValueSelectorSpec>,
    /// Claims of the bearer token, decoded and not verified: Envoy's jwt filter runs before. Not in
    /// Envoy Gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jwt_claims: Vec<ValueSelectorSpec>,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueSelectorSpec {
    /// `Exact` when absent.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: ValueSelectorType,
    /// Name of the header, parameter, cookie or claim.
    pub name: String,
    /// Not for `Distinct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The condition holds where the value does not match. Not for `Distinct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueSelectorType {
    /// Byte for byte.
    #[default]
    Exact,
    /// A pattern for the whole value.
    RegularExpression,
    /// "Each unique value will receive its own rate limit bucket."
    Distinct,
}

/// A method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodSelectorSpec {
    /// The method, in capitals.
    pub value: String,
    /// Every method but this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathSelectorSpec {
    /// `PathPrefix` when absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<crate::route::spec::MatchKind>,
    /// `/` when absent.
    #[serde(default = "root_path")]
    pub value: String,
    /// The condition holds where the path does not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

fn root_path() -> String {
    "/".to_owned()
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSelectorSpec {
    /// `Exact` when absent.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: SourceSelectorType,
    /// `192.168.0.0/24`, `2001:db8::/64`.
    pub value: String,
    /// The condition holds for clients outside of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// Whether the clients of a network share a counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceSelectorType {
    /// "All IP Addresses within the specified Source IP CIDR are treated as a single client selector
    /// and share the same rate limit bucket."
    #[default]
    Exact,
    /// "Each IP Address within the specified Source IP CIDR is treated as a distinct client selector
    /// and uses a separate rate limit bucket/counter."
    Distinct,
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

/// Limits per tier, counted per client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierTableSpec {
    /// The table's name in metrics and in the service's descriptors; `tiers-<index>` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Local when absent.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: LimitType,
    /// What names the tier of a request.
    pub tier: KeySpec,
    /// What tells clients apart. A request without it is counted with all others of its tier that
    /// lack it.
    pub key: KeySpec,
    /// The limit of each client of a tier, by the tier's name.
    pub limits: BTreeMap<String, LimitSpec>,
    /// The tier of requests that name none, or one that has no limit here. Absent: the table does
    /// not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_tier: Option<String>,
    /// Limits for single clients, by the value of their key, whatever their tier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, LimitSpec>,
    /// What a request counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostSpec>,
    /// Counted over all routes; true when absent, for a tier is a promise to a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
    /// Counted and not enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_mode: Option<bool>,
}

/// A value of the request; exactly one member is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySpec {
    /// The first value of a header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// A claim of the bearer token, or a path of claims joined by dots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_claim: Option<String>,
    /// A cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    /// A query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query_param: Option<String>,
    /// The client's address: `true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_address: Option<bool>,
}

/// The rate limit service (envoyproxy/ratelimit or another with its API).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSpec {
    /// Name of the cluster, spoken to in HTTP/2.
    pub cluster: String,
    /// One domain for all counters, with Envoy Gateway's domain as first entry of each descriptor,
    /// and the limits sent along: the service needs to know no more than the domain. Absent: the
    /// domains and descriptors of Envoy Gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Put in front of every descriptor, as the name of a cluster that shares the service with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntrySpec>,
    /// How long an answer may take, as `20ms` or `1s`; 20 ms when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// What happens without an answer: true is 500, false lets the request pass. False when absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fail_closed: bool,
    /// Takes several hits of a hot key at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseSpec>,
    /// How long a refusal is remembered at most, as `10s`, so that a client that is over its limit
    /// costs no call; absent is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember_refusals: Option<String>,
}

/// One entry of a descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntrySpec {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Hits taken in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaseSpec {
    /// At most so many at once, 2 to 10,000; near the limit fewer.
    pub hits: u32,
}

/// What a refused client is answered. A gRPC caller gets RESOURCE_EXHAUSTED and the body as message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplySpec {
    /// HTTP status, 400 to 599; 429 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Body; empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Content type of the body; text/plain when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Further headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSpec>,
}

/// What Envoy Gateway's own global limiter gets to select on. Each header is overwritten or removed,
/// so that no client can forge it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandOverSpec {
    /// What names the tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<KeySpec>,
    /// Tiers that are known; another value becomes the default tier. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<String>,
    /// The tier of requests without a known one; absent: the header is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_tier: Option<String>,
    /// Header for the tier; `x-gateway-tier` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_header: Option<String>,
    /// What tells clients apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeySpec>,
    /// Header for the client; `x-gateway-client` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// A number in the request that becomes its cost, as filter state `envoy.ratelimit.hits_addend`;
    /// 1 where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<KeySpec>,
}
