//! Bodies of requests.

use super::super::model::Request;
use super::*;

fn case(body: &str) -> String {
    one_case("").replace("{path: /}", &format!("{{path: /, body: {body}}}"))
}

fn request(body: &str) -> Request {
    let scenario = loaded(&case(body));
    sent(&scenario.cases[0]).trial.request.clone()
}

#[test]
fn a_body_is_a_text_bytes_or_a_size() {
    for (stated, bytes) in [
        ("hello", b"hello".to_vec()),
        ("{text: hello}", b"hello".to_vec()),
        ("{base64: AP8=}", vec![0, 255]),
        ("{size: 18}", b"0123456789abcdef01".to_vec()),
        ("{trailers: {X-Sum: '1'}}", Vec::new()),
    ] {
        assert_eq!(request(stated).body, bytes, "{stated}");
    }
    let trailers = request("{text: a, trailers: {X-Sum: '1'}}").trailers;
    assert_eq!(trailers["X-Sum"], "1");
}

#[test]
fn what_is_no_body_is_refused() {
    for (stated, problem) in [
        ("{base64: '?'}", "request.body.base64: Invalid symbol"),
        (
            "{text: a, size: 1}",
            "request.body: has one of text, base64 and size",
        ),
        (
            "{size: 99999999}",
            "request.body.size: 99999999 is more than",
        ),
        (
            "{bytes: 1}",
            "request.body: expected a text, or an object with text, base64 or size, and trailers",
        ),
    ] {
        let message = refused(&case(stated));
        assert!(
            message.contains(&format!("cases[0].{problem}")),
            "{message}"
        );
    }
    let long = format!(
        "  expectedRequest: {{body: {}}}\n",
        "x".repeat(16 * 1024 + 1)
    );
    let message = refused(&one_case(&long));
    assert!(
        message.contains("expectedRequest.body: is longer than 16 KiB"),
        "{message}"
    );
}

#[test]
fn a_step_expects_the_body_that_it_sends() {
    let step = |body: &str| {
        let scenario = loaded(&steps(&format!(
            "- request: {{path: /, body: {body}}}\n  response: {{statusCodes: [200]}}\n  \
             backend: b\n  namespace: n\n"
        )));
        let seen = sent(&scenario.cases[0])
            .trial
            .expected
            .request
            .clone()
            .unwrap();
        (seen.body, seen.body_size)
    };
    assert_eq!(step("hello"), (Some(b"hello".to_vec()), Some(5)));
    assert_eq!(step("{size: 1000000}"), (None, Some(1_000_000)));
    assert_eq!(step("''"), (None, None));
}
