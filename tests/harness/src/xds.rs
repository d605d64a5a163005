//! What Envoy is told: listeners, virtual hosts, routes, clusters and the Wasm filters.
//!
//! The small part of xDS that Envoy Gateway would emit for a bundle. The embedded host acts on it
//! and the `envoy` host writes it into a bootstrap, so that both run the same configuration.

use std::net::SocketAddr;
use std::path::PathBuf;

/// One proxy: in Envoy Gateway, one Gateway.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// One per port.
    pub listeners: Vec<Listener>,
    /// The Wasm filters, in the order of the policy; all listeners have all of them.
    pub filters: Vec<WasmFilter>,
    /// The Services that routes lead to.
    pub clusters: Vec<Cluster>,
    /// What the requests of some paths must bring along.
    pub jwt: Vec<JwtRequirement>,
    /// The services that filters call.
    pub services: Vec<ServiceCluster>,
}

/// A port and its virtual hosts.
#[derive(Debug, Clone)]
pub struct Listener {
    /// The port in the Gateway. A host may listen elsewhere and map it.
    pub port: u16,
    /// ClientTrafficPolicy `clientIPDetection.xForwardedFor.numTrustedHops`: the client is that
    /// entry of `X-Forwarded-For`, counted from the right; 0 is the TCP peer.
    pub trusted_hops: u32,
    /// Domains are exact, `*.suffix` or `*`; Envoy tries them in this order of preference and
    /// never falls through to another virtual host.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// A virtual host.
#[derive(Debug, Clone)]
pub struct VirtualHost {
    /// `<gateway namespace>/<gateway>/<listener>/<host>`.
    pub name: String,
    /// What it serves.
    pub domains: Vec<String>,
    /// The first that matches is taken.
    pub routes: Vec<Route>,
}

/// A route of a virtual host.
#[derive(Debug, Clone)]
pub struct Route {
    /// `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`.
    pub name: String,
    /// Path prefix on whole segments; `/` is every path.
    pub prefix: String,
    /// Headers that must be present with exactly this value.
    pub headers: Vec<(String, String)>,
    /// Whether the Wasm filters run for requests whose first match is this route.
    pub filters_enabled: bool,
    /// What is done with the request.
    pub action: RouteAction,
}

/// What a route does.
#[derive(Debug, Clone)]
pub enum RouteAction {
    /// Answer with this status and an empty body.
    DirectResponse(u16),
    /// Forward to the cluster of this name.
    Forward {
        /// Name of a [`Cluster`].
        cluster: String,
        /// Replace the Host by the value of this header, if the request has it.
        host_rewrite_header: Option<String>,
    },
}

/// A Service with an echo backend behind it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// `<namespace>/<service>:<port>`.
    pub name: String,
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// `appProtocol: kubernetes.io/h2c`, or a GRPCRoute's backend: spoken to in HTTP/2.
    pub http2: bool,
}

/// A server outside of the proxy that filters call in cleartext HTTP/2, such as a rate limit service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceCluster {
    /// What filters call it.
    pub name: String,
    /// Where it listens; absent is a cluster without endpoint.
    pub address: Option<SocketAddr>,
}

/// A token that requests for a path prefix need: `envoy.filters.http.jwt_authn` in front of the Wasm
/// filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtRequirement {
    /// Path prefix on whole segments.
    pub prefix: String,
    /// Name of the provider.
    pub provider: String,
    /// Its keys: a JSON Web Key Set.
    pub jwks: String,
    /// Claims that become request headers.
    pub claim_to_headers: Vec<(String, String)>,
}

/// One entry of an EnvoyExtensionPolicy's `wasm` list.
#[derive(Debug, Clone)]
pub struct WasmFilter {
    /// Plugin name.
    pub name: String,
    /// Root id.
    pub root_id: String,
    /// The module.
    pub module: PathBuf,
    /// Plugin configuration: JSON text.
    pub configuration: String,
    /// `failOpen`.
    pub fail_open: bool,
}
