use super::*;
use crate::exchange::Protocol;

#[test]
fn the_backend_sees_the_request_and_answers_json() {
    let mut exchange = get("/in//a/../b?x=1", &[("X-A", " 1 "), ("x-a", "2")]);
    exchange.client = "10.1.2.3".parse().ok();
    exchange.backend_response_headers = vec![("X-Back".to_owned(), "b".to_owned())];
    let answer = send(&[], &exchange);
    assert_eq!(answer.status, 200);
    assert_eq!(value(&answer, "x-back").as_deref(), Some("b"));
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["path"], "/in/b?x=1");
    assert_eq!(json["host"], "example.com");
    assert_eq!(json["headers"]["X-A"], serde_json::json!(["1", "2"]));
    assert_eq!(json["headers"]["X-Forwarded-For"][0], "10.1.2.3");
    assert_eq!(json["proto"], "HTTP/1.1");
    assert_eq!(json["pod"], "one-0");
    assert_eq!(service(&answer), "one");
}

#[test]
fn a_header_written_by_a_filter_leads_to_another_route() {
    let answer = send(&[dispatcher()], &get("/in", &[]));
    assert_eq!(service(&answer), "two");
    assert_eq!(
        answer.why,
        [
            "first match: route one",
            "re-match: route two",
            "forwarded to ns/two:80"
        ]
    );
}

#[test]
fn the_first_match_decides_whether_filters_run() {
    let off = send(&[dispatcher()], &get("/off", &[("x-to", "one")]));
    assert_eq!(off.status, 200);
    let none = send(&[witness()], &get("/nowhere", &[]));
    assert_eq!((none.status, saw(&none)), (404, 0));
    assert_eq!(none.body, b"");
}

#[test]
fn attributes_keep_the_old_route_until_it_is_resolved_anew() {
    let name = r#"(data (i32.const 200) "xds\00route_name")
        (func $route
          (drop (call $property (i32.const 200) (i32.const 14) (i32.const 0) (i32.const 4)))
          (call $given))"#;
    let wasm = probe::on_request(
        "(drop (call $add (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 110) (i32.const 3)))
         (call $route)",
        &format!(
            r#"(data (i32.const 100) "x-to") (data (i32.const 110) "two") {name}
            (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
              (call $route) (i32.const 0))"#
        ),
    );
    let answer = send(&[wasm], &get("/in", &[]));
    let said = answer
        .why
        .iter()
        .filter(|line| line.starts_with("filter-0"));
    let said: Vec<_> = said.collect();
    assert_eq!(said, ["filter-0 [info] one", "filter-0 [info] two"]);
}

#[test]
fn direct_responses_and_missing_clusters_pass_the_response_filters() {
    let teapot = send(&[witness()], &get("/teapot", &[]));
    assert_eq!((teapot.status, saw(&teapot)), (418, 1));
    let gone = send(&[witness()], &get("/gone", &[]));
    assert_eq!((gone.status, saw(&gone)), (503, 1));
}

#[test]
fn the_host_is_rewritten_by_a_header() {
    let answer = send(&[], &get("/in", &[("x-host", "other.example")]));
    assert_eq!(answer.seen.unwrap().authority, "other.example");
}

#[test]
fn what_envoy_refuses_reaches_no_filter() {
    let many: Vec<_> = (0..100).map(|_| ("x-a", "1")).collect();
    let long = "x".repeat(61 * 1024);
    let mut nobody = get("/in", &[]);
    nobody.authority.clear();
    let cases = [
        (get("/in", &many), 431),
        (get("/in", &many[..99]), 200),
        (get("/in", &[("x-a", &long)]), 431),
        (get("/in", &[("x_a", "1")]), 400),
        (get("/in#x", &[]), 400),
        (get("/in/%00", &[]), 400),
        (get("/in%2Fa?b", &[]), 307),
        (nobody, 400),
    ];
    let mut envoy = Bench::new(&[witness()]).envoy(&EmbeddedOptions::default());
    for (exchange, status) in cases {
        let answer = envoy.send(0, &exchange).unwrap();
        assert_eq!(answer.status, status, "{}", answer.why.join(", "));
        assert_eq!(saw(&answer), usize::from(status == 200));
        if status == 307 {
            assert_eq!(value(&answer, "location").as_deref(), Some("/in/a?b"));
        }
    }
    let everything = EmbeddedOptions {
        admission: crate::chain::Admission::Everything,
        ..EmbeddedOptions::default()
    };
    let mut envoy = Bench::new(&[witness()]).envoy(&everything);
    let mut exchange = get("/in", &vec![("x_a", "\u{e9}"); 1024]);
    exchange.path.extend_from_slice(&vec![b'%'; 1 << 20]);
    exchange.path.insert(3, b'/');
    let answer = envoy.send(0, &exchange).unwrap();
    assert_eq!((answer.status, saw(&answer)), (200, 1));
}

#[test]
fn grpc_gets_a_message_and_trailers_or_a_status_in_the_headers() {
    let mut exchange = get("/in.Service/Method", &[]);
    exchange.protocol = Protocol::Grpc;
    exchange.method = "POST".to_owned();
    let missing = send(&[], &exchange);
    assert_eq!(missing.status, 200);
    assert_eq!(value(&missing, "grpc-status").as_deref(), Some("12"));
    exchange.path = b"/in/Method".to_vec();
    let answer = send(&[], &exchange);
    assert_eq!(answer.trailers, [(b"grpc-status".to_vec(), b"0".to_vec())]);
    assert_eq!(answer.body, [0; 5]);
    let limited = send(&[replier("proxy_on_request_headers")], &exchange);
    assert_eq!(value(&limited, "grpc-status").as_deref(), Some("14"));
    assert_eq!(value(&limited, "grpc-message").as_deref(), Some("no"));
}

#[test]
fn a_port_without_listener_is_an_error() {
    let mut exchange = get("/", &[]);
    exchange.port = 81;
    let mut envoy = Bench::new(&[]).envoy(&EmbeddedOptions::default());
    let error = envoy.send(0, &exchange).unwrap_err();
    assert_eq!(error.to_string(), "no listener on port 81");
    assert!(envoy.send(9, &exchange).is_err());
}

#[test]
fn bad_request_headers_left_by_a_filter_are_answered_with_503() {
    let wasm = probe::on_request(
        "(drop (call $set (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 110) (i32.const 3)))",
        r#"(data (i32.const 100) "a") (data (i32.const 110) "b\0d\0a")"#,
    );
    let answer = send(&[wasm], &get("/in", &[]));
    assert_eq!(answer.status, 503);
    assert!(answer.seen.is_none());
}
