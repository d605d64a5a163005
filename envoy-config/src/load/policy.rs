//! What is used of Envoy Gateway's policies (`gateway.envoyproxy.io/v1alpha1`), after
//! `api/v1alpha1` of its release 1.9. Objects get here only after the check against [`schema`].

mod extension;
mod load_balancer;
pub(super) mod schema;
mod target;

use super::document::Document;
use gateway_filter_sdk::limit::spec::RateLimitSpec;
use serde::Deserialize;
use serde_json::Value;

pub(super) use extension::extension;
pub(crate) use extension::{CanaryExtension, Extensions};
pub(crate) use load_balancer::{
    ConsistentHash, HashCookie, HashType, LoadBalancer, LoadBalancerType,
};
pub(crate) use target::{Policy, TargetNamespaceFrom, TargetSelector};

/// BackendTrafficPolicy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TrafficSettings {
    #[serde(default)]
    pub(crate) merge_type: Option<MergeType>,
    #[serde(default)]
    pub(crate) rate_limit: Option<RateLimitSpec>,
    /// A [`LoadBalancer`], as it is written: it may have to be merged first.
    #[serde(default)]
    pub(crate) load_balancer: Option<Value>,
}

/// How a route's policy is merged into its parent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum MergeType {
    StrategicMerge,
    JSONMerge,
}

/// ClientTrafficPolicy.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClientSettings {
    #[serde(default)]
    headers: Option<ClientHeaders>,
    #[serde(default, rename = "clientIPDetection")]
    client_ip_detection: Option<ClientIpDetection>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientHeaders {
    #[serde(default)]
    disable_rate_limit_headers: Option<bool>,
    #[serde(default)]
    enable_envoy_headers: Option<bool>,
    #[serde(default)]
    early_request_headers: Option<EarlyHeaders>,
}

#[derive(Debug, Clone, Deserialize)]
struct EarlyHeaders {
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientIpDetection {
    #[serde(default)]
    x_forwarded_for: Option<ForwardedFor>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ForwardedFor {
    #[serde(default)]
    num_trusted_hops: Option<u32>,
}

impl ClientSettings {
    /// Answers carry no `x-ratelimit-*`.
    pub(crate) fn disables_rate_limit_headers(&self) -> bool {
        let headers = self.headers.as_ref();
        headers.and_then(|headers| headers.disable_rate_limit_headers) == Some(true)
    }

    /// Refusals carry `x-envoy-ratelimited`.
    pub(crate) fn enables_envoy_headers(&self) -> bool {
        let headers = self.headers.as_ref();
        headers.and_then(|headers| headers.enable_envoy_headers) == Some(true)
    }

    /// Request headers that are taken off before the first match.
    pub(crate) fn removed_request_headers(&self) -> &[String] {
        let headers = self.headers.as_ref();
        let early = headers.and_then(|headers| headers.early_request_headers.as_ref());
        early
            .map(|early| early.remove.as_slice())
            .unwrap_or_default()
    }

    /// Proxies that are trusted with X-Forwarded-For.
    pub(crate) fn trusted_hops(&self) -> u32 {
        let detection = self.client_ip_detection.as_ref();
        let forwarded = detection.and_then(|detection| detection.x_forwarded_for.as_ref());
        forwarded
            .and_then(|forwarded| forwarded.num_trusted_hops)
            .unwrap_or_default()
    }
}

/// SecurityPolicy, whose settings are all Envoy's own.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct SecuritySettings {}

/// The fields that are read here; all others are Envoy's own.
const READ: [&str; 8] = [
    "targetRef",
    "targetRefs",
    "targetSelectors",
    "mergeType",
    "rateLimit",
    "headers",
    "clientIPDetection",
    "wasm",
];

/// What a policy asks of Envoy itself.
pub(crate) fn left_to_envoy(document: &Document) -> Option<String> {
    let spec = document.value().get("spec").and_then(Value::as_object)?;
    let fields = spec.keys().map(String::as_str);
    let others: Vec<&str> = fields
        .filter(|field| !READ.contains(field))
        .map(|field| match field {
            // The canary filter chooses between Services.
            "loadBalancer" => "loadBalancer (within a Service)",
            field => field,
        })
        .collect();
    (!others.is_empty()).then(|| format!("left to Envoy: {}", others.join(", ")))
}
