//! What the bench for one filter measures: the same for the same request.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

mod filter_bench;

use gateway_harness::wasm_host::{
    Deadline, EnvoyVersion, Flow, HeaderMap, MapKind, Runtime, WasmCode,
};

use crate::filter_bench::FilterBench;

/// A guest whose `proxy_on_request_headers` is this body.
fn bench(body: &str) -> FilterBench {
    let text = format!(
        r#"(module
          (import "env" "proxy_replace_header_map_value"
            (func $set (param i32 i32 i32 i32 i32) (result i32)))
          (import "env" "proxy_send_local_response"
            (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 100) "b")
          (func (export "proxy_abi_version_0_2_1"))
          (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
          (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            {body}
            (i32.const 0)))"#
    );
    let guest = WasmCode::new("guest", wat::parse_str(text).unwrap());
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::Fuel(10_000_000)).unwrap();
    FilterBench::load(&runtime, &guest, "").unwrap()
}

fn headers(value: &[u8]) -> HeaderMap {
    HeaderMap::from_pairs(MapKind::Request, [(&b"a"[..], value)])
}

#[test]
fn the_same_request_costs_the_same_and_leaves_nothing() {
    let mut bench = bench(
        "(drop (call $set (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 100) (i32.const 1)))",
    );
    let memory = bench.vm().memory_size();
    let first = bench.request(headers(b"\xff")).unwrap();
    assert!(first.fuel > 0);
    assert_eq!(first.hostcalls, [("proxy_replace_header_map_value", 1)]);
    assert_eq!(first.stream.request_headers.get(b"b"), Some(&b"b"[..]));
    assert_eq!((first.flow, first.reply), (Flow::Continue, None));
    for _ in 0..1_000 {
        assert_eq!(bench.request(headers(b"\0")).unwrap().fuel, first.fuel);
    }
    assert_eq!(bench.vm().memory_size(), memory);
}

#[test]
fn replies_and_failures_are_reported() {
    let mut replies = bench(
        "(drop (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
           (i32.const 0) (i32.const 0) (i32.const -1)))",
    );
    let measured = replies.request(headers(b"")).unwrap();
    assert_eq!(measured.reply.map(|reply| reply.status), Some(403));
    assert_eq!(measured.flow, Flow::Stop);
    let mut traps = bench("unreachable");
    let failure = traps.request(headers(b"")).unwrap_err();
    assert_eq!(failure.callback, "proxy_on_request_headers");
    assert_eq!(traps.request(headers(b"")).unwrap_err(), failure);
}
