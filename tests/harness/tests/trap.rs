//! A filter that traps on one request decides about no other case, in the embedded host and in a real
//! Envoy.

#![cfg(test)]

mod required_envoy;

use std::fs;

use gateway_harness::host::HostKind;
use gateway_harness::hosts::{HostOptions, Hosts};
use gateway_harness::proxy::Modules;
use gateway_harness::runner::{Outcome, Runner, Verdict};
use gateway_harness::scenario;
use gateway_harness::wasm_host::WasmCode;

/// Leads requests to a backend, and fails at one with the header `x-trap`.
const TRAPPER: &str = r#"(module
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 100) "x-trap")
    (data (i32.const 200) "x-gateway-backend")
    (data (i32.const 300) "default/app:8080")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (if (i32.eqz (call $get (i32.const 0) (i32.const 100) (i32.const 6) (i32.const 0) (i32.const 4)))
            (then unreachable))
        (call $set (i32.const 0) (i32.const 200) (i32.const 17) (i32.const 300) (i32.const 16))))"#;

/// Three requests, of which the second one is the trap, to a Gateway with limits.
fn outcomes(host: HostKind, list: &str, last: u16) -> Vec<Outcome> {
    let manifests = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/rate-limit-tiers");
    let entry = |name: &str, headers: &str, status: u16| {
        format!(
            "- name: {name}\n  request: {{host: app.example.com, path: /, headers: {{{headers}}}}}\n  \
             response: {{statusCodes: [{status}]}}\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        format!("{manifests}/manifests.yaml"),
        folder.path().join("manifests.yaml"),
    )
    .unwrap();
    let entries = [
        entry("before", "", 200),
        entry("trap", "x-trap: '1'", 503),
        entry("after", "", last),
    ];
    let cases = format!(
        "name: Trap\ngateway: {{namespace: default, name: example}}\n{list}:\n{}",
        entries.concat()
    );
    fs::write(folder.path().join("cases.yaml"), cases).unwrap();
    let scenarios = scenario::load(folder.path()).unwrap();
    let modules = Modules {
        gateway: WasmCode::new("trapper", wat::parse_str(TRAPPER).unwrap()),
    };
    let hosts = Hosts::new(HostOptions::new(modules)).unwrap();
    Runner::new(host, |scenario, gateway| {
        hosts.open(host, scenario, gateway)
    })
    .run(&scenarios)
}

fn check(host: HostKind) {
    for (list, last, fresh) in [("cases", 200, Some("trap")), ("steps", 503, None)] {
        let outcomes = outcomes(host, list, last);
        for outcome in &outcomes {
            assert!(
                matches!(outcome.verdict, Verdict::Passed),
                "{list} on {host}: {outcome:#?}"
            );
        }
        let last = outcomes[2].fresh_vm_after.as_deref();
        assert_eq!(last, fresh, "{list} on {host}");
    }
}

#[test]
fn a_trap_in_the_embedded_host_is_over_with_its_case() {
    check(HostKind::Wasmtime);
}

#[test]
fn a_trap_in_a_real_envoy_is_over_with_its_case() {
    if required_envoy::find().is_some() {
        check(HostKind::Envoy);
    }
}
