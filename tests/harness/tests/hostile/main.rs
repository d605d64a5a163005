//! Requests of any bytes through the compiled `route-match.wasm` and `canary.wasm`: no trap, always an
//! outcome, and memory that stays.
//!
//! The callbacks are called without Envoy around them, so that its limits on headers and its checks
//! of them do not stand before the filter. `GWF_HOSTILE_REQUESTS=1000000` runs a million.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

mod generate;
mod vocabulary;

use gateway_filter_modules::{Module, ROUTE_MATCH};
use gateway_harness::wasm_host::{
    Deadline, Deferred, EnvoyVersion, Failed, Flow, HeaderMap, LocalReply, Plugin, Runtime, Stream,
    Vm, VmOptions, WasmCode,
};
use generate::{LARGE_EVERY, request, response};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const CONFIG: &str = include_str!("config.json");
const REQUESTS: u64 = 20_000;
const SEED: u64 = 0x0067_7766;

/// After so many requests, the largest among them, memory must not grow any more.
const WARM_UP: u64 = 10 * LARGE_EVERY;

/// Every backend of the configuration that a request can be forwarded to.
const BACKENDS: [&str; 9] = [
    "ns/regex:80",
    "ns/regex:81",
    "ns/rewritten:80",
    "ns/pattern:80",
    "ns/cors:80",
    "ns/beta:80",
    "ns/root:80",
    "ns/grpc:90",
    "other/any:80",
];

/// Every way of reading a request that a canary can have, on what the requests have.
const CANARY: &str = r#"{"canaries": [{"name": "c", "weight": 50, "variantHeader": "x-variant",
    "overrides": [{"key": {"header": "x-quiet"}}, {"key": {"cookie": "beta"}},
                  {"key": {"header": "x-tier"}, "pattern": "(a|b)*c|gold"},
                  {"key": {"jwtClaim": "realm.roles"}, "values": ["admin"], "to": "Stable"}],
    "sessionPersistence": {"sessionName": "a", "idleTimeout": "1h"},
    "sticky": {"keys": [{"cookie": "id"}, {"jwtClaim": "tier"}, {"queryParam": "q"}, {"sourceAddress": true}],
               "cookie": {"name": "b"}},
    "guard": {"latency": {"threshold": "1s"}}}]}"#;

fn start(module: Module, configuration: &str) -> Vm {
    let deadline = Deadline::Time(Duration::from_secs(60));
    let runtime = Runtime::new(EnvoyVersion::default(), deadline).unwrap();
    let module = runtime
        .load(&WasmCode::from_static(module.name, module.bytes))
        .unwrap();
    let plugin = Arc::new(Plugin {
        configuration: configuration.into(),
        ..Plugin::default()
    });
    Vm::start(&module, &Arc::default(), plugin, VmOptions::default()).unwrap()
}

/// The backend that a request was forwarded to, as `forwarded` tells it, or the status it was
/// answered with.
fn outcome(
    vm: &mut Vm,
    number: u64,
    forwarded: fn(&HeaderMap, u64) -> String,
) -> Result<String, Failed> {
    let hostile = request(SEED, number);
    let mut stream = Box::new(Stream::new(hostile.headers));
    stream.info.source = hostile.source;
    let context = vm.create_stream(&mut stream);
    let verdict = vm.on_request_headers(context, &mut stream, true)?;
    let reply = verdict.actions.into_iter().find_map(|action| match action {
        Deferred::LocalReply(reply) => Some(reply),
        _ => None,
    });
    let outcome = match reply {
        Some(reply) => answered(&reply, number),
        None => {
            assert_eq!(verdict.flow, Flow::Continue, "request {number} hangs");
            forwarded(&stream.request_headers, number)
        }
    };
    stream.response_headers = response(SEED, number);
    let answered = vm.on_response_headers(context, &mut stream, true)?;
    assert_eq!(answered.flow, Flow::Continue, "response {number} hangs");
    vm.on_log(context, &mut stream)?;
    vm.end_stream(context, &mut stream)?;
    Ok(outcome)
}

fn answered(reply: &LocalReply, number: u64) -> String {
    for (name, value) in &reply.headers {
        let ends = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
        assert!(
            !value.iter().any(ends),
            "request {number}: {name:?}: {value:?}"
        );
    }
    reply.status.to_string()
}

/// A forged header never chooses the backend.
fn routed(headers: &HeaderMap, number: u64) -> String {
    let backends: Vec<_> = headers.values(b"x-gateway-backend").collect();
    let known = BACKENDS.iter().find(|name| backends == [name.as_bytes()]);
    let Some(backend) = known else {
        panic!("request {number} goes to {backends:?}");
    };
    assert_eq!(headers.values(b"x-gateway-route").count(), 1);
    (*backend).to_owned()
}

/// Nor the side of a canary.
fn split(headers: &HeaderMap, number: u64) -> String {
    let sides: Vec<_> = headers.values(b"x-gateway-canary").collect();
    match sides[..] {
        [b"stable"] => "stable".into(),
        [b"canary"] => "canary".into(),
        _ => panic!("request {number} goes to {sides:?}"),
    }
}

/// All requests through a filter: how often each outcome came.
fn outcomes(vm: &mut Vm, forwarded: fn(&HeaderMap, u64) -> String) -> BTreeMap<String, u64> {
    let requests = std::env::var("GWF_HOSTILE_REQUESTS");
    let requests = requests.map_or(REQUESTS, |count| count.parse().unwrap());
    let mut outcomes = BTreeMap::<String, u64>::new();
    let mut memory = 0;
    for number in 0..requests {
        if number == WARM_UP {
            memory = vm.memory_size();
        }
        let Ok(outcome) = outcome(vm, number, forwarded) else {
            panic!("request {number}: {}", vm.failure().unwrap());
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("{} bytes of memory, {outcomes:?}", vm.memory_size());
    assert_eq!(
        vm.memory_size(),
        memory,
        "memory grew after {WARM_UP} requests"
    );
    outcomes
}

#[test]
fn any_request_is_answered_or_forwarded_and_memory_stays() {
    let outcomes = outcomes(&mut start(ROUTE_MATCH, CONFIG), routed);
    for expected in BACKENDS
        .into_iter()
        .chain(["200", "308", "404", "418", "500"])
    {
        assert!(
            outcomes.contains_key(expected),
            "never {expected}: {outcomes:?}"
        );
    }
}

#[test]
fn any_request_is_split_and_memory_stays() {
    let outcomes = outcomes(&mut start(gateway_filter_modules::CANARY, CANARY), split);
    let sides: Vec<_> = outcomes.keys().collect();
    assert_eq!(sides, ["canary", "stable"]);
}
