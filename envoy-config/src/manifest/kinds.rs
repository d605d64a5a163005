//! Which kinds are known, and how objects of each are checked.

use super::document::Document;
use super::route_filter::HTTPRouteFilter;
use super::typed;
use crate::problem::Problem;
use crate::validate;
use gateway_api::experimental::referencegrants;
use gateway_api::experimental::{gatewayclasses, gateways, grpcroutes, httproutes, listenersets};
use gateway_filter_sdk::route::spec::RouteKind;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};

/// What an object is to this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    GatewayClass,
    Gateway,
    ListenerSet,
    Route(RouteKind),
    ReferenceGrant,
    HTTPRouteFilter,
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
    (
        "networking.k8s.io",
        &["Ingress", "IngressClass", "NetworkPolicy"],
    ),
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
        &[
            "Backend",
            "BackendTrafficPolicy",
            "ClientTrafficPolicy",
            "EnvoyExtensionPolicy",
            "EnvoyPatchPolicy",
            "EnvoyProxy",
            "SecurityPolicy",
        ],
    ),
];

pub(super) fn classify(group: &str, kind: &str) -> Class {
    match (group, kind) {
        (GATEWAY_API, "GatewayClass") => Class::GatewayClass,
        (GATEWAY_API, "Gateway") => Class::Gateway,
        (GATEWAY_API, "ListenerSet") => Class::ListenerSet,
        (GATEWAY_API, "HTTPRoute") => Class::Route(RouteKind::HTTPRoute),
        (GATEWAY_API, "GRPCRoute") => Class::Route(RouteKind::GRPCRoute),
        (GATEWAY_API, "ReferenceGrant") => Class::ReferenceGrant,
        (ENVOY_GATEWAY, "HTTPRouteFilter") => Class::HTTPRouteFilter,
        ("", "Service") => Class::Service,
        ("", "ConfigMap") => Class::ConfigMap,
        ("", "Namespace") => Class::Namespace,
        _ if KEPT
            .iter()
            .any(|(known, kinds)| *known == group && kinds.contains(&kind)) =>
        {
            Class::Kept
        }
        _ => Class::Unknown,
    }
}

/// What an API server would say against the object: version, shape, then values.
pub(super) fn check(document: &Document) -> Vec<Problem> {
    let class = document.class();
    let versions = versions(class);
    if !versions.is_empty() && !versions.contains(&document.version()) {
        let message = format!(
            "{} has no version `{}`, only {}",
            document.kind(),
            document.version(),
            versions.join(", ")
        );
        return vec![document.problem("apiVersion", message)];
    }
    let mut problems = match class {
        Class::GatewayClass => typed::check::<gatewayclasses::GatewayClass>(document),
        Class::Gateway => typed::check::<gateways::Gateway>(document),
        Class::ListenerSet => typed::check::<listenersets::ListenerSet>(document),
        Class::Route(RouteKind::HTTPRoute) => typed::check::<httproutes::HttpRoute>(document),
        Class::Route(RouteKind::GRPCRoute) => typed::check::<grpcroutes::GrpcRoute>(document),
        Class::ReferenceGrant => typed::check::<referencegrants::ReferenceGrant>(document),
        Class::HTTPRouteFilter => typed::check::<HTTPRouteFilter>(document),
        Class::Service => typed::check::<Service>(document),
        Class::ConfigMap => typed::check::<ConfigMap>(document),
        Class::Namespace => typed::check::<Namespace>(document),
        Class::Kept | Class::Unknown => Vec::new(),
    };
    if problems.is_empty() {
        problems = validate::check(document, class);
    }
    problems
}

/// The served versions; empty where any will do.
fn versions(class: Class) -> &'static [&'static str] {
    match class {
        Class::GatewayClass
        | Class::Gateway
        | Class::Route(RouteKind::HTTPRoute)
        | Class::ReferenceGrant => &["v1", "v1beta1"],
        Class::HTTPRouteFilter => &["v1alpha1"],
        Class::ListenerSet
        | Class::Route(RouteKind::GRPCRoute)
        | Class::Service
        | Class::ConfigMap
        | Class::Namespace => &["v1"],
        Class::Kept | Class::Unknown => &[],
    }
}
