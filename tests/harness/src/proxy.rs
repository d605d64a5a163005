//! What `gwf bundle` writes for a Gateway, as Envoy Gateway would hand it to Envoy.
//!
//! The objects are written, read back and translated, so that every scenario that is replayed proves
//! what a cluster would get. After Envoy Gateway 1.9 (`internal/gatewayapi`, `internal/xds/translator`),
//! for the objects that a bundle is made of.

mod certificate;
mod policy;
mod route;
mod self_signed;

pub use self_signed::{Certificates, InvalidNames};

use crate::model::{Cluster, Listener, Proxy, ServiceCluster, Tls, UpstreamProtocol};
use crate::wasm_host::WasmCode;
use gateway_bundle::{
    Bundle, GatewayBundle, KustomizeOptions, ListenerInfo, LoadErrors, Manifests, bundle, kustomize,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use thiserror::Error;

/// Where the services listen that filters may call, by the name of their cluster.
pub type Services = BTreeMap<String, SocketAddr>;

/// The modules that a bundle loads.
#[derive(Debug, Clone)]
pub struct Modules {
    /// `gateway`, or what is tried in its place.
    pub gateway: WasmCode,
}

/// Why there is no proxy for a Gateway.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// What was written cannot be read: a mistake of `gwf`.
    #[error("the bundle cannot be read back: {}", .0.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    ReadBack(LoadErrors),
    /// A filter that none of the modules is.
    #[error("no module is given for the filter `{0}`")]
    UnknownFilter(String),
    /// The filters are in one policy for each listener: too many routes for one.
    #[error("{0}: the filters of listeners differ, which is not replayed")]
    Split(String),
    /// A route that is not of a bundle.
    #[error("{0}: only what a bundle writes is translated")]
    NotOfABundle(String),
}

/// The proxy for one Gateway, out of the objects that [`kustomize`] writes for it.
///
/// # Errors
/// See [`ProxyError`].
pub fn proxy(
    manifests: &Manifests,
    gateway: &GatewayBundle,
    modules: &Modules,
    services: &Services,
) -> Result<Proxy, ProxyError> {
    let one = Bundle {
        gateways: vec![gateway.clone()],
        report: gateway_bundle::Report::default(),
    };
    // On this machine no etcd has to store it.
    let options = KustomizeOptions {
        most_bytes: usize::MAX,
        ..KustomizeOptions::default()
    };
    let written = kustomize(manifests, &one, &options);
    let written = Manifests::parse("bundle", &written.yaml()).map_err(ProxyError::ReadBack)?;
    let mut proxy = translate(&written, (&gateway.namespace, &gateway.name), modules)?;
    proxy.services = called(gateway, services).into_iter().collect();
    Ok(proxy)
}

/// Translates what was written for a Gateway.
fn translate(
    written: &Manifests,
    (namespace, name): (&str, &str),
    modules: &Modules,
) -> Result<Proxy, ProxyError> {
    let bundle = bundle(written);
    let mut gateways = bundle.gateways.iter();
    let gateway = gateways.find(|one| one.namespace == namespace && one.name == name);
    let Some(gateway) = gateway else {
        return Ok(Proxy::default());
    };
    let filters = policy::filters(written, gateway, modules)?;
    let traffic = policy::traffic(written);
    let patched = policy::patched_hosts(written, gateway);
    let mut listeners: Vec<Listener> = Vec::new();
    let mut clusters = BTreeMap::new();
    for info in &gateway.listeners {
        let tls = tls(written, info);
        let mut hosts: Vec<_> = route::virtual_host(gateway, info, &traffic, &mut clusters)?
            .into_iter()
            .collect();
        hosts.extend(patched.get(&info.name).cloned());
        let shared = listeners.iter_mut().find(|one| {
            // Envoy Gateway gives each HTTPS listener a filter chain, and cleartext one together.
            one.port == info.port && one.tls.is_none() && tls.is_none()
        });
        match shared {
            Some(listener) => listener.virtual_hosts.extend(hosts),
            None => listeners.push(Listener {
                port: info.port,
                tls,
                trusted_hops: info.trusted_hops,
                removed_request_headers: info.removed_request_headers.clone(),
                virtual_hosts: hosts,
            }),
        }
    }
    Ok(Proxy {
        listeners,
        filters,
        clusters: clusters.into_values().collect(),
        ..Proxy::default()
    })
}

/// Without a certificate if its Secrets hold none: [`Certificates`] makes one.
fn tls(written: &Manifests, listener: &ListenerInfo) -> Option<Tls> {
    listener.tls.then(|| Tls {
        server_names: listener.hostname.iter().cloned().collect(),
        certificates: certificate::of(written, listener),
    })
}

/// The service that counts the Gateway's limits, if it has any that are counted outside.
pub fn called(gateway: &GatewayBundle, services: &Services) -> Option<ServiceCluster> {
    let service = gateway.rate_limit.as_ref()?.service.as_ref()?;
    Some(ServiceCluster {
        name: service.cluster.clone(),
        address: services.get(&service.cluster).copied(),
    })
}

/// The cluster of a backend, which has one for each protocol that it is spoken to in.
fn cluster(gateway: &GatewayBundle, id: &str, client_protocol: bool) -> Option<Cluster> {
    let backend = gateway.backends.iter().find(|backend| backend.id == id)?;
    let (name, protocol) = match (client_protocol, backend.http2) {
        (true, _) => (format!("{id}/client-protocol"), UpstreamProtocol::Client),
        (false, true) => (id.to_owned(), UpstreamProtocol::Http2),
        (false, false) => (id.to_owned(), UpstreamProtocol::Http1),
    };
    Some(Cluster {
        name,
        namespace: backend.namespace.clone(),
        service: backend.service.clone(),
        port: backend.port,
        protocol,
    })
}

#[cfg(test)]
mod tests;
