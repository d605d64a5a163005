use super::*;
use crate::exchange::Protocol;

fn post(body: &[u8]) -> Exchange {
    Exchange {
        method: "POST".to_owned(),
        body: body.to_vec(),
        ..get("/in", &[])
    }
}

/// A guest that logs size and end of every body callback and returns this.
fn listener(returned: &str) -> Vec<u8> {
    probe::guest(&format!(
        r#"(func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
          (call $status (local.get $size)) (call $status (local.get $end)) {returned})"#
    ))
}

/// What that guest logged of a request.
fn heard(guest: &Vec<u8>, exchange: &Exchange) -> String {
    said(&send(std::slice::from_ref(guest), exchange))
}

fn said(answer: &Answer) -> String {
    let lines = answer.why.iter();
    let said = lines.filter_map(|l| l.strip_prefix("filter-0 [info] "));
    said.collect()
}

#[test]
fn over_http_1_the_end_of_a_body_comes_by_itself() {
    let listener = listener("(i32.const 0)");
    assert_eq!(heard(&listener, &post(b"abc")), "3001");
    let h2 = Exchange {
        protocol: Protocol::H2c,
        ..post(b"abc")
    };
    assert_eq!(heard(&listener, &h2), "31");
    assert_eq!(heard(&listener, &get("/in", &[])), "");
}

#[test]
fn a_held_body_is_seen_whole_and_has_a_limit() {
    // Holds until the end.
    let holder = listener("(i32.eqz (local.get $end))");
    assert_eq!(heard(&holder, &post(b"abc")), "3031");
    let answer = send(&[holder], &post(&vec![0; 33 * 1024]));
    assert_eq!(answer.status, 413);
    assert_eq!(answer.body, b"Payload Too Large");
}

#[test]
fn a_response_body_can_be_rewritten() {
    let wasm = probe::guest(
        r#"(data (i32.const 100) "new")
        (func (export "proxy_on_response_body") (param i32 i32) (param $end i32) (result i32)
          (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
          (drop (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 99999) (i32.const 100) (i32.const 3)))
          (i32.const 0))"#,
    );
    assert_eq!(send(&[wasm], &get("/in", &[])).body, b"new");
}

#[test]
fn trailers_made_after_the_body_reach_the_next_filter() {
    let maker = probe::guest(
        r#"(data (i32.const 100) "t")
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
          (call $status (call $add (i32.const 1) (i32.const 100) (i32.const 1) (i32.const 100) (i32.const 1)))
          (i32.const 0))"#,
    );
    let reader = probe::guest(
        r#"(func (export "proxy_on_request_trailers") (param i32) (param $count i32) (result i32)
          (call $status (local.get $count)) (i32.const 0))"#,
    );
    let answer = send(&[maker, reader], &post(b"abc"));
    assert_eq!(said(&answer), "20");
    let read = answer.why.iter().any(|line| line == "filter-1 [info] 1");
    assert!(read, "{:?}", answer.why);
}
