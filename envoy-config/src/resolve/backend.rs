//! Whether a backendRef leads to a backend that the route may use.

use crate::load::model::{BackendRef, Route};
use crate::load::{GATEWAY_API, Manifests, Object};
use gateway_filter_sdk::route::spec::RouteKind;
use k8s_openapi::api::core::v1::{Service, ServicePort};

/// A backend that exists, as a backendRef leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) namespace: String,
    pub(crate) service: String,
    pub(crate) port: u16,
    pub(crate) http2: bool,
}

impl Resolved {
    /// `<namespace>/<service>:<port>`, as in the header that names the chosen backend.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}:{}", self.namespace, self.service, self.port)
    }
}

/// Why a backendRef is invalid: the reason of the `ResolvedRefs` condition, and what to tell.
pub(crate) type Invalid = (&'static str, String);

/// Follows a backendRef of `route`. What makes one invalid is in the docs of HTTPBackendRef: "it
/// refers to an unknown or unsupported kind of resource", "it refers to a resource that does not
/// exist", "it refers to a resource in another namespace when the reference has not been
/// explicitly allowed by a ReferenceGrant".
pub(crate) fn resolve(
    manifests: &Manifests,
    route: &Object<Route>,
    backend: &BackendRef,
) -> Result<Resolved, Invalid> {
    let group = backend.group.as_deref().unwrap_or_default();
    let kind = backend.kind.as_deref().unwrap_or("Service");
    if (group, kind) != ("", "Service") {
        let group = if group.is_empty() { "core" } else { group };
        return Err((
            "InvalidKind",
            format!("{group}/{kind} is not a kind of backend"),
        ));
    }
    let own = route.document.namespace();
    let namespace = backend.namespace.as_deref().unwrap_or(own);
    let name = &backend.name;
    let from = (GATEWAY_API, route.document.kind(), own);
    if namespace != own && !granted(manifests, from, ("", "Service", namespace), name) {
        let message =
            format!("no ReferenceGrant in namespace {namespace} lets {own} use Service {name}");
        return Err(("RefNotPermitted", message));
    }
    let Some(service) = manifests
        .services
        .get(&(namespace.to_owned(), name.clone()))
    else {
        return Err((
            "BackendNotFound",
            format!("there is no Service {namespace}/{name}"),
        ));
    };
    let (port, h2c) = port_of(service, backend.port)?;
    let http2 = h2c || route.value.kind == RouteKind::GRPCRoute;
    let (namespace, service) = (namespace.to_owned(), name.clone());
    Ok(Resolved {
        namespace,
        service,
        port,
        http2,
    })
}

/// The port that is referred to, and whether it is spoken to in HTTP/2.
fn port_of(service: &Object<Service>, port: Option<u16>) -> Result<(u16, bool), Invalid> {
    let refuse = |message: String| ("BackendNotFound", message);
    let port = port.ok_or_else(|| refuse("a reference to a Service needs a port".to_owned()))?;
    let h2c = is_h2c(&service.value, port).ok_or_else(|| {
        let name = service.document.full_name();
        refuse(format!("Service {name} has no port {port}"))
    })?;
    Ok((port, h2c))
}

/// Group, kind and namespace of what refers or is referred to.
type Kind<'a> = (&'a str, &'a str, &'a str);

/// ReferenceGrant: "from" names group, kind and namespace of the referrer, "to" group, kind and
/// perhaps name in the namespace of the grant. "When unspecified [the name], this policy refers to
/// all resources of the specified Group and Kind in the local namespace."
pub(crate) fn granted(manifests: &Manifests, from: Kind, to: Kind, name: &str) -> bool {
    let (group, kind, namespace) = to;
    let grants = manifests
        .grants
        .iter()
        .filter(|grant| grant.document.namespace() == namespace);
    grants.into_iter().any(|grant| {
        let from_allowed = grant
            .value
            .from
            .iter()
            .any(|entry| (&*entry.group, &*entry.kind, &*entry.namespace) == from);
        let to_allowed = grant.value.to.iter().any(|entry| {
            let named = entry.name.as_deref().filter(|name| !name.is_empty());
            entry.group == group && entry.kind == kind && named.is_none_or(|one| one == name)
        });
        from_allowed && to_allowed
    })
}

/// Whether the port is spoken to in HTTP/2; `None` if the Service has no such port. A Service
/// without any that is a name in the DNS has whichever its host serves.
fn is_h2c(service: &Service, port: u16) -> Option<bool> {
    let spec = service.spec.as_ref();
    let mut ports = spec
        .iter()
        .flat_map(|spec| spec.ports.iter().flatten())
        .filter(|one| is_tcp(one))
        .peekable();
    let external = spec.and_then(|spec| spec.type_.as_deref()) == Some("ExternalName");
    if external && ports.peek().is_none() {
        return Some(false);
    }
    ports
        .find(|one| one.port == i32::from(port))
        .map(speaks_h2c)
}

fn is_tcp(port: &ServicePort) -> bool {
    port.protocol.as_deref().unwrap_or("TCP") == "TCP"
}

/// The protocols that Envoy Gateway speaks to in HTTP/2 (1.9, `resolveBackendProtocol` in
/// `internal/gatewayapi/route.go`).
fn speaks_h2c(port: &ServicePort) -> bool {
    let protocol = port.app_protocol.as_deref();
    matches!(
        protocol,
        Some("kubernetes.io/h2c" | "gateway.envoyproxy.io/h2c" | "grpc")
    )
}
