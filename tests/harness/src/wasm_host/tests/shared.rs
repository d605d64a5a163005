use super::*;

#[test]
fn an_absent_key_is_not_found_and_an_empty_value_a_null_pointer() {
    let wasm = probe::on_request(
        r#"(call $status (call $load (i32.const 100) (i32.const 3) (i32.const 0) (i32.const 4) (i32.const 8)))
        (call $status (call $store (i32.const 100) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0xffffffff)))
        (i32.store (i32.const 0) (i32.const 9))
        (call $status (call $load (i32.const 100) (i32.const 3) (i32.const 0) (i32.const 4) (i32.const 8)))
        (call $status (i32.load (i32.const 0)))
        (call $status (i32.load (i32.const 8)))
        (call $status (call $store (i32.const 100) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0xffffffff)))"#,
        r#"(data (i32.const 100) "key")"#,
    );
    assert_eq!(
        asked(&wasm, &mut stream(&[])),
        ["1", "0", "0", "0", "1", "8"]
    );
}

/// Adds one to a counter in shared data, and tries again until nobody came between.
const COUNT: &str = r#"
  (data (i32.const 100) "n")
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (loop $again
      (if (i32.eqz (call $load (i32.const 100) (i32.const 1) (i32.const 0) (i32.const 4) (i32.const 8)))
        (then
          (i32.store (i32.const 32) (i32.add (i32.const 1) (i32.load (i32.load (i32.const 0)))))
          (br_if $again (call $store (i32.const 100) (i32.const 1) (i32.const 32) (i32.const 4) (i32.load (i32.const 8)))))
        (else
          (i32.store (i32.const 32) (i32.const 1))
          (br_if $again (call $store (i32.const 100) (i32.const 1) (i32.const 32) (i32.const 4) (i32.const 0xffffffff))))))
    (i32.const 0))"#;

#[test]
fn workers_that_race_lose_no_count() {
    const WORKERS: u32 = 4;
    const REQUESTS: u32 = 2_000;
    let process = Arc::new(Process::default());
    let wasm = probe::guest(COUNT);
    std::thread::scope(|threads| {
        for _ in 0..WORKERS {
            threads.spawn(|| {
                let mut vm = start_in(&process, &wasm);
                for _ in 0..REQUESTS {
                    let mut stream = stream(&[]);
                    let context = vm.create_stream(&mut stream);
                    vm.on_request_headers(context, &mut stream, true).unwrap();
                    vm.end_stream(context, &mut stream).unwrap();
                }
            });
        }
    });
    let (count, _) = process.shared_value("vm", b"n").unwrap();
    assert_eq!(count, (WORKERS * REQUESTS).to_le_bytes());
    assert_eq!(process.shared_value("other", b"n"), None);
}

#[test]
fn queues_call_their_registrant_back() {
    let wasm = probe::guest(
        r#"(data (i32.const 100) "q")
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
          (drop (call $queue (i32.const 100) (i32.const 1) (i32.const 8))) (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $status (call $enqueue (i32.load (i32.const 8)) (i32.const 100) (i32.const 1)))
          (call $status (call $enqueue (i32.const 9) (i32.const 100) (i32.const 1)))
          (i32.const 0))
        (func (export "proxy_on_queue_ready") (param $root i32) (param $token i32)
          (call $status (call $dequeue (local.get $token) (i32.const 0) (i32.const 4)))
          (call $given)
          (call $status (call $dequeue (local.get $token) (i32.const 0) (i32.const 4))))"#,
    );
    let mut vm = start(&wasm);
    let mut stream = stream(&[]);
    let context = vm.create_stream(&mut stream);
    vm.on_request_headers(context, &mut stream, true).unwrap();
    assert_eq!(said(&mut vm), ["0", "1"]);
    vm.drain_queues().unwrap();
    assert_eq!(said(&mut vm), ["0", "q", "7"]);
    vm.drain_queues().unwrap();
    assert_eq!(said(&mut vm), Vec::<String>::new());
}

#[test]
fn metrics_are_shared_by_name_and_ids_carry_the_kind() {
    let define = |kind: u32| {
        format!(
            "(call $status (call $metric (i32.const {kind}) (i32.const 100) (i32.const 1) (i32.const 8)))"
        )
    };
    let id = "(call $status (i32.load (i32.const 8)))";
    let body = [
        &define(0),
        id,
        &define(0),
        id,
        &define(1),
        id,
        &define(2),
        id,
        &define(3),
        // A counter does not shrink, a gauge does, a histogram has no value.
        "(call $status (call $increment (i32.const 0) (i64.const 3)))",
        "(call $status (call $increment (i32.const 4) (i64.const 0)))",
        "(call $status (call $record (i32.const 4) (i64.const 4)))",
        "(call $status (call $record (i32.const 1) (i64.const 9)))",
        "(call $status (call $increment (i32.const 1) (i64.const -4)))",
        "(call $status (call $metric_value (i32.const 1) (i32.const 8)))",
        id,
        "(call $status (call $record (i32.const 2) (i64.const 4)))",
        "(call $status (call $metric_value (i32.const 2) (i32.const 8)))",
        "(call $status (call $metric_value (i32.const 3) (i32.const 8)))",
        "(call $status (call $metric_value (i32.const 8) (i32.const 8)))",
    ]
    .concat();
    let wasm = probe::on_request(&body, r#"(data (i32.const 100) "m")"#);
    let process = Arc::new(Process::default());
    let mut vm = start_in(&process, &wasm);
    let mut stream = stream(&[]);
    let context = vm.create_stream(&mut stream);
    vm.on_request_headers(context, &mut stream, true).unwrap();
    assert_eq!(said(&mut vm).concat(), "00040102202000050221");
}
