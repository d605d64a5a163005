//! Guests in the text format, for tests of the host: each does the one thing that is looked at.

use std::sync::Arc;

use super::super::{Deadline, EnvoyVersion, LoadError, Module, Runtime, WasmCode};

/// What all guests have: imports, memory, an allocator, and three words of room for answers at 0,
/// 4 and 8. `$status` logs a status as a digit, `$given` the bytes that a hostcall handed over.
const COMMON: &str = r#"
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_size" (func $map_size (param i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_remove_header_map_value" (func $remove (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_header_map_pairs" (func $set_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $load (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $store (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $metric (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_record_metric" (func $record (param i32 i64) (result i32)))
  (import "env" "proxy_get_metric" (func $metric_value (param i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_http_call" (func $http (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_grpc_call" (func $grpc (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_status" (func $last_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_call_foreign_function" (func $foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
  (import "env" "proxy_done" (func $done (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 64)
  (global $heap (mut i32) (i32.const 1048576))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $heap))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $heap) (i32.const 4000000)) (then (global.set $heap (i32.const 1048576))))
    (local.get $at))
  (func $status (param $status i32)
    (i32.store8 (i32.const 16) (i32.add (local.get $status) (i32.const 48)))
    (drop (call $log (i32.const 2) (i32.const 16) (i32.const 1))))
  (func $given
    (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4)))))
"#;

/// The imports of [`COMMON`]: WAT name, and the types of the parameters.
pub(crate) fn imports() -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = COMMON.lines().filter(|line| line.contains("(import"));
    let parsed = lines.map(|line| {
        let (_, function) = line.split_once("(func ").unwrap();
        let name = function.split([' ', ')']).next().unwrap();
        let parameters = function.split_once("(param ").map_or("", |(_, p)| p);
        let parameters = parameters.split(')').next().unwrap();
        (name, parameters.split_whitespace().collect())
    });
    parsed.collect()
}

/// A guest of ABI 0.2.1 with these further module fields.
pub(crate) fn guest(fields: &str) -> Vec<u8> {
    let text = format!(r#"(module {COMMON} (func (export "proxy_abi_version_0_2_1")) {fields})"#);
    wat::parse_str(text).unwrap()
}

/// A guest whose `proxy_on_request_headers` is this body; without a value it continues.
pub(crate) fn on_request(body: &str, fields: &str) -> Vec<u8> {
    guest(&format!(
        r#"{fields}
        (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
          {body}
          (i32.const 0))"#
    ))
}

/// A runtime in which a callback has ten million instructions.
pub(crate) fn runtime() -> Runtime {
    Runtime::new(EnvoyVersion::default(), Deadline::Fuel(10_000_000)).unwrap()
}

/// That guest, compiled.
pub(crate) fn compile(wasm: &[u8]) -> Result<Arc<Module>, LoadError> {
    runtime().load(&WasmCode::new("probe.wasm", wasm.to_vec()))
}
