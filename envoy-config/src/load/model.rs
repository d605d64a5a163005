//! What is used of the Gateway API's types, once for the kinds that share it: a listener is the
//! same in Gateway and ListenerSet, and HTTPRoute and GRPCRoute differ in their matches alone.
//! Objects get here only after the check against the full types.

use super::kind::GATEWAY_API;
use gateway_filter_sdk::route::spec::{MatchSpec, RouteKind};
use gateway_filter_sdk::split::spec::SessionPersistenceSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GatewaySpec {
    pub(crate) listeners: Vec<Listener>,
    #[serde(default)]
    pub(crate) allowed_listeners: Option<AllowedListeners>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListenerSetSpec {
    pub(crate) parent_ref: ParentRef,
    pub(crate) listeners: Vec<Listener>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AllowedListeners {
    #[serde(default)]
    pub(crate) namespaces: Option<NamespaceFilter>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listener {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) hostname: Option<String>,
    pub(crate) port: u16,
    pub(crate) protocol: String,
    #[serde(default)]
    pub(crate) tls: Option<ListenerTls>,
    #[serde(default)]
    pub(crate) allowed_routes: Option<AllowedRoutes>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListenerTls {
    #[serde(default)]
    pub(crate) certificate_refs: Vec<SecretRef>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct SecretRef {
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AllowedRoutes {
    #[serde(default)]
    pub(crate) namespaces: Option<NamespaceFilter>,
    #[serde(default)]
    pub(crate) kinds: Option<Vec<GroupKind>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GroupKind {
    #[serde(default)]
    pub(crate) group: Option<String>,
    pub(crate) kind: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct NamespaceFilter {
    #[serde(default)]
    pub(crate) from: Option<FromNamespaces>,
    #[serde(default)]
    pub(crate) selector: Option<LabelSelector>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum FromNamespaces {
    All,
    Selector,
    Same,
    None,
}

#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) kind: RouteKind,
    pub(crate) spec: RouteSpec,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteSpec {
    #[serde(default)]
    pub(crate) parent_refs: Option<Vec<ParentRef>>,
    #[serde(default)]
    pub(crate) hostnames: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) rules: Option<Vec<RouteRule>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentRef {
    #[serde(default)]
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) section_name: Option<String>,
    #[serde(default)]
    pub(crate) port: Option<u16>,
}

impl ParentRef {
    /// The parent's kind, if it is one of the Gateway API's.
    pub(crate) fn gateway_api_kind(&self) -> Option<&str> {
        let group = self.group.as_deref().unwrap_or(GATEWAY_API);
        (group == GATEWAY_API).then(|| self.kind.as_deref().unwrap_or("Gateway"))
    }
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteRule {
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) matches: Option<Vec<MatchSpec>>,
    /// Left as they are: most are what the route-match filter reads, to the letter.
    #[serde(default)]
    pub(crate) filters: Option<Vec<Value>>,
    #[serde(default)]
    pub(crate) backend_refs: Option<Vec<BackendRef>>,
    #[serde(default)]
    pub(crate) timeouts: Option<Timeouts>,
    #[serde(default)]
    pub(crate) retry: Option<Retry>,
    #[serde(default)]
    pub(crate) session_persistence: Option<SessionPersistenceSpec>,
}

/// HTTPRoute `timeouts`; durations as of GEP-2257, zero is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timeouts {
    /// "the maximum duration for a gateway to respond to an HTTP request".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// "a timeout for an individual request from the gateway to a backend".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_request: Option<String>,
}

/// HTTPRoute `retry`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retry {
    /// "the HTTP response status codes for which a backend request should be retried".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<u16>,
    /// "the maximum number of times an individual request from the gateway to a backend should be
    /// retried".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// "the minimum duration a Gateway should wait between retry attempts", as of GEP-2257.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct BackendRef {
    #[serde(default)]
    pub(crate) group: Option<String>,
    #[serde(default)]
    pub(crate) kind: Option<String>,
    #[serde(default)]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) port: Option<u16>,
    #[serde(default)]
    pub(crate) weight: Option<u32>,
    #[serde(default)]
    pub(crate) filters: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GrantSpec {
    pub(crate) from: Vec<GrantFrom>,
    pub(crate) to: Vec<GrantTo>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GrantFrom {
    pub(crate) group: String,
    pub(crate) kind: String,
    pub(crate) namespace: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GrantTo {
    pub(crate) group: String,
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
}
