//! What a host cannot do, or nobody can judge yet.
//!
//! Such a case is skipped with a reason and never passed. What a case asks for is found in its
//! data when it is read; this table is the one place that says which host lacks what.

use crate::host::HostKind;

use super::model::{Case, Scenario};

/// Something that a case asks of a host beyond answering requests. The first one lacking, in this
/// order, gives the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// A request over TLS.
    Tls,
    /// WebSocket frames.
    WebSocket,
    /// Copies of requests at mirror backends.
    Mirror,
    /// `timeouts` and `retry` of a rule, or a backend that fails or waits.
    TimeoutRetry,
    /// The protocol spoken to the backend.
    BackendProtocol,
    /// The status conditions of a policy.
    PolicyStatus,
    /// SecurityPolicy `jwt`.
    Jwt,
    /// Limits counted in the proxy.
    LocalRateLimit,
    /// Limits counted by a service.
    GlobalRateLimit,
    /// Backends chosen by `canary`, for `sessionPersistence` or for consistent hashing, too.
    Canary,
    /// BackendTrafficPolicy `loadBalancer.consistentHash` where a rule has one Service.
    ConsistentHash,
    /// Envoy following a redirect by itself.
    InternalRedirect,
    /// Filters besides the Wasm ones.
    ExtensionEffects,
    /// Another policy of Envoy Gateway.
    EnvoyGatewayPolicy,
    /// A client address taken from `X-Forwarded-For`.
    ClientAddressDetection,
    /// What a filter has counted.
    Metrics,
    /// Time that passes when the scenario says so.
    VirtualTime,
}

impl Feature {
    /// Why a host of this kind cannot have it; absent if it can.
    #[must_use]
    pub fn lacking_on(self, host: HostKind) -> Option<&'static str> {
        Some(match self {
            // What Envoy does natively runs in Envoy only.
            Self::Tls
            | Self::WebSocket
            | Self::Mirror
            | Self::TimeoutRetry
            | Self::BackendProtocol
                if host == HostKind::Envoy =>
            {
                return None;
            }
            Self::Tls => "TLS is terminated by Envoy itself",
            Self::WebSocket => "WebSocket is Envoy's own",
            Self::Mirror => "mirrors are Envoy's own",
            Self::TimeoutRetry => "timeouts and retries are Envoy's own",
            Self::BackendProtocol => "the protocol to the backend is Envoy's own",
            Self::PolicyStatus => "the status of a policy is the control plane's",
            Self::Jwt => match host {
                HostKind::Core => "JWT verification is Envoy's own",
                HostKind::Wasmtime | HostKind::Envoy => return None,
            },
            Self::LocalRateLimit | Self::GlobalRateLimit => match host {
                HostKind::Core => "limits are counted in the modules",
                HostKind::Wasmtime | HostKind::Envoy => return None,
            },
            Self::Canary => match host {
                HostKind::Core => "canaries are decided in the module",
                HostKind::Wasmtime | HostKind::Envoy => return None,
            },
            Self::ConsistentHash => "which pod of a Service is Envoy's own choice",
            Self::InternalRedirect => "internal redirects are Envoy's own",
            Self::ExtensionEffects => "only Wasm extensions are run",
            Self::EnvoyGatewayPolicy => "a native policy of Envoy Gateway is not replayed",
            Self::ClientAddressDetection => match host {
                HostKind::Core => "client addresses from X-Forwarded-For are Envoy's own",
                HostKind::Wasmtime | HostKind::Envoy => return None,
            },
            Self::Metrics => match host {
                HostKind::Core => "metrics are counted in the modules",
                HostKind::Wasmtime | HostKind::Envoy => return None,
            },
            Self::VirtualTime => match host {
                HostKind::Core | HostKind::Wasmtime => return None,
                HostKind::Envoy => "needs virtual time",
            },
        })
    }
}

/// Why this case is not run on a host of this kind; absent if it is.
#[must_use]
pub fn reason(scenario: &Scenario, case: &Case, host: HostKind) -> Option<String> {
    let stated = case.skip.get(&host).or_else(|| scenario.skip.get(&host));
    if let Some(stated) = stated {
        return Some(stated.clone());
    }
    let mut asked: Vec<_> = case.features.union(&scenario.features).copied().collect();
    asked.sort_unstable();
    asked
        .into_iter()
        .find_map(|feature| feature.lacking_on(host))
        .map(str::to_owned)
}
