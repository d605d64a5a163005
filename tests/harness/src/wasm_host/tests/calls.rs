use std::collections::BTreeSet;

use super::*;
use crate::wasm_host::{Callout, CalloutAnswer, CalloutKind, Responder};

/// `:method`, `:path` and `:authority`, each with one letter.
const REQUEST: &str = r#"(data (i32.const 200)
    "\03\00\00\00\07\00\00\00\01\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00G\00:path\00/\00:authority\00h\00")
    (data (i32.const 300) "cluster")"#;
const HTTP: &str = "(call $status (call $http (i32.const 300) (i32.const 7) (i32.const 200)
    (i32.const 59) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 8)))
    (call $status (i32.load (i32.const 8)))";

fn process() -> Arc<Process> {
    let clusters = BTreeSet::from(["cluster".to_owned()]);
    let responder: Responder = Arc::new(|_| CalloutAnswer::Unreachable);
    Arc::new(Process::new(Arc::default(), clusters, responder))
}

/// Runs the guest's request callback and returns the VM and the calls it made.
fn calls(wasm: &[u8]) -> (Vm, Vec<Callout>, Box<Stream>) {
    let mut vm = start_in(&process(), wasm);
    let mut stream = stream(&[]);
    let context = vm.create_stream(&mut stream);
    vm.on_request_headers(context, &mut stream, true).unwrap();
    let calls = vm.take_callouts();
    (vm, calls, stream)
}

#[test]
fn http_calls_need_a_known_cluster_and_pseudo_headers() {
    let unknown = HTTP.replace("(i32.const 7)", "(i32.const 6)");
    let no_headers = HTTP.replace("(i32.const 59)", "(i32.const 0)");
    let body = [HTTP, HTTP, &unknown, &no_headers].concat();
    let (mut vm, calls, _) = calls(&probe::on_request(&body, REQUEST));
    assert_eq!(said(&mut vm), ["0", "4", "0", "8", "2", "0", "2", "0"]);
    assert_eq!(calls.len(), 2);
    let CalloutKind::Http { headers, .. } = &calls[0].kind else {
        panic!("{calls:?}");
    };
    assert_eq!(headers[0], (b":method".to_vec(), b"G".to_vec()));
}

#[test]
fn a_call_that_fails_comes_back_as_a_made_up_response() {
    let fields = format!(
        r#"{REQUEST} (data (i32.const 100) ":status")
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (drop (call $get (i32.const 6) (i32.const 100) (i32.const 7) (i32.const 0) (i32.const 4)))
          (call $given)
          (drop (call $buffer (i32.const 4) (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 4)))
          (call $given))"#
    );
    let (mut vm, calls, mut stream) = calls(&probe::on_request(HTTP, &fields));
    said(&mut vm);
    for (answer, status) in [
        (CalloutAnswer::Unreachable, "503"),
        (CalloutAnswer::Silence, "504"),
    ] {
        vm.deliver(&calls[0], answer, &mut stream).unwrap();
        assert_eq!(said(&mut vm), [status, "upstream"]);
    }
}

const GRPC: &str = "(call $status (call $grpc (i32.const 300) (i32.const SIZE) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 8)))";

#[test]
fn grpc_calls_succeed_with_a_message_and_fail_with_a_status() {
    let fields = format!(
        r#"{REQUEST}
        (func (export "proxy_on_grpc_receive") (param i32) (param $token i32) (param i32)
          (call $status (local.get $token))
          (drop (call $buffer (i32.const 5) (i32.const 0) (i32.const 8) (i32.const 0) (i32.const 4)))
          (call $given))
        (func (export "proxy_on_grpc_close") (param i32 i32) (param $status i32)
          (call $status (local.get $status))
          (drop (call $last_status (i32.const 8) (i32.const 0) (i32.const 4)))
          (call $given))"#
    );
    let body = [GRPC, GRPC].concat().replace("SIZE", "7");
    let (mut vm, calls, mut stream) = calls(&probe::on_request(&body, &fields));
    assert_eq!(said(&mut vm), ["0", "0"]);
    assert_eq!((calls[0].token, calls[1].token), (5, 9));
    let message = CalloutAnswer::Grpc(b"hello".to_vec());
    vm.deliver(&calls[0], message, &mut stream).unwrap();
    let refusal = CalloutAnswer::GrpcStatus {
        code: 7,
        message: "no".to_owned(),
    };
    vm.deliver(&calls[1], refusal, &mut stream).unwrap();
    assert_eq!(said(&mut vm), ["5", "hello", "7", "no"]);
}

#[test]
fn an_unknown_grpc_cluster_calls_back_within_the_call() {
    let fields = r#"(data (i32.const 300) "\0a\04\0a\02no") (data (i32.const 310) "nothing")
        (func (export "proxy_on_grpc_close") (param i32 i32 i32)
          (drop (call $log (i32.const 2) (i32.const 310) (i32.const 7))))"#;
    let (mut vm, calls, _) = calls(&probe::on_request(&GRPC.replace("SIZE", "6"), fields));
    // 10, InternalFailure, is the digit after 9.
    assert_eq!(said(&mut vm), ["nothing", ":"]);
    assert!(calls.is_empty());
    let by_name = GRPC.replace("300", "310").replace("SIZE", "7");
    let (mut vm, ..) = self::calls(&probe::on_request(&by_name, fields));
    assert_eq!(said(&mut vm), ["4"]);
}

#[test]
fn ticks_come_with_time_and_end_with_zero() {
    let wasm = probe::guest(
        r#"(global $left (mut i32) (i32.const 2))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $tick (i32.const 1000))) (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
          (call $status (global.get $left))
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (if (i32.eqz (global.get $left)) (then (drop (call $tick (i32.const 0))))))"#,
    );
    let process = process();
    let mut vm = start_in(&process, &wasm);
    let mut nothing = stream(&[]);
    vm.tick(&mut nothing).unwrap();
    assert_eq!(said(&mut vm), Vec::<String>::new());
    for expected in ["2", "1"] {
        process.clock().advance(std::time::Duration::from_secs(1));
        vm.tick(&mut nothing).unwrap();
        assert_eq!(said(&mut vm), [expected]);
    }
    assert_eq!(vm.next_tick(), None);
}
