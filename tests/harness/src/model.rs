//! A proxy as the hosts run it: listeners, virtual hosts, routes, clusters and the Wasm filters.
//!
//! It models the small part of xDS that Envoy Gateway would emit for a bundle. The embedded host acts on it
//! and the `envoy` host writes it into a bootstrap, so that both run the same configuration.

use crate::wasm_host::WasmCode;
use gateway_filter_sdk::route::Pattern;
use std::net::SocketAddr;
use std::time::Duration;

/// One proxy: in Envoy Gateway, one Gateway.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// One per port; of HTTPS one for each listener of the Gateway, told apart by server name.
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

/// A port and its virtual hosts. Listeners of one port are the filter chains of one in Envoy.
#[derive(Debug, Clone, Default)]
pub struct Listener {
    /// The port in the Gateway. A host may listen elsewhere and map it.
    pub port: u16,
    /// Terminated here; absent is cleartext.
    pub tls: Option<Tls>,
    /// ClientTrafficPolicy `clientIPDetection.xForwardedFor.numTrustedHops`: the client is that
    /// entry of `X-Forwarded-For`, counted from the right; 0 is the TCP peer.
    pub trusted_hops: u32,
    /// ClientTrafficPolicy `headers.earlyRequestHeaders.remove`: taken off before the first match.
    pub removed_request_headers: Vec<String>,
    /// Domains are exact, `*.suffix` or `*`; Envoy tries them in this order of preference and
    /// never falls through to another virtual host.
    pub virtual_hosts: Vec<VirtualHost>,
}

/// How a listener terminates TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The server names (SNI) that it is for, exact or `*.suffix`; empty is every name that no other
    /// listener of the port has, and clients that send none.
    pub server_names: Vec<String>,
    /// At least one.
    pub certificates: Vec<Certificate>,
}

/// A certificate and its key, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate and those that vouch for it, leaf first.
    pub chain: String,
    /// Its private key.
    pub key: String,
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
    /// Headers that must be present with such a value.
    pub headers: Vec<(String, StringMatch)>,
    /// Whether the Wasm filters run for requests whose first match is this route.
    pub filters_enabled: bool,
    /// What is done with the request.
    pub action: RouteAction,
}

/// How a value is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum StringMatch {
    /// Equal, byte for byte.
    Exact(String),
    /// The pattern matches the whole value.
    RegularExpression(Pattern),
}

impl StringMatch {
    /// Whether a value is such a one.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(wanted) => wanted.as_bytes() == value,
            Self::RegularExpression(pattern) => pattern.matches(value),
        }
    }
}

impl From<String> for StringMatch {
    fn from(value: String) -> Self {
        Self::Exact(value)
    }
}

impl From<&str> for StringMatch {
    fn from(value: &str) -> Self {
        Self::Exact(value.to_owned())
    }
}

/// What a route does.
#[derive(Debug, Clone)]
pub enum RouteAction {
    /// Answer with this status and an empty body.
    DirectResponse(u16),
    /// Forward to a cluster.
    Forward(Forward),
}

/// Where a request goes, and what Envoy does on the way by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forward {
    /// Name of a [`Cluster`].
    pub cluster: String,
    /// Replace the Host by the value of this header, if the request has it.
    pub host_rewrite_header: Option<String>,
    /// How long an answer may take with all retries; zero is for ever. Absent is Envoy's 15 s.
    pub timeout: Option<Duration>,
    /// When and how often the request is sent again.
    pub retry: Option<Retry>,
    /// Where copies go.
    pub mirrors: Vec<Mirror>,
}

impl Forward {
    /// To this cluster, with nothing besides.
    #[must_use]
    pub fn to(cluster: impl Into<String>) -> Self {
        Self {
            cluster: cluster.into(),
            ..Self::default()
        }
    }
}

/// HTTPRoute `retry`, or BackendTrafficPolicy `retry`, as Envoy Gateway translates it (1.9, `buildRetryPolicy` in
/// `internal/xds/translator/route.go`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retry {
    /// Retries after the first attempt; absent is Envoy Gateway's 2.
    pub attempts: Option<u32>,
    /// What is reason for one, in Envoy's words; empty is Envoy Gateway's choice.
    pub triggers: Vec<String>,
    /// Statuses of backends that are reason for one; where neither these nor `triggers` are said, 503.
    pub codes: Vec<u16>,
    /// Least pause before the first one; absent is Envoy's 25 ms.
    pub backoff: Option<Duration>,
    /// How long one attempt may take: HTTPRoute `timeouts.backendRequest`, `perRetry.timeout`.
    pub per_try_timeout: Option<Duration>,
}

/// HTTPRoute filter `RequestMirror`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Name of a [`Cluster`].
    pub cluster: String,
    /// How many requests of a million are copied.
    pub parts_per_million: u32,
}

/// A Service with an echo backend behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Unique.
    pub name: String,
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// Port of the Service.
    pub port: u16,
    /// How it is spoken to.
    pub protocol: UpstreamProtocol,
}

/// The protocol in which Envoy speaks to a backend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// Cleartext HTTP/2: `appProtocol: kubernetes.io/h2c`.
    Http2,
    /// That of the client: BackendTrafficPolicy `useClientProtocol`.
    Client,
}

impl UpstreamProtocol {
    /// Whether it is HTTP/2 for a client that speaks it, or does not.
    #[must_use]
    pub fn is_http2(self, client: bool) -> bool {
        match self {
            Self::Http1 => false,
            Self::Http2 => true,
            Self::Client => client,
        }
    }
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
    pub module: WasmCode,
    /// Plugin configuration: JSON text.
    pub configuration: String,
    /// `failOpen`.
    pub fail_open: bool,
}
