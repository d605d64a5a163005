//! Which listener takes a request.

use gateway_bundle::{GatewayBundle, ListenerInfo};
use gateway_filter_sdk::route::Hostname;
use gateway_filter_sdk::router::Router;

use super::facts::{ListenerFacts, ListenerName, OtherListener};
use super::request::Request;
use super::source_location::SourceMap;

/// What a request meets at its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Met {
    /// The listener of this name.
    Listener(String),
    /// A virtual host is missing: Envoy answers.
    NoHostname,
    /// Nobody who would speak HTTP with it.
    Nobody,
}

/// The listener with the most specific hostname of those on the port.
pub(super) fn meet(gateway: &GatewayBundle, router: &Router, request: &Request) -> Met {
    let port = request.exchange.port;
    let mut on_port = gateway.listeners.iter().filter(|one| one.port == port);
    if !on_port.any(|one| one.tls == request.tls) {
        return Met::Nobody;
    }
    match router.listener_for(Some(port), host(request).as_bytes()) {
        Some(listener) => Met::Listener(listener.name().to_owned()),
        // The server name that the client sends first is a listener's, or the connection ends there.
        None if request.tls => Met::Nobody,
        None => Met::NoHostname,
    }
}

/// The same with its reasons.
pub(super) fn facts(
    gateway: &GatewayBundle,
    met: &Met,
    request: &Request,
    sources: SourceMap,
) -> ListenerFacts {
    let name = |info: &ListenerInfo| ListenerName {
        name: info.name.clone(),
        port: info.port,
        protocol: info.protocol.clone(),
        hostname: info.hostname.clone().unwrap_or_else(|| "*".into()),
        place: sources.listener(info),
    };
    let chosen = gateway
        .listeners
        .iter()
        .find(|info| *met == Met::Listener(info.name.clone()));
    let others = gateway.listeners.iter();
    let others = others.filter(|info| chosen.is_none_or(|chosen| chosen.name != info.name));
    let (port, host) = (request.exchange.port, host(request));
    let is_rival = |info: &&ListenerInfo| unfit(info, request).is_none();
    let rivals = gateway.listeners.iter().filter(is_rival).count();
    let because = match (met, rivals) {
        (Met::Listener(_), 1) => format!("the only one on port {port} that covers {host}"),
        (Met::Listener(_), _) => "the most specific hostname".to_owned(),
        (Met::NoHostname, _) => format!("no listener on port {port} covers {host}"),
        (Met::Nobody, _) => nobody(gateway, request),
    };
    ListenerFacts {
        chosen: chosen.map(name),
        because,
        others: others
            .map(|info| OtherListener {
                listener: name(info),
                because: unfit(info, request)
                    .unwrap_or_else(|| "its hostname is less specific".to_owned()),
            })
            .collect(),
    }
}

fn nobody(gateway: &GatewayBundle, request: &Request) -> String {
    let port = request.exchange.port;
    let mut on_port = gateway.listeners.iter().filter(|one| one.port == port);
    match (on_port.next(), request.tls) {
        (None, _) => format!("no listener has port {port}: the connection is refused"),
        (Some(one), false) if one.tls => {
            format!("port {port} takes TLS only: ask with https://")
        }
        (Some(one), true) if !one.tls => {
            format!("port {port} takes no TLS: ask with http://")
        }
        (Some(_), _) => {
            let host = host(request);
            format!("no listener on port {port} covers {host}: the TLS handshake fails")
        }
    }
}

/// Why a listener cannot take a request, if so.
fn unfit(info: &ListenerInfo, request: &Request) -> Option<String> {
    if info.port != request.exchange.port {
        return Some(format!("port {}", info.port));
    }
    if info.tls != request.tls {
        return Some(format!("protocol {}", info.protocol));
    }
    let hostname = info.hostname.as_deref().unwrap_or_default();
    let covers = hostname.parse::<Hostname>();
    let covers = covers.is_ok_and(|hostname| hostname.matches(host(request).as_bytes()));
    (!covers).then(|| format!("{hostname} does not cover {}", host(request)))
}

/// The host without port, in lower case.
fn host(request: &Request) -> String {
    let authority = request.exchange.authority.to_ascii_lowercase();
    let host = gateway_filter_sdk::request::without_port(authority.as_bytes());
    let host = host.strip_suffix(b".").unwrap_or(host);
    String::from_utf8_lossy(host).into_owned()
}
