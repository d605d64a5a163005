use super::*;
use crate::wasm_host::{
    AbiVersion, Deadline, EnvoyVersion, LoadError, LoadProblem, Runtime, WasmCode,
};

/// A module with nothing but these fields.
fn bare(fields: &str) -> Result<Vec<u8>, wat::Error> {
    wat::parse_str(format!("(module {fields})"))
}

const ABI: &str = r#"(func (export "proxy_abi_version_0_2_1"))"#;
const MALLOC: &str = r#"(func (export "malloc") (param i32) (result i32) (i32.const 8))"#;

fn refused(fields: &str) -> LoadError {
    probe::compile(&bare(fields).unwrap()).unwrap_err()
}

#[test]
fn a_truncated_module_is_corrupted() {
    let whole = probe::guest("");
    let error = probe::compile(&whole[..whole.len() / 2]).unwrap_err();
    assert!(
        matches!(error.problem, LoadProblem::Corrupted(_)),
        "{error}"
    );
    let error = probe::compile(b"#!/bin/sh").unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("probe.wasm: Failed to parse corrupted Wasm module"),
        "{text}"
    );
}

#[test]
fn the_same_bytes_are_compiled_once() {
    let runtime = probe::runtime();
    let load = |name: &str, fields: &str| {
        let code = WasmCode::new(name, probe::guest(fields));
        runtime.load(&code).unwrap()
    };
    let first = load("a", "");
    assert!(Arc::ptr_eq(&first, &load("b", "")));
    let other = load("a", r#"(func (export "proxy_on_log") (param i32))"#);
    assert!(!Arc::ptr_eq(&first, &other));
}

#[test]
fn the_abi_version_must_be_known() {
    let unknown = format!(r#"{MALLOC} (func (export "proxy_abi_version_0_3_0"))"#);
    for fields in [MALLOC, &unknown] {
        let error = refused(fields);
        assert!(matches!(error.problem, LoadProblem::UnknownAbi), "{error}");
    }
}

#[test]
fn an_unknown_import_is_named() {
    let fields = format!(r#"(import "env" "proxy_remove_shared_data" (func)) {ABI} {MALLOC}"#);
    assert_eq!(
        refused(&fields).to_string(),
        "probe.wasm: Envoy 1.39 does not offer the import env.proxy_remove_shared_data"
    );
}

#[test]
fn an_import_with_another_type_is_named() {
    let fields = format!(r#"(import "env" "proxy_log" (func (param i64))) {ABI} {MALLOC}"#);
    let text = refused(&fields).to_string();
    assert!(text.contains("Bad import signature"), "{text}");
    assert!(text.contains("proxy_log"), "{text}");
}

#[test]
fn a_callback_with_another_type_is_named() {
    let fields = format!(r#"{ABI} {MALLOC} (func (export "proxy_on_log") (param i64))"#);
    let text = refused(&fields).to_string();
    assert!(
        text.contains("proxy_on_log: expected (i32) -> ()"),
        "{text}"
    );
}

#[test]
fn an_allocator_is_required_and_memory_is_not() {
    let error = refused(ABI);
    assert!(matches!(error.problem, LoadProblem::NoAllocator), "{error}");
    assert_eq!(
        start(&bare(&format!("{ABI} {MALLOC}")).unwrap()).memory_size(),
        0
    );
}

#[test]
fn hostcalls_are_gated_by_the_abi_version() {
    let offered = |version: AbiVersion, import: &str| {
        let fields = format!(
            r#"(import "env" "{import}" {MALLOC_FREE}) {MALLOC} (func (export "{}"))"#,
            version.export()
        );
        !matches!(
            probe::compile(&bare(&fields).unwrap()).map_err(|error| error.problem),
            Err(LoadProblem::UnknownImport { .. })
        )
    };
    let by_version = |import: &str| AbiVersion::ALL.map(|version| offered(version, import));
    assert_eq!(by_version("proxy_clear_route_cache"), [true, false, false]);
    assert_eq!(by_version("proxy_continue_request"), [true, false, false]);
    assert_eq!(by_version("proxy_get_configuration"), [true, false, false]);
    assert_eq!(by_version("proxy_continue_stream"), [false, true, true]);
    assert_eq!(by_version("proxy_get_log_level"), [false, false, true]);
    assert_eq!(by_version("proxy_get_property"), [true, true, true]);
    assert_eq!(by_version("proxy_delete_metric"), [false, false, false]);
}

/// A type that no hostcall has: what is offered is then refused for its type only.
const MALLOC_FREE: &str = "(func (param f64))";

#[test]
fn wasi_is_what_that_envoy_offers() {
    let loads = |version: (u16, u16), module: &str, import: &str, ty: &str| {
        let envoy = EnvoyVersion::new(version.0, version.1);
        let runtime = Runtime::new(envoy, Deadline::default()).unwrap();
        let fields = format!(r#"(import "{module}" "{import}" (func {ty})) {ABI} {MALLOC}"#);
        runtime
            .load(&WasmCode::new("m", bare(&fields).unwrap()))
            .is_ok()
    };
    let preview1 = "wasi_snapshot_preview1";
    let two = "(param i32 i32) (result i32)";
    for version in [(1, 32), (1, 36), (1, 39)] {
        assert!(loads(version, preview1, "random_get", two));
        assert!(loads(version, "wasi_unstable", "random_get", two));
        assert!(!loads(
            version,
            preview1,
            "proc_raise",
            "(param i32) (result i32)"
        ));
    }
    let yields = |version| loads(version, preview1, "sched_yield", "(result i32)");
    assert!(!yields((1, 32)) && yields((1, 36)) && yields((1, 39)));
    let stats = |version| loads(version, preview1, "fd_filestat_get", two);
    assert!(!stats((1, 32)) && !stats((1, 38)) && stats((1, 39)));
    // Envoy registers this one with a parameter too few.
    let seven = "(param i32 i32 i32 i32 i32 i32 i32) (result i32)";
    assert!(!loads((1, 39), preview1, "path_link", seven));
}

#[test]
fn starting_needs_two_yeses_and_no_trap() {
    let started = |fields: &str| {
        let module = probe::compile(&probe::guest(fields)).unwrap();
        let process = Arc::default();
        Vm::start(&module, &process, Arc::default(), VmOptions::default())
    };
    let says_no = r#"(data (i32.const 100) "rules[2] is wrong")
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $log (i32.const 4) (i32.const 100) (i32.const 17)))
          (i32.const 0))"#;
    let text = started(says_no).unwrap_err().to_string();
    assert!(text.contains("proxy_on_configure refused"), "{text}");
    assert!(text.contains("[error] rules[2] is wrong"), "{text}");
    let says_no =
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 0))"#;
    let text = started(says_no).unwrap_err().to_string();
    assert!(text.contains("proxy_on_vm_start refused"), "{text}");
    for callback in [
        r#"(func (export "_initialize") unreachable)"#,
        r#"(func (export "_start") unreachable)"#,
        r#"(func (export "proxy_on_context_create") (param i32 i32) unreachable)"#,
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)"#,
        r#"(func $now_it_runs unreachable) (start $now_it_runs)"#,
    ] {
        let error = started(callback).unwrap_err();
        assert!(
            matches!(error.problem, LoadProblem::Trapped { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("unreachable"), "{error}");
    }
}

#[test]
fn commands_start_too_and_configurations_are_read() {
    let wasm = probe::guest(
        r#"(func (export "_start") (call $status (i32.const 7)))
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
          (drop (call $buffer (i32.const 6) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
          (call $given)
          (call $status (call $buffer (i32.const 7) (i32.const 0) (i32.const 99) (i32.const 0) (i32.const 4)))
          (i32.const 1))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $buffer (i32.const 7) (i32.const 7) (i32.const 99) (i32.const 0) (i32.const 4)))
          (call $given)
          (i32.const 1))"#,
    );
    assert_eq!(said(&mut start(&wasm)), ["7", "vm conf", "1", "conf"]);
}

#[test]
fn a_refused_update_leaves_the_old_configuration_in_force() {
    let wasm = probe::guest(
        r#"(global $times (mut i32) (i32.const 0))
        (func (export "proxy_on_configure") (param $root i32) (param i32) (result i32)
          (global.set $times (i32.add (global.get $times) (i32.const 1)))
          (i32.ne (global.get $times) (i32.const 2)))
        (func (export "proxy_on_context_create") (param $id i32) (param $root i32)
          (call $status (local.get $root)))"#,
    );
    let mut vm = start(&wasm);
    assert!(vm.configure(Arc::default()).is_err());
    let mut any = stream(&[]);
    vm.create_stream(&mut any);
    // The roots say 0, the stream says 1: its root is the first.
    assert_eq!(said(&mut vm), ["1"]);
    vm.configure(Arc::default()).unwrap();
    vm.create_stream(&mut any);
    assert_eq!(said(&mut vm), ["0", "4"]);
}

#[test]
fn a_replaced_root_drains_when_it_says_so() {
    let wasm = probe::guest(
        r#"(func (export "proxy_on_done") (param i32) (result i32) (call $status (i32.const 1)) (i32.const 0))
        (func (export "proxy_on_tick") (param i32) (call $status (call $done)))
        (func (export "proxy_on_delete") (param $root i32) (call $status (local.get $root)))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $tick (i32.const 1000))) (i32.const 1))"#,
    );
    let process = Arc::new(Process::default());
    let mut vm = start_in(&process, &wasm);
    vm.drain().unwrap();
    assert_eq!(said(&mut vm), Vec::<String>::new());
    vm.configure(Arc::default()).unwrap();
    vm.drain().unwrap();
    vm.drain().unwrap();
    assert_eq!(said(&mut vm), ["1"]);
    process.clock().advance(std::time::Duration::from_secs(1));
    vm.tick(&mut stream(&[])).unwrap();
    // The old root is done; the new one has nothing to be done with.
    assert_eq!(said(&mut vm), ["0", "1"]);
    vm.drain().unwrap();
    assert_eq!(said(&mut vm), ["1"]);
}
