use std::time::Duration;

use super::*;
use crate::wasm_host::{Deadline, EnvoyVersion, Failed, Runtime, WasmCode};

fn fails(wasm: &[u8]) -> String {
    let mut vm = start(wasm);
    let mut stream = stream(&[("a", "b")]);
    let context = vm.create_stream(&mut stream);
    assert_eq!(
        vm.on_request_headers(context, &mut stream, true),
        Err(Failed)
    );
    let failure = vm.failure().unwrap().to_string();
    assert_eq!(vm.on_log(context, &mut stream), Err(Failed), "stays dead");
    failure
}

#[test]
fn a_loop_without_end_is_stopped_by_fuel() {
    let endless = probe::on_request("(loop $for_ever (br $for_ever))", "");
    assert_eq!(
        fails(&endless),
        "proxy_on_request_headers failed: it ran too long and was stopped after 10000000 instructions"
    );
}

#[test]
fn a_loop_without_end_is_stopped_by_time() {
    let endless = probe::on_request("(loop $for_ever (br $for_ever))", "");
    let deadline = Deadline::Time(Duration::from_millis(20));
    let runtime = Runtime::new(EnvoyVersion::default(), deadline).unwrap();
    let module = runtime.load(&WasmCode::new("m", endless)).unwrap();
    let options = VmOptions::default();
    let mut vm = Vm::start(&module, &Arc::default(), Arc::default(), options).unwrap();
    let mut stream = stream(&[]);
    let context = vm.create_stream(&mut stream);
    assert_eq!(
        vm.on_request_headers(context, &mut stream, true),
        Err(Failed)
    );
    let reason = &vm.failure().unwrap().reason;
    assert!(
        reason.starts_with("it ran too long and was stopped after 20ms"),
        "{reason}"
    );
}

#[test]
fn a_trap_tells_where() {
    let wasm = probe::on_request("(call $deep)", "(func $deep unreachable)");
    let failure = fails(&wasm);
    assert!(failure.contains("unreachable"), "{failure}");
    assert!(failure.contains("in deep"), "{failure}");
}

#[test]
fn fuel_and_hostcalls_are_counted() {
    let mut vm = start(&probe::on_request("(call $status (i32.const 1))", ""));
    vm.take_fuel();
    vm.take_hostcalls();
    let mut stream = stream(&[]);
    let mut costs = Vec::new();
    for _ in 0..2 {
        let context = vm.create_stream(&mut stream);
        vm.on_request_headers(context, &mut stream, true).unwrap();
        costs.push(vm.take_fuel());
        assert_eq!(vm.take_hostcalls(), [("proxy_log", 1)]);
    }
    assert!(costs[0] > 0 && costs[0] == costs[1], "{costs:?}");
    assert_eq!(vm.memory_size(), 64 * 65_536);
}

#[test]
fn pointers_out_of_bounds_are_invalid_memory_accesses() {
    let out = "(i32.const 0x7fffffff)";
    let size = "(i32.const 0xffffffff)";
    let body = [
        format!("(call $status (call $log (i32.const 2) {out} (i32.const 1)))"),
        format!("(call $status (call $log (i32.const 2) (i32.const 8) {size}))"),
        format!(
            "(call $status (call $get (i32.const 0) {out} (i32.const 1) (i32.const 0) (i32.const 4)))"
        ),
        format!(
            "(call $status (call $get (i32.const 0) (i32.const 100) (i32.const 1) {out} (i32.const 4)))"
        ),
        format!("(call $status (call $pairs (i32.const 0) {out} (i32.const 4)))"),
        format!("(call $status (call $set_pairs (i32.const 0) {out} (i32.const 4)))"),
        format!("(call $status (call $property {out} {size} (i32.const 0) (i32.const 4)))"),
        format!(
            "(call $status (call $store {out} (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))"
        ),
        format!(
            "(call $status (call $reply (i32.const 200) {out} (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))"
        ),
        format!("(call $status (call $now {out}))"),
    ];
    let wasm = probe::on_request(&body.concat(), r#"(data (i32.const 100) "a")"#);
    let mut stream = stream(&[("a", "b")]);
    assert_eq!(asked(&wasm, &mut stream).concat(), "6".repeat(body.len()));
}

#[test]
fn random_bytes_are_capped_and_repeat_with_the_seed() {
    let wasm = probe::on_request(
        "(call $status (call $random (i32.const 2000) (i32.const 65536)))
         (drop (call $store (i32.const 100) (i32.const 1) (i32.const 2000) (i32.const 16) (i32.const 0)))
         (if (i32.ne (i32.const 28) (call $random (i32.const 2000) (i32.const 65537))) (then unreachable))",
        r#"(data (i32.const 100) "r")"#,
    );
    let drawn = |seed| {
        let process = Arc::new(Process::default());
        let module = probe::compile(&wasm).unwrap();
        let options = VmOptions {
            seed,
            ..VmOptions::default()
        };
        let mut vm = Vm::start(&module, &process, Arc::default(), options).unwrap();
        let mut stream = stream(&[]);
        let context = vm.create_stream(&mut stream);
        vm.on_request_headers(context, &mut stream, true).unwrap();
        assert_eq!(said(&mut vm), ["0"]);
        process.shared_value("", b"r").unwrap().0
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn initialization_and_allocation_may_only_log() {
    let started = |fields: &str| {
        let module = probe::compile(&probe::guest(fields)).unwrap();
        let options = VmOptions::default();
        Vm::start(&module, &Arc::default(), Arc::default(), options)
    };
    let logs = r#"(func (export "_initialize") (call $status (i32.const 1)))"#;
    assert!(started(logs).is_ok());
    let asks = r#"(func (export "_initialize") (drop (call $now (i32.const 0))))"#;
    let text = started(asks).unwrap_err().to_string();
    assert!(
        text.contains("restricted_callback: proxy_get_current_time"),
        "{text}"
    );
    // `malloc` comes before `proxy_on_memory_allocate`.
    let allocates = probe::on_request(
        "(drop (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))",
        r#"(func (export "malloc") (param i32) (result i32) (call $now (i32.const 0)))"#,
    );
    let failure = fails(&allocates);
    assert!(failure.contains("while memory is allocated"), "{failure}");
}

#[test]
fn the_log_keeps_to_its_level() {
    let wasm = probe::on_request(
        "(drop (call $log (i32.const 1) (i32.const 100) (i32.const 2)))
         (drop (call $log (i32.const 3) (i32.const 100) (i32.const 2)))
         (call $status (call $log (i32.const 6) (i32.const 100) (i32.const 2)))",
        r#"(data (i32.const 100) "hi")"#,
    );
    assert_eq!(asked(&wasm, &mut stream(&[])), ["hi", "2"]);
}

/// A guest that calls the hostcall whose number is the first word of the header `args` with the
/// words that follow.
fn anything() -> Vec<u8> {
    let argument = |(place, ty): (usize, &&str)| {
        let at = 4 + place * 4;
        match *ty {
            "i64" => format!("(i64.load (i32.add (local.get $at) (i32.const {at})))"),
            _ => format!("(i32.load (i32.add (local.get $at) (i32.const {at})))"),
        }
    };
    let call = |(number, (name, parameters)): (usize, (&str, Vec<&str>))| {
        let arguments: String = parameters.iter().enumerate().map(argument).collect();
        format!(
            "(if (i32.eq (i32.load (local.get $at)) (i32.const {number}))
               (then (drop (call {name} {arguments}))))"
        )
    };
    let calls: String = probe::imports().into_iter().enumerate().map(call).collect();
    probe::guest(&format!(
        r#"(data (i32.const 3000000) "args")
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (local $at i32)
          (drop (call $get (i32.const 0) (i32.const 3000000) (i32.const 4) (i32.const 0) (i32.const 4)))
          (local.set $at (i32.load (i32.const 0)))
          {calls}
          (i32.const 0))"#
    ))
}

#[test]
fn no_hostcall_breaks_the_host_whatever_it_is_given() {
    const EDGES: [u32; 12] = [
        0,
        1,
        2,
        3,
        5,
        7,
        9,
        16,
        0x3f_fffc,
        0x40_0000,
        0x7fff_ffff,
        0xffff_ffff,
    ];
    let mut vm = start(&anything());
    let mut random = fastrand::Rng::with_seed(7);
    let hostcalls = u32::try_from(probe::imports().len()).unwrap();
    for _ in 0..20_000 {
        let mut words = vec![random.u32(..hostcalls)];
        words.extend((0..14).map(|_| match random.u32(..4) {
            0 => random.u32(..),
            1 => random.u32(..4096),
            _ => EDGES[random.usize(..EDGES.len())],
        }));
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut stream = stream(&[(":path", "/")]);
        stream.request_headers.add(b"args", &bytes);
        let context = vm.create_stream(&mut stream);
        let called = vm.on_request_headers(context, &mut stream, true);
        assert!(called.is_ok(), "{words:x?}: {:?}", vm.failure());
        vm.end_stream(context, &mut stream).unwrap();
        vm.take_log();
        vm.take_callouts();
    }
    assert!(vm.take_hostcalls().len() > 30);
}
