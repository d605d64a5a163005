//! Requests through the embedded Envoy, with guests that each do one thing.

mod bodies;
mod failures;
mod jwt;
mod requests;
mod waits;

use std::sync::Arc;

use super::{EmbeddedEnvoy, EmbeddedOptions};
use crate::exchange::{Answer, Exchange};
use crate::model::{
    Cluster, Forward, Listener, Proxy, Route, RouteAction, UpstreamProtocol, VirtualHost,
    WasmFilter,
};
use crate::wasm_host::tests::probe;
use crate::wasm_host::{CalloutAnswer, Runtime, WasmCode};

/// A proxy with these guests as filters: `/` leads to the service `one` and, with `x-to: two`, to
/// the service `two`; `/off/` has no filters, `/teapot/` is a direct response and `/gone/` leads
/// to a cluster that does not exist.
struct Bench {
    proxy: Proxy,
    runtime: Runtime,
}

impl Bench {
    fn new(guests: &[Vec<u8>]) -> Self {
        let filters = guests.iter().enumerate().map(|(index, wasm)| WasmFilter {
            name: format!("filter-{index}"),
            root_id: String::new(),
            module: WasmCode::new(format!("{index}.wasm"), wasm.clone()),
            configuration: String::new(),
            fail_open: false,
        });
        let cluster = |service: &str, protocol| Cluster {
            name: format!("ns/{service}:80"),
            namespace: "ns".to_owned(),
            service: service.to_owned(),
            port: 80,
            protocol,
        };
        let proxy = Proxy {
            listeners: vec![Listener {
                port: 80,
                virtual_hosts: vec![VirtualHost {
                    name: "vh".to_owned(),
                    domains: vec!["*".to_owned()],
                    routes: routes(),
                }],
                ..Listener::default()
            }],
            filters: filters.collect(),
            clusters: vec![
                cluster("one", UpstreamProtocol::Http1),
                cluster("two", UpstreamProtocol::Http2),
            ],
            jwt: Vec::new(),
            services: Vec::new(),
        };
        Self {
            proxy,
            runtime: probe::runtime(),
        }
    }

    fn fail_open(mut self) -> Self {
        for filter in &mut self.proxy.filters {
            filter.fail_open = true;
        }
        self
    }

    fn envoy(&self, options: &EmbeddedOptions) -> EmbeddedEnvoy {
        EmbeddedEnvoy::new(&self.runtime, &self.proxy, options).unwrap()
    }
}

fn routes() -> Vec<Route> {
    let route = |name: &str, prefix: &str, headers: &[(&str, &str)], action| Route {
        name: name.to_owned(),
        prefix: prefix.to_owned(),
        headers: headers
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).into()))
            .collect(),
        filters_enabled: name != "off",
        action,
    };
    let forward = |cluster: &str| {
        RouteAction::Forward(Forward {
            host_rewrite_header: Some("x-host".to_owned()),
            ..Forward::to(cluster)
        })
    };
    vec![
        route("off", "/off", &[], forward("ns/one:80")),
        route("teapot", "/teapot", &[], RouteAction::DirectResponse(418)),
        route("gone", "/gone", &[], forward("ns/gone:80")),
        route("two", "/in", &[("x-to", "two")], forward("ns/two:80")),
        route("one", "/in", &[], forward("ns/one:80")),
    ]
}

fn get(path: &str, headers: &[(&str, &str)]) -> Exchange {
    let owned = |(n, v): &(&str, &str)| (n.as_bytes().to_vec(), v.as_bytes().to_vec());
    Exchange {
        headers: headers.iter().map(owned).collect(),
        ..Exchange::get("example.com", path)
    }
}

/// One request through these guests.
fn send(guests: &[Vec<u8>], exchange: &Exchange) -> Answer {
    let mut envoy = Bench::new(guests).envoy(&EmbeddedOptions::default());
    envoy.send(0, exchange).unwrap()
}

fn service(answer: &Answer) -> &str {
    answer.seen.as_ref().map_or("", |seen| &seen.service)
}

fn value(answer: &Answer, name: &str) -> Option<String> {
    let found = answer.headers.iter().find(|(n, _)| n == name.as_bytes());
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

/// A guest that adds `x-to: two` to the request.
fn dispatcher() -> Vec<u8> {
    probe::on_request(
        "(drop (call $add (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 110) (i32.const 3)))",
        r#"(data (i32.const 100) "x-to") (data (i32.const 110) "two")"#,
    )
}

/// A guest that replies in this callback of three parameters, returns Continue, and counts its own
/// response callbacks in the header `x-saw`.
fn replier(callback: &str) -> Vec<u8> {
    let saw = r#"(drop (call $add (i32.const 2) (i32.const 110) (i32.const 5) (i32.const 100) (i32.const 2)))"#;
    let reply = r#"(drop (call $reply (i32.const 429) (i32.const 0) (i32.const 0) (i32.const 100)
        (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1)))"#;
    let replies = format!(
        r#"(func (export "{callback}") (param i32 i32 i32) (result i32) {reply} (i32.const 0))"#
    );
    let sees = if callback == "proxy_on_response_headers" {
        String::new()
    } else {
        format!(
            r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {saw} (i32.const 0))"#
        )
    };
    probe::guest(&format!(
        r#"(data (i32.const 100) "no") (data (i32.const 110) "x-saw") {replies} {sees}"#
    ))
}

/// A guest that only notes in `x-saw` that it saw the response.
fn witness() -> Vec<u8> {
    probe::guest(
        r#"(data (i32.const 100) "yes") (data (i32.const 110) "x-saw")
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
          (drop (call $add (i32.const 2) (i32.const 110) (i32.const 5) (i32.const 100) (i32.const 3)))
          (i32.const 0))"#,
    )
}

fn saw(answer: &Answer) -> usize {
    let names = answer.headers.iter().map(|(name, _)| name);
    names.filter(|name| *name == b"x-saw").count()
}
