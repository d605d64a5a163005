//! `loadBalancer` of a BackendTrafficPolicy, after `api/v1alpha1/loadbalancer_types.go`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadBalancer {
    #[serde(rename = "type")]
    pub(crate) kind: LoadBalancerType,
    #[serde(default)]
    pub(crate) consistent_hash: Option<ConsistentHash>,
    #[serde(default, rename = "backendUtilization")]
    _backend_utilization: Option<Value>,
    #[serde(default, rename = "dynamicModule")]
    _dynamic_module: Option<Value>,
    #[serde(default, rename = "endpointOverride")]
    _endpoint_override: Option<Value>,
    #[serde(default, rename = "slowStart")]
    _slow_start: Option<Value>,
    #[serde(default, rename = "zoneAware")]
    _zone_aware: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum LoadBalancerType {
    ConsistentHash,
    LeastRequest,
    Random,
    RoundRobin,
    BackendUtilization,
    DynamicModule,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConsistentHash {
    #[serde(rename = "type")]
    pub(crate) kind: HashType,
    #[serde(default)]
    pub(crate) header: Option<Named>,
    #[serde(default)]
    pub(crate) headers: Vec<Named>,
    #[serde(default)]
    pub(crate) cookie: Option<HashCookie>,
    #[serde(default)]
    pub(crate) query_params: Vec<Named>,
    #[serde(default, rename = "tableSize")]
    _table_size: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum HashType {
    SourceIP,
    Header,
    Headers,
    Cookie,
    QueryParams,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct HashCookie {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) ttl: Option<String>,
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, String>,
}
