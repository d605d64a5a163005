//! A listener as routes and policies meet it.

use super::namespaces;
use crate::load::model::{FromNamespaces, Listener};
use crate::load::{Document, Manifests};

/// What a listener speaks, as far as routes are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Http,
    Https,
    Tls,
    Tcp,
    Udp,
}

impl Protocol {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "HTTP" => Some(Self::Http),
            "HTTPS" => Some(Self::Https),
            "TLS" => Some(Self::Tls),
            "TCP" => Some(Self::Tcp),
            "UDP" => Some(Self::Udp),
            _ => None,
        }
    }

    /// Only these carry HTTPRoutes and GRPCRoutes.
    pub(crate) fn carries_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    pub(super) fn route_kinds(self) -> &'static [&'static str] {
        match self {
            Self::Http | Self::Https => &["HTTPRoute", "GRPCRoute"],
            Self::Tls => &["TLSRoute", "TCPRoute"],
            Self::Tcp => &["TCPRoute"],
            Self::Udp => &["UDPRoute"],
        }
    }
}

/// A listener of a Gateway.
#[derive(Debug)]
pub(crate) struct AttachedListener<'a> {
    /// As in the names of Envoy Gateway's virtual hosts: `<namespace>/<Gateway>/<listener>`, and of
    /// a ListenerSet `<namespace>/<Gateway>/<set's namespace>/<set>/<listener>` (Envoy Gateway
    /// 1.9, `irListenerName` in `internal/gatewayapi/helpers.go`).
    pub(crate) name: String,
    /// The Gateway or ListenerSet that has it.
    pub(crate) owner: &'a Document,
    /// It is a ListenerSet's.
    pub(crate) from_set: bool,
    pub(crate) spec: &'a Listener,
    pub(crate) protocol: Protocol,
    /// Where it stands in its owner.
    pub(super) path: String,
    /// It is not served, for another listener stands in its way.
    pub(super) conflicted: bool,
    /// Kinds of route it takes.
    pub(super) kinds: Vec<&'static str>,
}

impl AttachedListener<'_> {
    /// The namespace and kind of the route are let in. "Namespaces indicates namespaces from which
    /// Routes may be attached to this AttachedListener. This is restricted to the namespace of this
    /// Gateway by default."
    pub(super) fn allows(&self, manifests: &Manifests, kind: &str, namespace: &str) -> bool {
        let allowed = self.spec.allowed_routes.as_ref();
        let filter = allowed.and_then(|allowed| allowed.namespaces.as_ref());
        let own = self.owner.namespace();
        self.kinds.contains(&kind)
            && namespaces::allowed(manifests, filter, FromNamespaces::Same, own, namespace)
    }

    /// It is served.
    pub(crate) fn is_ready(&self) -> bool {
        !self.conflicted
    }
}
