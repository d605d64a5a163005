//! The shapes of the policies as their custom resource definitions have them. What is left to
//! Envoy is not looked into.
#![expect(
    dead_code,
    reason = "objects are read into these for their shape alone"
)]

use super::load_balancer::LoadBalancer;
use gateway_filter_sdk::limit::spec::{
    CostFrom, LimitType, SourceSelectorType, Unit, ValueSelectorType, XRateLimitHeaders,
};
use gateway_filter_sdk::route::spec::MatchKind;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, ObjectMeta,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

pub(in crate::load) type BackendTrafficPolicy = PolicyObject<BackendTrafficPolicySpec>;
pub(in crate::load) type ClientTrafficPolicy = PolicyObject<ClientTrafficPolicySpec>;
pub(in crate::load) type EnvoyExtensionPolicy = PolicyObject<EnvoyExtensionPolicySpec>;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::load) struct PolicyObject<S> {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: S,
    status: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::load) struct BackendTrafficPolicySpec {
    target_ref: Option<TargetRef>,
    target_refs: Option<Vec<TargetRef>>,
    target_selectors: Option<Vec<TargetSelector>>,
    merge_type: Option<MergeType>,
    rate_limit: Option<RateLimit>,
    admission_control: Option<Value>,
    bandwidth_limit: Option<Value>,
    circuit_breaker: Option<Value>,
    compression: Option<Value>,
    compressor: Option<Value>,
    connection: Option<Value>,
    dns: Option<Value>,
    fault_injection: Option<Value>,
    health_check: Option<Value>,
    http2: Option<Value>,
    http_upgrade: Option<Value>,
    load_balancer: Option<LoadBalancer>,
    proxy_protocol: Option<Value>,
    request_buffer: Option<Value>,
    response_override: Option<Value>,
    retry: Option<Value>,
    routing_type: Option<Value>,
    tcp_keepalive: Option<Value>,
    telemetry: Option<Value>,
    timeout: Option<Value>,
    use_client_protocol: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::load) struct ClientTrafficPolicySpec {
    target_ref: Option<TargetRef>,
    target_refs: Option<Vec<TargetRef>>,
    target_selectors: Option<Vec<TargetSelector>>,
    headers: Option<Headers>,
    #[serde(rename = "clientIPDetection")]
    client_ip_detection: Option<ClientIpDetection>,
    connection: Option<Value>,
    enable_proxy_protocol: Option<Value>,
    grpc: Option<Value>,
    health_check: Option<Value>,
    http1: Option<Value>,
    http2: Option<Value>,
    http3: Option<Value>,
    path: Option<Value>,
    proxy_protocol: Option<Value>,
    scheme: Option<Value>,
    tcp_keepalive: Option<Value>,
    timeout: Option<Value>,
    tls: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Headers {
    disable_rate_limit_headers: Option<bool>,
    enable_envoy_headers: Option<bool>,
    early_request_headers: Option<Value>,
    host: Option<Value>,
    late_response_headers: Option<Value>,
    #[serde(rename = "preserveXRequestID")]
    preserve_x_request_id: Option<Value>,
    #[serde(rename = "requestID")]
    request_id: Option<Value>,
    with_underscores_action: Option<Value>,
    x_forwarded_client_cert: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ClientIpDetection {
    x_forwarded_for: Option<ForwardedFor>,
    custom_header: Option<Value>,
    #[serde(rename = "directSourceIP")]
    direct_source_ip: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ForwardedFor {
    num_trusted_hops: Option<u32>,
    #[serde(rename = "trustedCIDRs")]
    trusted_cidrs: Option<Value>,
    disable_x_forwarded_for_append: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(in crate::load) struct EnvoyExtensionPolicySpec {
    target_ref: Option<TargetRef>,
    target_refs: Option<Vec<TargetRef>>,
    target_selectors: Option<Vec<TargetSelector>>,
    merge_type: Option<MergeType>,
    wasm: Option<Vec<Wasm>>,
    dynamic_module: Option<Value>,
    ext_proc: Option<Value>,
    lua: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Wasm {
    name: Option<String>,
    #[serde(rename = "rootID")]
    root_id: Option<String>,
    code: Value,
    config: Option<Value>,
    fail_open: Option<bool>,
    env: Option<Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TargetRef {
    group: String,
    kind: String,
    name: String,
    section_name: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TargetSelector {
    group: Option<String>,
    kind: String,
    namespaces: Option<TargetNamespaces>,
    match_labels: Option<BTreeMap<String, String>>,
    match_expressions: Option<Vec<LabelSelectorRequirement>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TargetNamespaces {
    from: Option<TargetNamespaceFrom>,
    selector: Option<LabelSelector>,
}

#[derive(Debug, Deserialize, JsonSchema)]
enum TargetNamespaceFrom {
    Same,
    All,
    Selector,
}

/// `Replace`, which Envoy Gateway has for other kinds, "is not a valid MergeType" of a policy.
#[derive(Debug, Deserialize, JsonSchema)]
enum MergeType {
    StrategicMerge,
    JSONMerge,
}

/// `ratelimit_types.go`.
#[derive(Debug, Deserialize, JsonSchema)]
struct RateLimit {
    #[serde(rename = "type")]
    #[schemars(with = "Option<String>")]
    kind: Option<LimitType>,
    global: Option<GlobalRules>,
    local: Option<LocalRules>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct GlobalRules {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct LocalRules {
    #[serde(default)]
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Rule {
    #[serde(default)]
    client_selectors: Vec<Selector>,
    limit: Limit,
    cost: Option<Cost>,
    shared: Option<bool>,
    shadow_mode: Option<bool>,
    #[schemars(with = "Option<String>")]
    x_rate_limit_headers: Option<XRateLimitHeaders>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Selector {
    #[serde(default)]
    headers: Vec<ValueSelector>,
    #[serde(default)]
    methods: Vec<Method>,
    path: Option<PathSelector>,
    #[serde(rename = "sourceCIDR")]
    source_cidr: Option<SourceSelector>,
    #[serde(default)]
    query_params: Vec<ValueSelector>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ValueSelector {
    #[serde(rename = "type")]
    #[schemars(with = "Option<String>")]
    kind: Option<ValueSelectorType>,
    name: String,
    value: Option<String>,
    invert: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Method {
    value: String,
    invert: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PathSelector {
    #[serde(rename = "type")]
    #[schemars(with = "Option<String>")]
    kind: Option<MatchKind>,
    value: Option<String>,
    invert: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct SourceSelector {
    #[serde(rename = "type")]
    #[schemars(with = "Option<String>")]
    kind: Option<SourceSelectorType>,
    value: String,
    invert: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Limit {
    requests: u32,
    #[schemars(with = "String")]
    unit: Unit,
    from_metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Cost {
    request: Option<CostSource>,
    response: Option<CostSource>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct CostSource {
    #[schemars(with = "String")]
    from: CostFrom,
    number: Option<u32>,
    metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Metadata {
    namespace: String,
    key: String,
}
