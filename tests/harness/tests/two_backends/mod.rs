//! The `canary` module alone on native routes, for several test targets: it names its choice in
//! `x-gateway-canary`, on which the route to `infra/v2` matches; all others go to `infra/v1`.

use gateway_filter_modules::CANARY;
use gateway_harness::model::{
    Cluster, Forward, Listener, Proxy, Route, RouteAction, StringMatch, UpstreamProtocol,
    VirtualHost, WasmFilter,
};
use gateway_harness::wasm_host::WasmCode;
use serde_json::{Value, json};

/// The configuration of a canary `shop`, of which `fields` are the rest.
pub(crate) fn canary(mut fields: Value) -> Value {
    fields["name"] = "shop".into();
    json!({"canaries": [fields]})
}

/// Both routes run the filter, so that no forged header gets past it.
pub(crate) fn proxy(configuration: &Value) -> Proxy {
    let chosen = vec![("x-gateway-canary".into(), "canary".into())];
    let virtual_host = VirtualHost {
        name: "infra/gateway/http/x_example".into(),
        domains: vec!["x.example".into()],
        routes: vec![route("v2", chosen), route("v1", Vec::new())],
    };
    Proxy {
        listeners: vec![Listener {
            port: 80,
            virtual_hosts: vec![virtual_host],
            ..Listener::default()
        }],
        filters: vec![WasmFilter {
            name: "canary".into(),
            root_id: "canary".into(),
            module: WasmCode::from_static(CANARY.name, CANARY.bytes),
            configuration: configuration.to_string(),
            fail_open: false,
        }],
        clusters: vec![cluster("v1"), cluster("v2")],
        ..Proxy::default()
    }
}

fn route(service: &str, headers: Vec<(String, StringMatch)>) -> Route {
    Route {
        name: format!("httproute/infra/shop/rule/0/match/0/{service}"),
        prefix: "/".into(),
        headers,
        filters_enabled: true,
        action: RouteAction::Forward(Forward::to(format!("infra/{service}:8080"))),
    }
}

fn cluster(service: &str) -> Cluster {
    Cluster {
        name: format!("infra/{service}:8080"),
        namespace: "infra".into(),
        service: service.into(),
        port: 8080,
        protocol: UpstreamProtocol::Http1,
    }
}
