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
fn the_backend_receives_what_the_filters_let_through() {
    let rewriter = probe::guest(
        r#"(data (i32.const 100) "new")
        (func (export "proxy_on_request_body") (param i32 i32) (param $end i32) (result i32)
          (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
          (drop (call $set_buffer (i32.const 0) (i32.const 0) (i32.const 99999) (i32.const 100) (i32.const 3)))
          (i32.const 0))"#,
    );
    let seen = |guests: &[Vec<u8>], protocol| {
        let exchange = Exchange {
            protocol,
            ..post(b"abc")
        };
        let seen = send(guests, &exchange).seen.unwrap();
        (String::from_utf8(seen.body).unwrap(), seen.body_size)
    };
    for protocol in [Protocol::Http, Protocol::H2c, Protocol::Grpc] {
        let expected = ("abc".to_owned(), 3);
        assert_eq!(
            seen(&[listener("(i32.const 0)")], protocol.clone()),
            expected
        );
        assert_eq!(seen(&[], protocol), expected);
    }
    let expected = ("new".to_owned(), 3);
    assert_eq!(seen(&[rewriter], Protocol::H2c), expected);
}

#[test]
fn trailers_pass_over_http_2_and_end_at_http_1() {
    let reader = probe::guest(
        r#"(func (export "proxy_on_request_headers") (param i32 i32) (param $end i32) (result i32)
          (call $status (local.get $end)) (i32.const 0))
        (func (export "proxy_on_request_body") (param i32) (param $size i32) (param $end i32) (result i32)
          (call $status (local.get $size)) (call $status (local.get $end)) (i32.const 0))
        (func (export "proxy_on_request_trailers") (param i32) (param $count i32) (result i32)
          (call $status (local.get $count)) (i32.const 0))"#,
    );
    let with = |protocol, to: &str, body: &[u8]| {
        let exchange = Exchange {
            protocol,
            method: "POST".to_owned(),
            body: body.to_vec(),
            trailers: vec![(b"x-sum".to_vec(), b"1".to_vec())],
            ..get("/in", &[("x-to", to)])
        };
        let answer = send(std::slice::from_ref(&reader), &exchange);
        (said(&answer), answer.seen.unwrap().trailers.len())
    };
    // To `two` Envoy speaks HTTP/2, to `one` HTTP/1.1.
    for (to, arrived) in [("one", 0), ("two", 1)] {
        assert_eq!(
            with(Protocol::H2c, to, b"abc"),
            ("0301".to_owned(), arrived)
        );
        assert_eq!(with(Protocol::H2c, to, b""), ("01".to_owned(), arrived));
        assert_eq!(with(Protocol::Http, to, b"abc"), ("03001".to_owned(), 0));
        assert_eq!(with(Protocol::Http, to, b""), ("001".to_owned(), 0));
    }
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
