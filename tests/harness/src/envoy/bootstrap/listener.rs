//! Listeners: one for each port, with a filter chain for each server name.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::super::ModuleFolder;
use super::address;
use super::filter::http_filters;
use super::route::virtual_host;
use crate::model::{Certificate, Listener, Proxy, Tls};

/// The name of the listener for a port of the Gateway.
#[must_use]
pub fn listener_name(port: u16) -> String {
    format!("port-{port}")
}

pub(super) fn listeners(proxy: &Proxy, modules: &ModuleFolder) -> Vec<Value> {
    let mut by_port: BTreeMap<u16, Vec<&Listener>> = BTreeMap::new();
    for listener in &proxy.listeners {
        by_port.entry(listener.port).or_default().push(listener);
    }
    let listener =
        |(port, chains): (&u16, &Vec<&Listener>)| listener(*port, chains, proxy, modules);
    by_port.iter().map(listener).collect()
}

fn listener(port: u16, chains: &[&Listener], proxy: &Proxy, modules: &ModuleFolder) -> Value {
    // So that a scenario's client may have any address; who does not speak it is let through.
    let mut listener_filters = vec![json!({
        "name": "envoy.filters.listener.proxy_protocol",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
            "allow_requests_without_proxy_protocol": true,
        },
    })];
    if chains.iter().any(|listener| listener.tls.is_some()) {
        listener_filters.push(json!({
            "name": "envoy.filters.listener.tls_inspector",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
            },
        }));
    }
    let filter_chains: Vec<_> = chains
        .iter()
        .map(|listener| filter_chain(listener, proxy, modules))
        .collect();
    json!({
        "name": listener_name(port),
        "address": address(SocketAddr::from(([127, 0, 0, 1], 0))),
        "per_connection_buffer_limit_bytes": 32768,
        "listener_filters": listener_filters,
        "filter_chains": filter_chains,
    })
}

fn filter_chain(listener: &Listener, proxy: &Proxy, modules: &ModuleFolder) -> Value {
    let names = listener.tls.as_ref().map(|tls| &tls.server_names);
    let names = names.filter(|names| !names.is_empty());
    json!({
        "filter_chain_match": names.map(|names| json!({"server_names": names})),
        "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": connection_manager(listener, proxy, modules),
        }],
        "transport_socket": listener.tls.as_ref().map(terminated),
    })
}

fn terminated(tls: &Tls) -> Value {
    let certificate = |pair: &Certificate| {
        json!({
            "certificate_chain": {"inline_string": pair.chain},
            "private_key": {"inline_string": pair.key},
        })
    };
    let certificates: Vec<_> = tls.certificates.iter().map(certificate).collect();
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": certificates,
            },
            "disable_stateful_session_resumption": true,
            "disable_stateless_session_resumption": true,
        },
    })
}

fn connection_manager(listener: &Listener, proxy: &Proxy, modules: &ModuleFolder) -> Value {
    let virtual_hosts: Vec<_> = listener
        .virtual_hosts
        .iter()
        .map(|host| virtual_host(host, &proxy.filters))
        .collect();
    let scheme = if listener.tls.is_some() {
        "https"
    } else {
        "http"
    };
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": format!("{scheme}-{}", listener.port),
        "codec_type": "AUTO",
        "use_remote_address": true,
        "xff_num_trusted_hops": listener.trusted_hops,
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "server_header_transformation": "PASS_THROUGH",
        "common_http_protocol_options": {"headers_with_underscores_action": "REJECT_REQUEST"},
        "http2_protocol_options": {
            "initial_connection_window_size": 1_048_576,
            "initial_stream_window_size": 65_536,
            "max_concurrent_streams": 100,
        },
        "early_header_mutation_extensions": early_removal(&listener.removed_request_headers),
        "http_filters": http_filters(proxy, modules),
        "route_config": {
            "name": listener_name(listener.port),
            "ignore_port_in_host_matching": true,
            "virtual_hosts": virtual_hosts,
        },
    })
}

/// Before the first match, so that no route sees them.
fn early_removal(headers: &[String]) -> Vec<Value> {
    if headers.is_empty() {
        return Vec::new();
    }
    let mutations: Vec<_> = headers.iter().map(|name| json!({"remove": name})).collect();
    vec![json!({
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": mutations,
        },
    })]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn https(names: &[&str], certificate: &str) -> Listener {
        let pair = Certificate {
            chain: certificate.into(),
            key: "key".into(),
        };
        Listener {
            port: 443,
            tls: Some(Tls {
                server_names: names.iter().map(|name| (*name).to_owned()).collect(),
                certificates: vec![pair],
            }),
            ..Listener::default()
        }
    }

    #[test]
    fn listeners_of_a_port_are_the_filter_chains_of_one() {
        let cleartext = Listener {
            port: 80,
            ..Listener::default()
        };
        let proxy = Proxy {
            listeners: vec![https(&[], "any"), cleartext, https(&["a.example"], "a")],
            ..Proxy::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let modules = ModuleFolder::new(folder.path().join("modules")).unwrap();
        let listeners = listeners(&proxy, &modules);
        let names: Vec<_> = listeners.iter().map(|listener| &listener["name"]).collect();
        assert_eq!(names, ["port-80", "port-443"]);
        let filters = |listener: &Value| listener["listener_filters"].as_array().unwrap().len();
        assert_eq!(listeners.iter().map(filters).collect::<Vec<_>>(), [1, 2]);

        assert_eq!(
            listeners[0]["filter_chains"][0]["transport_socket"],
            Value::Null
        );
        let chains = &listeners[1]["filter_chains"];
        assert_eq!(chains[0]["filter_chain_match"], Value::Null);
        assert_eq!(
            chains[1]["filter_chain_match"]["server_names"],
            json!(["a.example"])
        );
        let certificate = "/transport_socket/typed_config/common_tls_context/tls_certificates/0";
        let certificate = chains[1].pointer(certificate).unwrap();
        assert_eq!(certificate["certificate_chain"]["inline_string"], "a");
    }

    #[test]
    fn nothing_is_taken_off_unless_the_listener_says_so() {
        assert!(early_removal(&[]).is_empty());
        let removed = early_removal(&["x-a".into(), "x-b".into()]);
        let mutations = &removed[0]["typed_config"]["mutations"];
        assert_eq!(*mutations, json!([{"remove": "x-a"}, {"remove": "x-b"}]));
    }
}
