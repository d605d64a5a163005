//! The proxy, the probe filters and the requests of the tests.

use gateway_harness::envoy::{Binary, EnvoyHost, EnvoyOptions};
use gateway_harness::exchange::{Answer, Exchange, Seen};
use gateway_harness::model::{
    Cluster, Forward, Listener, Proxy, Route, RouteAction, UpstreamProtocol, VirtualHost,
    WasmFilter,
};
use gateway_harness::wasm_host::WasmCode;

/// Sends every request to `infra/v2:8080` and says so.
pub(crate) const REROUTE: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_replace_header_map_value"
        (func $replace (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "x-gateway-backendinfra/v2:8080to v2")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $replace
            (i32.const 0) (i32.const 0) (i32.const 17) (i32.const 17) (i32.const 13)))
        (drop (call $log (i32.const 2) (i32.const 30) (i32.const 5)))
        (i32.const 0)))"#;

/// Never returns from its callback.
pub(crate) const LOOP: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (loop $again (br $again)) (i32.const 0)))"#;

pub(crate) fn start(binary: &Binary, proxy: &Proxy) -> EnvoyHost {
    EnvoyHost::start(binary, proxy, &EnvoyOptions::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn cluster(service: &str, protocol: UpstreamProtocol) -> Cluster {
    Cluster {
        name: format!("infra/{service}:8080"),
        namespace: "infra".into(),
        service: service.into(),
        port: 8080,
        protocol,
    }
}

pub(crate) fn route(prefix: &str, action: RouteAction) -> Route {
    Route {
        name: format!("httproute/infra/r/rule/0/match/0/{prefix}"),
        prefix: prefix.into(),
        headers: Vec::new(),
        filters_enabled: true,
        action,
    }
}

pub(crate) fn forward(service: &str) -> RouteAction {
    RouteAction::Forward(Forward::to(format!("infra/{service}:8080")))
}

/// One listener on port 80 for `x.example`, in front of the backends v1, v2 and grpc.
pub(crate) fn proxy(routes: Vec<Route>) -> Proxy {
    let virtual_host = VirtualHost {
        name: "infra/gateway/http/x_example".into(),
        domains: vec!["x.example".into()],
        routes,
    };
    Proxy {
        listeners: vec![Listener {
            port: 80,
            virtual_hosts: vec![virtual_host],
            ..Listener::default()
        }],
        filters: Vec::new(),
        clusters: vec![
            cluster("v1", UpstreamProtocol::Http1),
            cluster("v2", UpstreamProtocol::Http1),
            cluster("grpc", UpstreamProtocol::Http2),
        ],
        jwt: Vec::new(),
        services: Vec::new(),
    }
}

pub(crate) fn with_filter(mut proxy: Proxy, module: WasmCode) -> Proxy {
    proxy.filters = vec![WasmFilter {
        name: "probe".into(),
        root_id: "root".into(),
        module,
        configuration: "{}".into(),
        fail_open: false,
    }];
    proxy
}

pub(crate) fn module(text: &str) -> WasmCode {
    WasmCode::new("probe", wat::parse_str(text).unwrap())
}

pub(crate) fn get(path: &str) -> Exchange {
    Exchange::get("x.example", path)
}

pub(crate) fn header(mut exchange: Exchange, name: &str, value: impl AsRef<[u8]>) -> Exchange {
    exchange
        .headers
        .push((name.into(), value.as_ref().to_vec()));
    exchange
}

#[track_caller]
pub(crate) fn send(host: &EnvoyHost, exchange: &Exchange) -> Answer {
    host.send(exchange)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
pub(crate) fn seen(answer: &Answer) -> &Seen {
    answer
        .seen
        .as_ref()
        .unwrap_or_else(|| panic!("no backend was reached: {answer:?}"))
}

pub(crate) fn values<'a>(headers: &'a [(Vec<u8>, Vec<u8>)], name: &str) -> Vec<&'a [u8]> {
    headers
        .iter()
        .filter(|(n, _)| n == name.as_bytes())
        .map(|(_, value)| value.as_slice())
        .collect()
}
