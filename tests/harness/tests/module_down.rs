//! What clients of a bundle get while the module of the filter fails, in the embedded host and in a real
//! Envoy, and that Envoy refuses a module that is none.

#![cfg(test)]

mod required_envoy;

use std::sync::LazyLock;

use gateway_bundle::{Manifests, bundle};
use gateway_harness::chain::{self, EmbeddedEnvoy};
use gateway_harness::envoy::{EnvoyHost, EnvoyOptions};
use gateway_harness::exchange::{Answer, Exchange, Message};
use gateway_harness::model::Proxy;
use gateway_harness::proxy::{Modules, proxy};
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime, WasmCode};

/// Fails at every request.
const TRAP: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable))"#;

/// Compiles a module once for all tests.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap());

/// A policy of the manifests that says how the filter is loaded.
const OPEN: &str = "
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {name: open, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: example}]
  wasm: [{name: gateway, failOpen: true, code: {type: HTTP, http: {url: https://example.com/gateway.wasm}}}]
";

/// The bundle of scenario `path-routing` with the module in place of the filter's.
fn with(module: &WasmCode, fail_open: bool) -> Proxy {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scenarios/path-routing/manifests.yaml"
    );
    let mut text = std::fs::read_to_string(path).unwrap();
    text.extend(fail_open.then_some(OPEN));
    let manifests = Manifests::parse("manifests.yaml", &text).unwrap();
    let gateway = bundle(&manifests).gateways.remove(0);
    let modules = Modules {
        gateway: module.clone(),
    };
    let proxy = proxy(&manifests, &gateway, &modules, &Default::default()).unwrap();
    assert_eq!(proxy.filters[0].fail_open, fail_open);
    proxy
}

/// The answers of both hosts, as far as there is an Envoy, which must be alike.
fn answer(proxy: &Proxy, exchange: &Exchange) -> Answer {
    let answer = embedded(proxy, exchange);
    if let Some(real) = real(proxy, exchange) {
        assert_eq!(told(&real), told(&answer));
    }
    answer
}

fn told(answer: &Answer) -> (u16, Option<&str>) {
    let seen = answer.seen.as_ref().map(|seen| &*seen.service);
    (answer.status, seen)
}

fn embedded(proxy: &Proxy, exchange: &Exchange) -> Answer {
    let mut embedded =
        EmbeddedEnvoy::new(&RUNTIME, proxy, &chain::EmbeddedOptions::default()).unwrap();
    embedded.send(0, exchange).unwrap()
}

fn real(proxy: &Proxy, exchange: &Exchange) -> Option<Answer> {
    let host = EnvoyHost::start(&required_envoy::find()?, proxy, &EnvoyOptions::default()).unwrap();
    Some(host.send(exchange).unwrap())
}

fn trap() -> WasmCode {
    WasmCode::new("trap", wat::parse_str(TRAP).unwrap())
}

#[test]
fn without_the_filter_nobody_gets_anywhere() {
    let trap = trap();
    let mut exchange = Exchange::get("app.example.com", "/api/v1");
    for fail_open in [false, true] {
        let proxy = with(&trap, fail_open);
        let answer = answer(&proxy, &exchange);
        assert_eq!((answer.status, answer.seen), (503, None));
    }
    // The header is taken off before the first match, which is the entry.
    let forged = (b"x-gateway-backend".to_vec(), b"default/rest:8080".to_vec());
    exchange.headers.push(forged);
    let proxy = with(&trap, true);
    let answer = answer(&proxy, &exchange);
    assert_eq!((answer.status, answer.seen), (503, None));
}

/// A WebSocket's first match forwards, or Envoy would refuse it.
#[test]
fn without_the_filter_no_websocket_gets_anywhere() {
    let trap = trap();
    let mut exchange = Exchange::get("app.example.com", "/ws");
    for (name, value) in [("connection", "upgrade"), ("upgrade", "WebSocket")] {
        exchange.headers.push((name.into(), value.into()));
    }
    exchange.messages = vec![Message::Text("a".into())];
    for (fail_open, refused) in [(false, 503), (true, 403)] {
        let proxy = with(&trap, fail_open);
        assert_eq!(told(&embedded(&proxy, &exchange)), (503, None));
        let real = real(&proxy, &exchange);
        assert!(
            real.as_ref()
                .is_none_or(|answer| told(answer) == (refused, None)),
            "{real:?}"
        );
    }
}

#[test]
fn what_is_no_module_is_refused_when_it_is_loaded() {
    let none = WasmCode::new("none", "not Wasm");
    let Some(binary) = required_envoy::find() else {
        return;
    };
    for fail_open in [false, true] {
        let proxy = with(&none, fail_open);
        let error = EnvoyHost::start(&binary, &proxy, &EnvoyOptions::default()).unwrap_err();
        assert!(error.to_string().contains("Wasm"), "{error}");
    }
}
