//! What the manifests come to: a configuration for each filter of a Gateway, and what is around it.

use super::native::NativeSettings;
use crate::report::Report;
use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
use gateway_filter_sdk::route::spec::{RouteKind, RouteMatchSpec};
use gateway_filter_sdk::split::spec::CanaryFilterSpec;

/// What the manifests come to.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// In the order of the files.
    pub gateways: Vec<GatewayBundle>,
    /// What was refused or ignored, by file and line.
    pub report: Report,
}

/// One Gateway: a configuration for each filter, and what has to be around it.
#[derive(Debug, Clone)]
pub struct GatewayBundle {
    /// Namespace of the Gateway.
    pub namespace: String,
    /// Name of the Gateway.
    pub name: String,
    /// The configuration of the route-match filter.
    pub route_match: RouteMatchSpec,
    /// The configuration of the rate-limit filter; absent if no policy limits anything.
    pub rate_limit: Option<RateLimitFilterSpec>,
    /// The configuration of the canary filter; absent if it has nothing to decide.
    pub canary: Option<CanaryFilterSpec>,
    /// The listeners that carry HTTP, in order of precedence.
    pub listeners: Vec<ListenerInfo>,
    /// The backends that its routes reach, by name, each once.
    pub backends: Vec<Backend>,
    /// Every rule of the attached routes.
    pub rules: Vec<ServedRule>,
}

/// A listener that carries HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerInfo {
    /// `<namespace>/<Gateway>/<listener>`, or of a ListenerSet
    /// `<namespace>/<Gateway>/<set's namespace>/<set>/<listener>`: how the names of Envoy
    /// Gateway's virtual hosts start.
    pub name: String,
    /// Its name within the Gateway or ListenerSet.
    pub section: String,
    /// Its port.
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// Its hostname; absent is every host.
    pub hostname: Option<String>,
    /// It terminates TLS.
    pub tls: bool,
    /// Where its certificates are.
    pub certificates: Vec<SecretName>,
    /// Proxies in front that are trusted, as ClientTrafficPolicy
    /// `clientIPDetection.xForwardedFor.numTrustedHops` counts them: "the client IP is taken from
    /// the Nth address from the right end of the XFF header"; 0 is the peer itself.
    pub trusted_hops: u32,
    /// ClientTrafficPolicy `headers.earlyRequestHeaders.remove`: taken off before a route is matched.
    pub removed_request_headers: Vec<String>,
}

/// A Secret of type `kubernetes.io/tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A port of a Service that routes lead to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// Port of the Service.
    pub port: u16,
    /// It is spoken to in cleartext HTTP/2: its `appProtocol` says so, or a GRPCRoute leads to it.
    pub http2: bool,
    /// `<namespace>/<service>:<port>`, as in the header that names the chosen backend.
    pub id: String,
}

/// A rule of an attached route: where requests go once the filters have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedRule {
    /// HTTPRoute or GRPCRoute.
    pub kind: RouteKind,
    /// Namespace of the route.
    pub namespace: String,
    /// Name of the route.
    pub name: String,
    /// Index of the rule.
    pub rule: usize,
    /// Name of the rule, if it has one.
    pub rule_name: Option<String>,
    /// `hostnames` of the route; empty is those of its listeners.
    pub hostnames: Vec<String>,
    /// Names of the listeners that the route is attached to.
    pub listeners: Vec<String>,
    /// The backends that its backendRefs lead to, each once.
    pub backends: Vec<String>,
    /// What is left to Envoy; of `sessionPersistence` only where the canary filter does not decide.
    pub native: NativeSettings,
}

impl ServedRule {
    /// As Envoy Gateway names it: `httproute/<namespace>/<name>/rule/<index>`.
    #[must_use]
    pub fn full_name(&self) -> String {
        let kind = match self.kind {
            RouteKind::HTTPRoute => "httproute",
            RouteKind::GRPCRoute => "grpcroute",
        };
        format!("{kind}/{}/{}/rule/{}", self.namespace, self.name, self.rule)
    }
}
