//! A [`Proxy`] written as Envoy's static bootstrap.
//!
//! It mirrors what Envoy Gateway 1.9 emits over xDS (its golden files
//! `internal/xds/translator/testdata/out/xds-ir/wasm.{listeners,routes}.yaml`): Wasm filters are
//! `disabled` in the listener and enabled by the routes, and the connection manager has Envoy
//! Gateway's defaults. Different are only the addresses (loopback, ports chosen by the kernel), the
//! code (a local file, where Envoy Gateway serves it over HTTPS) and the clusters (the echo backends,
//! and what filters call, which Envoy Gateway cannot declare but by an EnvoyPatchPolicy).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use crate::xds::{
    Cluster, JwtRequirement, Listener, Proxy, Route, RouteAction, ServiceCluster, StringMatch,
    UpstreamProtocol, VirtualHost, WasmFilter,
};

/// The bootstrap of `proxy`. `backends` gives the address of each cluster by its name; a cluster
/// without one has no endpoint, and Envoy answers 503 for it.
///
/// All ports are 0: Envoy binds with `SO_REUSEPORT`, so that a second process on a port chosen
/// beforehand would silently take half of its connections.
#[must_use]
pub fn bootstrap(proxy: &Proxy, backends: &BTreeMap<String, SocketAddr>) -> Value {
    let clusters: Vec<_> = proxy
        .clusters
        .iter()
        .map(|cluster| self::cluster(cluster, backends.get(&cluster.name)))
        .chain(proxy.services.iter().map(service))
        .collect();
    let listeners: Vec<_> = proxy
        .listeners
        .iter()
        .map(|listener| self::listener(listener, proxy))
        .collect();
    json!({
        "node": {"id": "gwf", "cluster": "gwf"},
        "admin": {"address": address(SocketAddr::from(([127, 0, 0, 1], 0)))},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    })
}

/// The name of the listener for a port of the Gateway.
pub(crate) fn listener_name(port: u16) -> String {
    format!("port-{port}")
}

fn listener(listener: &Listener, proxy: &Proxy) -> Value {
    json!({
        "name": listener_name(listener.port),
        "address": address(SocketAddr::from(([127, 0, 0, 1], 0))),
        "per_connection_buffer_limit_bytes": 32768,
        // So that a scenario's client may have any address; who does not speak it is let through.
        "listener_filters": [{
            "name": "envoy.filters.listener.proxy_protocol",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
                "allow_requests_without_proxy_protocol": true,
            },
        }],
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": connection_manager(listener, proxy),
        }]}],
    })
}

fn connection_manager(listener: &Listener, proxy: &Proxy) -> Value {
    let filters = &proxy.filters;
    let virtual_hosts: Vec<_> = listener
        .virtual_hosts
        .iter()
        .map(|host| virtual_host(host, filters))
        .collect();
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    });
    let verified = (!proxy.jwt.is_empty()).then(|| jwt(&proxy.jwt));
    let http_filters: Vec<_> = verified
        .into_iter()
        .chain(filters.iter().enumerate().map(wasm))
        .chain(std::iter::once(router))
        .collect();
    json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": format!("http-{}", listener.port),
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
        "http_filters": http_filters,
        "route_config": {
            "name": listener_name(listener.port),
            "ignore_port_in_host_matching": true,
            "virtual_hosts": virtual_hosts,
        },
    })
}

/// Envoy Gateway's name of a filter and of its VM, `envoyextensionpolicy/<namespace>/<policy>/wasm/<i>`:
/// a VM of its own for each entry, shared by all listeners.
fn vm_id(index: usize) -> String {
    format!("envoyextensionpolicy/gwf/gwf/wasm/{index}")
}

fn wasm_filter_name(index: usize) -> String {
    format!("envoy.filters.http.wasm/{}", vm_id(index))
}

/// In front of the Wasm filters, as Envoy Gateway orders them.
fn jwt(required: &[JwtRequirement]) -> Value {
    let provider = |required: &JwtRequirement| {
        let claims = required.claim_to_headers.iter();
        let claims: Vec<_> = claims
            .map(|(claim, header)| json!({"claim_name": claim, "header_name": header}))
            .collect();
        let provider = json!({
            "forward": true,
            "local_jwks": {"inline_string": required.jwks},
            "claim_to_headers": claims,
        });
        (required.provider.clone(), provider)
    };
    let rule = |required: &JwtRequirement| {
        json!({
            "match": matching(&required.prefix, &[]),
            "requires": {"provider_name": required.provider},
        })
    };
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": required.iter().map(provider).collect::<Map<_, _>>(),
            "rules": required.iter().map(rule).collect::<Vec<_>>(),
        },
    })
}

fn wasm((index, filter): (usize, &WasmFilter)) -> Value {
    json!({
        "name": wasm_filter_name(index),
        "disabled": true,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": filter.name,
                "root_id": filter.root_id,
                "fail_open": filter.fail_open,
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": filter.configuration,
                },
                "vm_config": {
                    "vm_id": vm_id(index),
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": filter.module}},
                },
            },
        },
    })
}

fn virtual_host(host: &VirtualHost, filters: &[WasmFilter]) -> Value {
    let routes: Vec<_> = host
        .routes
        .iter()
        .map(|route| self::route(route, filters))
        .collect();
    json!({"name": host.name, "domains": host.domains, "routes": routes})
}

/// Envoy refuses a `path_separated_prefix` that ends in a slash.
fn matching(prefix: &str, headers: &[Value]) -> Value {
    match prefix.trim_end_matches('/') {
        "" => json!({"prefix": "/", "headers": headers}),
        prefix => json!({"path_separated_prefix": prefix, "headers": headers}),
    }
}

fn string_match(wanted: &StringMatch) -> Value {
    match wanted {
        StringMatch::Exact(value) => json!({"exact": value}),
        StringMatch::RegularExpression(pattern) => {
            json!({"safe_regex": {"regex": pattern.as_str()}})
        }
    }
}

/// Unset fields are null, which is how protobuf's JSON reads it.
fn route(route: &Route, filters: &[WasmFilter]) -> Value {
    let headers: Vec<_> = route
        .headers
        .iter()
        .map(|(name, value)| json!({"name": name, "string_match": string_match(value)}))
        .collect();
    let matches = matching(&route.prefix, &headers);
    let (direct_response, forward) = match &route.action {
        RouteAction::DirectResponse(status) => (json!({"status": status}), Value::Null),
        RouteAction::Forward(forward) => (
            Value::Null,
            json!({
                "cluster": forward.cluster,
                "host_rewrite_header": forward.host_rewrite_header,
                "upgrade_configs": [{"upgrade_type": "websocket"}],
            }),
        ),
    };
    json!({
        "name": route.name,
        "match": matches,
        "typed_per_filter_config": route.filters_enabled.then(|| enabled(filters)),
        "direct_response": direct_response,
        "route": forward,
    })
}

/// What turns the filters on for the requests whose first match is this route.
fn enabled(filters: &[WasmFilter]) -> Map<String, Value> {
    let config = json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "config": {},
    });
    (0..filters.len())
        .map(|index| (wasm_filter_name(index), config.clone()))
        .collect()
}

fn cluster(cluster: &Cluster, backend: Option<&SocketAddr>) -> Value {
    endpoints(&cluster.name, backend.copied(), cluster.protocol, "10s")
}

/// A call that waits for a connection uses up its own deadline, which is short.
fn service(service: &ServiceCluster) -> Value {
    endpoints(
        &service.name,
        service.address,
        UpstreamProtocol::Http2,
        "1s",
    )
}

fn endpoints(
    name: &str,
    at: Option<SocketAddr>,
    protocol: UpstreamProtocol,
    connect_timeout: &str,
) -> Value {
    let endpoint = |at| json!({"endpoint": {"address": address(at)}});
    let endpoints: Vec<_> = at.map(endpoint).into_iter().collect();
    let config = match protocol {
        UpstreamProtocol::Http1 => None,
        UpstreamProtocol::Http2 => Some((
            "explicit_http_config",
            json!({"http2_protocol_options": {}}),
        )),
        UpstreamProtocol::Client => Some((
            "use_downstream_protocol_config",
            json!({"http_protocol_options": {}, "http2_protocol_options": {}}),
        )),
    };
    let options = config.map(|(field, config)| {
        json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                field: config,
            },
        })
    });
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": connect_timeout,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}],
        },
        "typed_extension_protocol_options": options,
    })
}

fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(name: &str) -> WasmFilter {
        WasmFilter {
            name: name.into(),
            root_id: String::new(),
            module: "/filters/a.wasm".into(),
            configuration: r#"{"a": 1}"#.into(),
            fail_open: true,
        }
    }

    use crate::xds::Forward;

    fn forward(prefix: &str, filters_enabled: bool) -> Route {
        Route {
            name: "httproute/infra/r/rule/0/match/0/*".into(),
            prefix: prefix.into(),
            headers: Vec::new(),
            filters_enabled,
            action: RouteAction::Forward(Forward::to("c")),
        }
    }

    #[test]
    fn a_filter_is_off_in_the_listener_and_on_in_the_route() {
        let filters = [filter("a"), filter("b")];
        let entries: Vec<_> = filters.iter().enumerate().map(wasm).collect();
        assert!(entries.iter().all(|entry| entry["disabled"] == true));

        let on = route(&forward("/", true), &filters);
        let on: Vec<_> = on["typed_per_filter_config"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(
            on,
            [
                entries[0]["name"].as_str().unwrap(),
                entries[1]["name"].as_str().unwrap()
            ]
        );
        assert_eq!(
            route(&forward("/", false), &filters)["typed_per_filter_config"],
            Value::Null
        );
    }

    #[test]
    fn every_filter_has_a_vm_of_its_own_and_its_configuration_as_text() {
        let configs = [wasm((0, &filter("a"))), wasm((1, &filter("a")))]
            .map(|entry| entry["typed_config"]["config"].clone());
        assert_ne!(
            configs[0]["vm_config"]["vm_id"],
            configs[1]["vm_config"]["vm_id"]
        );
        assert_eq!(configs[0]["configuration"]["value"], r#"{"a": 1}"#);
        assert_eq!(configs[0]["fail_open"], true);
    }

    #[test]
    fn prefixes_are_whole_segments() {
        let matches = |prefix| route(&forward(prefix, false), &[])["match"].clone();
        assert_eq!(matches("/"), json!({"prefix": "/", "headers": []}));
        assert_eq!(
            matches("/a"),
            json!({"path_separated_prefix": "/a", "headers": []})
        );
        assert_eq!(
            matches("/a/"),
            json!({"path_separated_prefix": "/a", "headers": []})
        );
    }

    #[test]
    fn a_service_is_spoken_to_in_http2_and_may_have_no_endpoint() {
        let at = |address| {
            service(&ServiceCluster {
                name: "ratelimit".into(),
                address,
            })
        };
        let listening = at(Some(([127, 0, 0, 1], 18_081).into()));
        assert!(listening["typed_extension_protocol_options"].is_object());
        let endpoints = |cluster: &Value| {
            let endpoints = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"];
            endpoints.as_array().unwrap().len()
        };
        assert_eq!((endpoints(&listening), endpoints(&at(None))), (1, 0));
    }
}
