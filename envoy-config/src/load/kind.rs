//! Which kinds are known.

use gateway_filter_sdk::route::spec::RouteKind;

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
