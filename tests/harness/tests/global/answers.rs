//! Services that do not do what they should: what is declared happens, and the VM lives on.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use gateway_filter_sdk::limit::rls::{
    Code, DescriptorStatus, HeaderValue, RateLimit, RateLimitResponse,
};
use gateway_filter_sdk::limit::spec::Unit;
use gateway_harness::wasm_host::CalloutAnswer;
use serde_json::{Value, json};

use crate::embedded::Embedded;
use crate::fixture::limited;

/// Two descriptors in each question.
fn configuration(service: Value) -> String {
    let rule = json!({"limit": {"requests": 5, "unit": "Year"}});
    limited(&json!([rule.clone(), rule]), service)
}

/// Failing open is 200, failing closed 500.
const FAILURES: [(bool, u16); 2] = [(false, 200), (true, 500)];

/// Asks thrice and expects it to have failed.
#[track_caller]
fn assert_fails(envoy: &mut Embedded, expected: u16, what: &str) {
    assert_eq!(envoy.statuses(), [expected; 3], "{what}");
    assert_eq!((envoy.metric("errors"), envoy.calls()), (3, 3), "{what}");
    assert_eq!(envoy.metric("limited"), 0, "{what}");
    envoy.envoy.advance(Duration::from_secs(1));
    assert_eq!(envoy.metric("allowed"), 0, "{what}");
}

fn status(code: Code) -> DescriptorStatus {
    DescriptorStatus {
        code,
        current_limit: Some(RateLimit {
            requests_per_unit: 5,
            unit: Some(Unit::Year),
            ..RateLimit::default()
        }),
        limit_remaining: 4,
        duration_until_reset: Duration::from_secs(60),
    }
}

fn answer(statuses: Vec<DescriptorStatus>) -> RateLimitResponse {
    RateLimitResponse {
        statuses,
        ..RateLimitResponse::default()
    }
}

fn answered(service: Value, answer: CalloutAnswer) -> Embedded {
    let responder = Arc::new(move |_: &_| answer.clone());
    Embedded::answered_by(configuration(service), 1, responder)
}

#[test]
fn nobody_answers_in_time() {
    for (fail_closed, expected) in FAILURES {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let spec = json!({"failClosed": fail_closed, "timeout": "20ms"});
        let address = silent.local_addr().unwrap();
        let mut envoy = Embedded::new(configuration(spec), address, 1);
        assert_fails(&mut envoy, expected, "a server that hangs");
        drop(silent);
        assert_eq!(envoy.statuses(), [expected], "nobody listens");
    }
}

#[test]
fn the_deadline_passes() {
    for (fail_closed, expected) in FAILURES {
        let spec = json!({"failClosed": fail_closed, "timeout": "50ms"});
        let mut envoy = answered(spec, CalloutAnswer::Silence);
        let before = envoy.clock.now();
        assert_eq!(envoy.statuses(), [expected]);
        assert_eq!(envoy.clock.now() - before, Duration::from_millis(50));
        assert_eq!(envoy.metric("errors"), 1);
    }
}

#[test]
fn malformed_answers_and_lies_are_no_answer() {
    let over = status(Code::OverLimit);
    for (fail_closed, expected) in FAILURES {
        for (what, message) in [
            ("nothing", vec![]),
            ("garbage", b"\xff\xff\xff\xff".to_vec()),
            ("text", b"HTTP/1.1 200 OK".to_vec()),
            ("half an answer", {
                let mut message = answer(vec![over.clone(); 2]).encode();
                message.pop();
                message
            }),
            (
                "a length that is not there",
                vec![0x12, 0xff, 0xff, 0xff, 0xff, 0x0f],
            ),
            ("a status too few", answer(vec![over.clone()]).encode()),
            ("a status too many", answer(vec![over.clone(); 3]).encode()),
            (
                "a million statuses",
                answer(vec![DescriptorStatus::default(); 1_000_000]).encode(),
            ),
        ] {
            for service in [
                json!({}),
                json!({"lease": {"hits": 10}, "rememberRefusals": "10s"}),
            ] {
                let mut service = service;
                service["failClosed"] = fail_closed.into();
                let mut envoy = answered(service, CalloutAnswer::Grpc(message.clone()));
                assert_fails(&mut envoy, expected, what);
            }
        }
        for code in [1, 2, 8, 14, 16] {
            let ended = CalloutAnswer::GrpcStatus {
                code,
                message: "no".into(),
            };
            let mut envoy = answered(json!({"failClosed": fail_closed}), ended);
            assert_fails(&mut envoy, expected, &format!("status {code}"));
        }
    }
}

#[test]
fn the_overall_verdict_does_not_count_but_the_statuses_do() {
    let spec = || json!({"failClosed": true});
    let lie = RateLimitResponse {
        overall_code: Code::OverLimit,
        ..answer(vec![status(Code::Ok); 2])
    };
    let mut envoy = answered(spec(), CalloutAnswer::Grpc(lie.encode()));
    assert_eq!(envoy.statuses(), [200]);
    let lie = RateLimitResponse {
        overall_code: Code::Ok,
        ..answer(vec![status(Code::Ok), status(Code::OverLimit)])
    };
    let mut envoy = answered(spec(), CalloutAnswer::Grpc(lie.encode()));
    assert_eq!(envoy.statuses(), [429]);
}

#[test]
fn exaggerated_figures_and_headers_that_are_none_do_no_harm() {
    let exaggerated = |code| DescriptorStatus {
        limit_remaining: u32::MAX,
        duration_until_reset: Duration::from_secs(u64::MAX / 2),
        current_limit: Some(RateLimit {
            name: "\"\r\n\u{0}".into(),
            requests_per_unit: u32::MAX,
            unit: None,
        }),
        code,
    };
    let header = |key: &str, value: &[u8]| HeaderValue {
        key: key.into(),
        value: value.into(),
    };
    let headers = vec![
        header("", b"a"),
        header(":status", b"299"),
        header("a b", b"c"),
        header("x-a", b"b\r\nx-c: d"),
        header("x-good", b"yes"),
    ];
    for (code, expected) in [
        (Code::Ok, 200),
        (Code::OverLimit, 429),
        (Code::Unknown, 200),
    ] {
        let lie = RateLimitResponse {
            response_headers_to_add: headers.clone(),
            request_headers_to_add: headers.clone(),
            raw_body: vec![0xff; 100_000],
            ..answer(vec![exaggerated(code); 2])
        };
        for service in [
            json!({}),
            json!({"lease": {"hits": 10_000}, "rememberRefusals": "10s"}),
        ] {
            let mut envoy = answered(service, CalloutAnswer::Grpc(lie.encode()));
            let first = envoy.send(&crate::fixture::get("/a"));
            assert_eq!(first.status, expected, "{code:?}: {:?}", first.why);
            assert_eq!(crate::fixture::header(&first, "x-good"), Some("yes"));
            for name in ["x-a", "x-c", "a b", ":status", ""] {
                assert_eq!(crate::fixture::header(&first, name), None, "{name:?}");
            }
            assert_eq!(envoy.statuses(), [expected; 20]);
            assert_eq!(envoy.metric("errors"), 0);
            // However long it says that it lasts, a refusal is asked for again.
            envoy.clock.advance(Duration::from_secs(11));
            envoy.calls();
            assert_eq!(envoy.statuses(), [expected]);
            if code == Code::OverLimit {
                assert_eq!(envoy.calls(), 1);
            }
        }
    }
}
