use std::time::Duration;

use super::*;
use crate::wasm_host::Clock;

/// A guest that pauses the request, calls a cluster, and on the answer writes `x-to: two` and goes
/// on, or answers 429 if the answer's first byte is `n`.
fn caller() -> Vec<u8> {
    probe::guest(
        r#"(data (i32.const 200)
          "\03\00\00\00\07\00\00\00\01\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00G\00:path\00/\00:authority\00h\00")
        (data (i32.const 300) "checker") (data (i32.const 310) "x-to") (data (i32.const 320) "two")
        (global $stream (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
          (global.set $stream (local.get $id))
          (call $status (call $http (i32.const 300) (i32.const 7) (i32.const 200) (i32.const 59)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1500) (i32.const 8)))
          (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
          (drop (call $effective (global.get $stream)))
          (drop (call $buffer (i32.const 4) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 4)))
          (if (i32.eq (i32.load8_u (i32.load (i32.const 0))) (i32.const 110))
            (then (drop (call $reply (i32.const 429) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 0) (i32.const -1))))
            (else
              (call $status (call $add (i32.const 0) (i32.const 310) (i32.const 4) (i32.const 320) (i32.const 3)))
              (drop (call $continue (i32.const 0)))
              (call $status (call $add (i32.const 0) (i32.const 310) (i32.const 4) (i32.const 320) (i32.const 3))))))"#,
    )
}

fn options(answer: CalloutAnswer) -> EmbeddedOptions {
    EmbeddedOptions {
        clusters: vec!["checker".to_owned()],
        responder: Arc::new(move |_| answer.clone()),
        clock: Arc::new(Clock::at(Duration::from_secs(100))),
        ..EmbeddedOptions::default()
    }
}

fn reply(body: &str) -> CalloutAnswer {
    CalloutAnswer::Http {
        headers: vec![(b":status".to_vec(), b"200".to_vec())],
        body: body.into(),
        trailers: Vec::new(),
    }
}

#[test]
fn a_paused_request_goes_on_with_the_answer() {
    let options = options(reply("yes"));
    let mut envoy = Bench::new(&[caller()]).envoy(&options);
    let answer = envoy.send(0, &get("/in", &[])).unwrap();
    assert_eq!(service(&answer), "two");
    // The call, the write while paused, and the write after going on.
    let said: Vec<_> = answer.why.iter().filter(|l| l.contains("[info]")).collect();
    assert_eq!(
        said,
        [
            "filter-0 [info] 0",
            "filter-0 [info] 0",
            "filter-0 [info] 2"
        ]
    );
    assert_eq!(options.clock.now(), Duration::from_secs(100));
}

#[test]
fn a_paused_request_is_answered_from_a_call() {
    let mut envoy = Bench::new(&[caller()]).envoy(&options(reply("no")));
    let answer = envoy.send(0, &get("/in", &[])).unwrap();
    assert_eq!(answer.status, 429);
    assert!(answer.seen.is_none());
}

#[test]
fn silence_lasts_until_the_deadline_of_the_call() {
    let options = options(CalloutAnswer::Silence);
    let mut envoy = Bench::new(&[caller()]).envoy(&options);
    let answer = envoy.send(0, &get("/in", &[])).unwrap();
    assert_eq!(service(&answer), "two");
    assert_eq!(options.clock.now(), Duration::from_millis(101_500));
}

#[test]
fn advancing_fires_every_tick_in_time() {
    let wasm = probe::guest(
        r#"(data (i32.const 100) "t")
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
          (drop (call $metric (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 8)))
          (drop (call $tick (i32.const 400))) (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
          (drop (call $increment (i32.load (i32.const 8)) (i64.const 1))))"#,
    );
    let options = EmbeddedOptions {
        workers: 2,
        ..EmbeddedOptions::default()
    };
    let mut envoy = Bench::new(&[wasm]).envoy(&options);
    let before = options.clock.now();
    envoy.advance(Duration::from_secs(1));
    assert_eq!(envoy.process().metric("t"), Some(4));
    assert_eq!(options.clock.now() - before, Duration::from_secs(1));
    envoy.advance(Duration::from_millis(200));
    assert_eq!(envoy.process().metric("t"), Some(6));
}

#[test]
fn a_paused_request_may_go_on_with_a_tick() {
    let wasm = probe::guest(
        r#"(global $stream (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
          (global.set $stream (local.get $id))
          (drop (call $tick (i32.const 250)))
          (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
          (drop (call $effective (global.get $stream)))
          (drop (call $continue (i32.const 0))))"#,
    );
    let options = EmbeddedOptions::default();
    let before = options.clock.now();
    let mut envoy = Bench::new(&[wasm]).envoy(&options);
    assert_eq!(envoy.send(0, &get("/in", &[])).unwrap().status, 200);
    assert_eq!(options.clock.now() - before, Duration::from_millis(250));
}
