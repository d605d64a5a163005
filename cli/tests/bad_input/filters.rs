//! Filters that fail, loop or do not load.

use super::*;

#[test]
fn the_input_is_good_where_nothing_is_changed() {
    let told = good().replay(&["--host", "core,wasmtime"]);
    assert_eq!(told.status, Some(0), "{}{}", told.err, told.out);
    assert_eq!(
        told.out.lines().last(),
        Some("2 passed, 0 failed, 0 skipped")
    );
}

#[test]
fn a_filter_that_traps_fails_every_case_with_the_trap() {
    let told = good().with_module(&on_request("unreachable"), &[]);
    told.failed(&[
        "T/one on wasmtime",
        "T/two on wasmtime",
        "503 from the gateway",
        "0 passed, 2 failed, 0 skipped",
    ]);
    let why = "proxy_on_request_headers failed: wasm trap: wasm `unreachable` instruction executed";
    assert_eq!(told.out.matches(why).count(), 2, "{}", told.out);
}

#[test]
fn a_case_after_a_trap_gets_a_fresh_vm() {
    // Traps at the first request of a VM, and lets the second pass.
    let first =
        "(if (i32.eqz (global.get $asked)) (then (global.set $asked (i32.const 1)) (unreachable)))
        (i32.const 0)";
    let once = module(&format!(
        r#"{ABI} (global $asked (mut i32) (i32.const 0))
          (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {first})"#
    ));
    let replayed = good().with_module(&once, &[]);
    let note = "note T/two on wasmtime got a fresh VM: a trap in `one` ended the VM before";
    replayed.failed(&["T/one on wasmtime", "T/two on wasmtime", note]);
    // A dead VM would be reported alike: that the second is fresh is shown by the note.
    let why = "proxy_on_request_headers failed: wasm trap: wasm `unreachable` instruction executed";
    assert_eq!(replayed.out.matches(why).count(), 2, "{}", replayed.out);
}

#[test]
fn hosts_that_differ_fail_the_run() {
    let trapping = on_request("unreachable");
    let told = good().with_module(&trapping, &["--host", "core,wasmtime"]);
    told.failed(&[
        "the hosts differ",
        "passed    FAILED    ≠ T/one",
        "0 passed, 2 failed, 0 skipped",
    ]);
    let table = ["--host", "core,wasmtime", "-o", "agreement"];
    let told = good().with_module(&trapping, &table);
    told.failed(&[
        "core      wasmtime    case",
        "passed    FAILED    ≠ T/two",
        "the hosts differ on 2 of 2 cases",
    ]);
}

#[test]
fn a_filter_that_never_ends_is_stopped() {
    let told = good().with_module(&on_request("(loop $again (br $again)) (i32.const 0)"), &[]);
    told.failed(&[
        "503 from the gateway",
        "proxy_on_request_headers failed: it ran too long and was stopped after",
    ]);
}

#[test]
fn a_configuration_that_never_ends_is_stopped() {
    let endless = module(&format!(
        r#"{ABI} (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (loop $again (br $again)) (i32.const 1))"#
    ));
    let told = good().with_module(&endless, &[]);
    told.failed(&[
        "filter.wasm: proxy_on_configure failed: it ran too long and was stopped after",
        "also    1 more in this scenario",
    ]);
}

#[test]
fn modules_that_do_not_load_are_refused_by_name() {
    let whole = gateway_filter_modules::GATEWAY.bytes;
    let cut = whole.get(..whole.len() / 2).unwrap();
    let unknown = format!(r#"(import "env" "proxy_teleport" (func)) {ABI}"#);
    let other_type = format!(r#"(import "env" "proxy_log" (func (param i64))) {ABI}"#);
    let without_abi = r#"(memory (export "memory") 1)"#;
    let wrong_callback = format!(r#"{ABI} (func (export "proxy_on_log") (param i64))"#);
    let without_malloc = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    let input = good();
    for (bytes, parts) in [
        (cut.to_vec(), ["corrupted", "unexpected end-of-file"]),
        (b"#!/bin/sh\n".to_vec(), ["corrupted", "no Wasm binary"]),
        (Vec::new(), ["corrupted", "no Wasm binary"]),
        (
            module(&unknown),
            ["Envoy 1.39 does not offer", "env.proxy_teleport"],
        ),
        (module(&other_type), ["import", "proxy_log"]),
        (
            module(without_abi),
            [
                "Missing or unknown Proxy-Wasm ABI version",
                "proxy_abi_version_0_2_1",
            ],
        ),
        (module(&wrong_callback), ["signature", "proxy_on_log"]),
        (
            module(without_malloc),
            ["malloc", "proxy_on_memory_allocate"],
        ),
    ] {
        let told = input.with_module(&bytes, &[]);
        told.refused(&parts);
        told.refused(&["filter.wasm: "]);
    }
}

#[test]
fn a_filter_that_is_not_there_is_refused() {
    let input = good();
    let gone = input.path("gone.wasm");
    let gone = format!("gateway={}", gone.display());
    let told = input.replay(&["--module", &gone]);
    told.refused(&["gone.wasm: cannot be read: No such file"]);
    let told = input.replay(&["--module", "rout-match=gone.wasm"]);
    assert_eq!(told.status, Some(2));
    let expected = "a bundle loads no filter named `rout-match`; its filter is gateway";
    assert!(told.err.contains(expected), "{}", told.err);
}
