//! Which kinds are known, and how objects of each are checked.

use super::document::Document;
use super::policy::schema::{BackendTrafficPolicy, ClientTrafficPolicy, EnvoyExtensionPolicy};
use super::route_filter::HTTPRouteFilter;
use super::typed;
use crate::load::problem::Problem;
use crate::load::validate;
use gateway_api::experimental::referencegrants;
use gateway_api::experimental::{gatewayclasses, gateways, grpcroutes, httproutes, listenersets};
use gateway_filter_sdk::route::spec::RouteKind;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use k8s_openapi::api::networking::v1::Ingress;

/// What an object is to this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    GatewayClass,
    Gateway,
    ListenerSet,
    Route(RouteKind),
    ReferenceGrant,
    HTTPRouteFilter,
    BackendTrafficPolicy,
    ClientTrafficPolicy,
    EnvoyExtensionPolicy,
    /// Not checked but for its targets.
    SecurityPolicy,
    Ingress,
    Service,
    ConfigMap,
    Namespace,
    /// A kind that belongs to Kubernetes, the Gateway API or Envoy Gateway, and is not used.
    Kept,
    /// A kind that is not known at all.
    Unknown,
}

/// API group of the Gateway API.
pub(crate) const GATEWAY_API: &str = "gateway.networking.k8s.io";
/// API group of Envoy Gateway's own kinds.
pub(crate) const ENVOY_GATEWAY: &str = "gateway.envoyproxy.io";

/// Kinds that are kept as they are written.
const KEPT: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "Secret",
            "ServiceAccount",
            "Pod",
            "Endpoints",
            "PersistentVolumeClaim",
        ],
    ),
    (
        "apps",
        &["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"],
    ),
    ("autoscaling", &["HorizontalPodAutoscaler"]),
    ("batch", &["Job", "CronJob"]),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("networking.k8s.io", &["IngressClass", "NetworkPolicy"]),
    ("policy", &["PodDisruptionBudget"]),
    (
        "rbac.authorization.k8s.io",
        &["Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"],
    ),
    (
        GATEWAY_API,
        &["TCPRoute", "TLSRoute", "UDPRoute", "BackendTLSPolicy"],
    ),
    (
        ENVOY_GATEWAY,
        &["Backend", "EnvoyPatchPolicy", "EnvoyProxy"],
    ),
];

pub(super) fn classify(group: &str, kind: &str) -> ObjectKind {
    match (group, kind) {
        (GATEWAY_API, "GatewayClass") => ObjectKind::GatewayClass,
        (GATEWAY_API, "Gateway") => ObjectKind::Gateway,
        (GATEWAY_API, "ListenerSet") => ObjectKind::ListenerSet,
        (GATEWAY_API, "HTTPRoute") => ObjectKind::Route(RouteKind::HTTPRoute),
        (GATEWAY_API, "GRPCRoute") => ObjectKind::Route(RouteKind::GRPCRoute),
        (GATEWAY_API, "ReferenceGrant") => ObjectKind::ReferenceGrant,
        (ENVOY_GATEWAY, "HTTPRouteFilter") => ObjectKind::HTTPRouteFilter,
        (ENVOY_GATEWAY, "BackendTrafficPolicy") => ObjectKind::BackendTrafficPolicy,
        (ENVOY_GATEWAY, "ClientTrafficPolicy") => ObjectKind::ClientTrafficPolicy,
        (ENVOY_GATEWAY, "EnvoyExtensionPolicy") => ObjectKind::EnvoyExtensionPolicy,
        (ENVOY_GATEWAY, "SecurityPolicy") => ObjectKind::SecurityPolicy,
        ("networking.k8s.io", "Ingress") => ObjectKind::Ingress,
        ("", "Service") => ObjectKind::Service,
        ("", "ConfigMap") => ObjectKind::ConfigMap,
        ("", "Namespace") => ObjectKind::Namespace,
        _ if KEPT
            .iter()
            .any(|(known, kinds)| *known == group && kinds.contains(&kind)) =>
        {
            ObjectKind::Kept
        }
        _ => ObjectKind::Unknown,
    }
}

/// What an API server would say against the object: version, shape, then values.
pub(super) fn check(document: &Document) -> Vec<Problem> {
    let kind = document.object_kind();
    let versions = versions(kind);
    if !versions.is_empty() && !versions.contains(&document.version()) {
        let message = format!(
            "{} has no version `{}`, only {}",
            document.kind(),
            document.version(),
            versions.join(", ")
        );
        return vec![*document.problem("apiVersion", message)];
    }
    let mut problems = match kind {
        ObjectKind::GatewayClass => typed::check::<gatewayclasses::GatewayClass>(document),
        ObjectKind::Gateway => typed::check::<gateways::Gateway>(document),
        ObjectKind::ListenerSet => typed::check::<listenersets::ListenerSet>(document),
        ObjectKind::Route(RouteKind::HTTPRoute) => typed::check::<httproutes::HttpRoute>(document),
        ObjectKind::Route(RouteKind::GRPCRoute) => typed::check::<grpcroutes::GrpcRoute>(document),
        ObjectKind::ReferenceGrant => typed::check::<referencegrants::ReferenceGrant>(document),
        ObjectKind::HTTPRouteFilter => typed::check::<HTTPRouteFilter>(document),
        ObjectKind::BackendTrafficPolicy => typed::check::<BackendTrafficPolicy>(document),
        ObjectKind::ClientTrafficPolicy => typed::check::<ClientTrafficPolicy>(document),
        ObjectKind::EnvoyExtensionPolicy => typed::check::<EnvoyExtensionPolicy>(document),
        ObjectKind::Ingress => typed::check::<Ingress>(document),
        ObjectKind::Service => typed::check::<Service>(document),
        ObjectKind::ConfigMap => typed::check::<ConfigMap>(document),
        ObjectKind::Namespace => typed::check::<Namespace>(document),
        ObjectKind::SecurityPolicy | ObjectKind::Kept | ObjectKind::Unknown => Vec::new(),
    };
    if problems.is_empty() {
        problems = validate::check(document, kind);
    }
    problems
}

/// The served versions; empty where any will do.
fn versions(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::GatewayClass
        | ObjectKind::Gateway
        | ObjectKind::Route(RouteKind::HTTPRoute)
        | ObjectKind::ReferenceGrant => &["v1", "v1beta1"],
        ObjectKind::HTTPRouteFilter
        | ObjectKind::BackendTrafficPolicy
        | ObjectKind::ClientTrafficPolicy
        | ObjectKind::EnvoyExtensionPolicy => &["v1alpha1"],
        ObjectKind::ListenerSet
        | ObjectKind::Route(RouteKind::GRPCRoute)
        | ObjectKind::Ingress
        | ObjectKind::Service
        | ObjectKind::ConfigMap
        | ObjectKind::Namespace => &["v1"],
        ObjectKind::SecurityPolicy | ObjectKind::Kept | ObjectKind::Unknown => &[],
    }
}
