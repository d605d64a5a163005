//! What clients of a bundle get while the module of a filter fails, in the embedded host and in a real
//! Envoy, and that Envoy refuses a module that is none.

#![cfg(test)]

#[allow(dead_code, reason = "each target uses a part of it")]
mod built;
mod required_envoy;

use std::sync::LazyLock;

use gateway_bundle::{bundle, load};
use gateway_harness::chain::{self, EmbeddedEnvoy};
use gateway_harness::envoy::{EnvoyHost, EnvoyOptions};
use gateway_harness::exchange::{Answer, Exchange, Message};
use gateway_harness::model::Proxy;
use gateway_harness::proxy::proxy;
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

/// The bundle of a scenario, whose first Gateway is asked, with the module in place of the filter's.
fn with(scenario: &str, filter: &str, module: &WasmCode, fail_open: bool) -> Proxy {
    let path = format!(
        "{}/../scenarios/{scenario}/manifests.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let manifests = load(&[path.into()]).unwrap();
    let gateway = bundle(&manifests).gateways.remove(0);
    let mut modules = built::filters();
    *match filter {
        "route-match" => &mut modules.route_match,
        "rate-limit" => &mut modules.rate_limit,
        _ => &mut modules.canary,
    } = module.clone();
    let fail_open = fail_open.then(|| filter.to_owned()).into_iter().collect();
    proxy(
        &manifests,
        &gateway,
        &modules,
        &Default::default(),
        &fail_open,
    )
    .unwrap()
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
fn without_route_match_nobody_gets_anywhere() {
    let trap = trap();
    let mut exchange = Exchange::get("app.example.com", "/api/v1");
    for fail_open in [false, true] {
        let proxy = with("path-routing", "route-match", &trap, fail_open);
        let answer = answer(&proxy, &exchange);
        assert_eq!((answer.status, answer.seen), (503, None));
    }
    // The header is taken off before the first match, which is the entry.
    let forged = (b"x-gateway-backend".to_vec(), b"default/rest:8080".to_vec());
    exchange.headers.push(forged);
    let proxy = with("path-routing", "route-match", &trap, true);
    let answer = answer(&proxy, &exchange);
    assert_eq!((answer.status, answer.seen), (503, None));
}

/// A WebSocket's first match forwards, or Envoy would refuse it.
#[test]
fn without_route_match_no_websocket_gets_anywhere() {
    let trap = trap();
    let mut exchange = Exchange::get("app.example.com", "/ws");
    for (name, value) in [("connection", "upgrade"), ("upgrade", "WebSocket")] {
        exchange.headers.push((name.into(), value.into()));
    }
    exchange.messages = vec![Message::Text("a".into())];
    for (fail_open, refused) in [(false, 503), (true, 403)] {
        let proxy = with("path-routing", "route-match", &trap, fail_open);
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
fn limits_and_canaries_may_be_passed_over() {
    let trap = trap();
    for (scenario, filter, host, path) in [
        ("rate-limit-tiers", "rate-limit", "app.example.com", "/"),
        ("canary-split", "canary", "shop.example.com", "/"),
    ] {
        let exchange = Exchange::get(host, path);
        let closed = with(scenario, filter, &trap, false);
        assert_eq!(answer(&closed, &exchange).status, 503, "{scenario}");
        let open = answer(&with(scenario, filter, &trap, true), &exchange);
        assert_eq!(open.status, 200, "{scenario}");
        assert!(open.seen.is_some(), "{scenario}");
    }
}

#[test]
fn what_is_no_module_is_refused_when_it_is_loaded() {
    let none = WasmCode::new("none", "not Wasm");
    let Some(binary) = required_envoy::find() else {
        return;
    };
    for fail_open in [false, true] {
        let proxy = with("path-routing", "route-match", &none, fail_open);
        let error = EnvoyHost::start(&binary, &proxy, &EnvoyOptions::default()).unwrap_err();
        assert!(error.to_string().contains("Wasm"), "{error}");
    }
}
