//! The `rate-limit` module in front of one backend: for several test targets.

use gateway_filter_modules::RATE_LIMIT;
use gateway_harness::model::{
    Cluster, Forward, Listener, Proxy, Route, RouteAction, UpstreamProtocol, VirtualHost,
    WasmFilter,
};
use gateway_harness::wasm_host::WasmCode;

/// The module in front of routes of these names, each for the path prefix beside it.
pub(crate) fn proxy(configuration: &str, routes: &[(&str, &str)]) -> Proxy {
    let route = |(name, prefix): &(&str, &str)| Route {
        name: format!("httproute/n/{name}/rule/0/match/0/*"),
        prefix: (*prefix).into(),
        headers: Vec::new(),
        filters_enabled: true,
        action: RouteAction::Forward(Forward::to("n/backend:80")),
    };
    Proxy {
        listeners: vec![Listener {
            port: 80,
            virtual_hosts: vec![VirtualHost {
                name: "n/g/http/*".into(),
                domains: vec!["*".into()],
                routes: routes.iter().map(route).collect(),
            }],
            ..Listener::default()
        }],
        filters: vec![WasmFilter {
            name: "rate-limit".into(),
            root_id: "rate-limit".into(),
            module: WasmCode::from_static(RATE_LIMIT.name, RATE_LIMIT.bytes),
            configuration: configuration.into(),
            fail_open: false,
        }],
        clusters: vec![Cluster {
            name: "n/backend:80".into(),
            namespace: "n".into(),
            service: "backend".into(),
            port: 80,
            protocol: UpstreamProtocol::Http1,
        }],
        ..Proxy::default()
    }
}
