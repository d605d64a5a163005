use std::collections::BTreeMap;

use super::*;
use crate::exchange::{Protocol, Seen};
use crate::scenario::model::Request;
use crate::scenario::model::{AnsweredBy, ExpectedRequest, Redirect, SetCookie, Trial, Weights};

fn expected() -> Expected {
    Expected {
        status: Status::Http(vec![200]),
        headers_on_success_only: true,
        headers: BTreeMap::new(),
        valid_header_values: BTreeMap::new(),
        ignore_whitespace: false,
        first_header_value_only: false,
        absent_headers: vec![],
        headers_present: vec![],
        headers_contain: BTreeMap::new(),
        cookies_present: vec![],
        set_cookie: None,
        body: None,
        body_not: vec![],
        redirect: None,
        request: None,
        answered_by: AnsweredBy::Unstated,
    }
}

fn sent() -> Exchange {
    Exchange {
        gateway_namespace: "infra".to_owned(),
        gateway: "gw".to_owned(),
        port: 80,
        protocol: Protocol::Http,
        method: "GET".to_owned(),
        authority: "gateway.invalid".to_owned(),
        path: b"/".to_vec(),
        headers: vec![],
        body: vec![],
        client: None,
        backend_response_headers: vec![],
    }
}

fn answer(status: u16, headers: &[(&str, &str)]) -> Answer {
    let bytes =
        |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    Answer {
        status,
        headers: headers.iter().map(bytes).collect(),
        ..Answer::default()
    }
}

fn seen_by(service: &str) -> Seen {
    Seen {
        namespace: "infra".to_owned(),
        service: service.to_owned(),
        method: "GET".to_owned(),
        authority: "a.example".to_owned(),
        path: "/x?y=1".to_owned(),
        headers: vec![
            (b"x-a".to_vec(), b"1".to_vec()),
            (b"x-a".to_vec(), b"2".to_vec()),
        ],
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The mismatches as `field: expected / got`.
fn judged(expected: &Expected, answer: &Answer) -> Vec<String> {
    judge(expected, &sent(), answer, &Backends::default())
        .into_iter()
        .map(|found| format!("{}: {} / {}", found.field, found.expected, found.got))
        .collect()
}

/// Asserts that one answer fits and another one does not, and how.
#[track_caller]
fn both(expected: &Expected, fits: &Answer, fails: &Answer, mismatch: &str) {
    assert_eq!(judged(expected, fits), Vec::<String>::new());
    assert_eq!(judged(expected, fails), [mismatch]);
}

#[test]
fn any_of_the_statuses_fits() {
    let expected = Expected {
        status: Status::Http(vec![200, 204]),
        ..expected()
    };
    both(
        &expected,
        &answer(204, &[]),
        &answer(404, &[]),
        "status: 200 or 204 / 404",
    );
}

#[test]
fn headers_are_joined_and_named_in_any_case() {
    let expected = Expected {
        headers: map(&[("X-Add", "a,b")]),
        ..expected()
    };
    let two = answer(200, &[("x-add", "a"), ("x-add", "b"), ("x-other", "c")]);
    both(
        &expected,
        &two,
        &answer(200, &[("x-add", "a, b")]),
        "response.headers.X-Add: a,b / a, b",
    );
    assert_eq!(
        judged(&expected, &answer(200, &[])),
        ["response.headers.X-Add: a,b / (absent)"]
    );
}

#[test]
fn only_the_first_line_counts_if_the_case_says_so() {
    let expected = Expected {
        headers: map(&[("x", "a")]),
        first_header_value_only: true,
        ..expected()
    };
    let reversed = answer(200, &[("x", "b"), ("x", "a")]);
    both(
        &expected,
        &answer(200, &[("x", "a"), ("x", "b")]),
        &reversed,
        "response.headers.x: a / b",
    );
}

#[test]
fn one_of_the_valid_values_fits() {
    let valid = BTreeMap::from([("m".to_owned(), vec!["GET".to_owned(), "*".to_owned()])]);
    let expected = Expected {
        valid_header_values: valid,
        ..expected()
    };
    both(
        &expected,
        &answer(200, &[("m", "*")]),
        &answer(200, &[("m", "PUT")]),
        "response.headers.m: GET or * / PUT",
    );
}

#[test]
fn spaces_count_unless_the_case_says_otherwise() {
    let valid = BTreeMap::from([("m".to_owned(), vec!["a, b".to_owned()])]);
    let strict = Expected {
        valid_header_values: valid,
        ..expected()
    };
    let lenient = Expected {
        ignore_whitespace: true,
        ..strict.clone()
    };
    let tight = answer(200, &[("m", "a,b")]);
    assert_eq!(judged(&lenient, &tight), Vec::<String>::new());
    assert_eq!(judged(&strict, &tight), ["response.headers.m: a, b / a,b"]);
}

#[test]
fn absent_headers_must_be_absent() {
    let expected = Expected {
        absent_headers: vec!["X-Gone".to_owned()],
        ..expected()
    };
    both(
        &expected,
        &answer(200, &[]),
        &answer(200, &[("x-gone", "1")]),
        "response.headers.X-Gone: (absent) / 1",
    );
}

#[test]
fn headers_count_on_success_only_in_a_conformance_case() {
    let conformance = Expected {
        status: Status::Http(vec![200, 403]),
        absent_headers: vec!["x".to_owned()],
        ..expected()
    };
    let step = Expected {
        headers_on_success_only: false,
        ..conformance.clone()
    };
    let forbidden = answer(403, &[("x", "1")]);
    assert_eq!(judged(&conformance, &forbidden), Vec::<String>::new());
    assert_eq!(
        judged(&step, &forbidden),
        ["response.headers.x: (absent) / 1"]
    );
}

#[test]
fn headers_may_be_asked_for_by_name_or_part() {
    let expected = Expected {
        headers_present: vec!["a".to_owned()],
        headers_contain: BTreeMap::from([("b".to_owned(), vec!["mid".to_owned()])]),
        ..expected()
    };
    let fits = answer(200, &[("a", ""), ("b", "a mid b")]);
    assert_eq!(judged(&expected, &fits), Vec::<String>::new());
    let fails = answer(200, &[("b", "none")]);
    assert_eq!(
        judged(&expected, &fails),
        [
            "response.headers.a: (present) / (absent)",
            "response.headers.b: (contains) mid / none"
        ]
    );
}

#[test]
fn cookies_may_be_asked_for() {
    let expected = Expected {
        cookies_present: vec!["s".to_owned()],
        ..expected()
    };
    let other = answer(200, &[("set-cookie", "ss=1")]);
    both(
        &expected,
        &answer(200, &[("set-cookie", "s=1; Path=/")]),
        &other,
        "response.cookies.s: (present) / (absent)",
    );
}

#[test]
fn attributes_of_a_cookie_are_compared_where_stated() {
    let cookie = SetCookie {
        name: "s".to_owned(),
        quoted: Some(true),
        attributes: BTreeMap::from([
            ("max-age", Some("10".to_owned())),
            ("httponly", Some(String::new())),
            ("domain", None),
        ]),
    };
    let expected = Expected {
        set_cookie: Some(cookie),
        ..expected()
    };
    let fits = answer(
        200,
        &[("set-cookie", "s=\"v\"; Max-Age=10; Path=/; HttpOnly")],
    );
    assert_eq!(judged(&expected, &fits), Vec::<String>::new());
    let fails = answer(200, &[("set-cookie", "s=v; Max-Age=9; Domain=d")]);
    assert_eq!(
        judged(&expected, &fails),
        [
            "response.cookies.s.value: (in quotes) / v",
            "response.cookies.s.domain: (absent) / d",
            "response.cookies.s.httponly:  / (absent)",
            "response.cookies.s.max-age: 10 / 9",
        ]
    );
    assert_eq!(cookie_value(&fits.headers, "s").as_deref(), Some("v"));
}

#[test]
fn the_body_is_compared_exactly() {
    let with = |body: &str| Answer {
        body: body.into(),
        ..answer(200, &[])
    };
    let exact = Expected {
        body: Some("a".to_owned()),
        ..expected()
    };
    both(&exact, &with("a"), &with("b"), "response.body: a / b");
    let other = Expected {
        body_not: vec!["a".to_owned()],
        ..expected()
    };
    both(
        &other,
        &with("b"),
        &with("a"),
        "response.body: (another text) / a",
    );
}

#[test]
fn the_backend_must_be_the_one_that_is_named() {
    let by = |namespace: &str, names: &[&str]| Expected {
        answered_by: AnsweredBy::Backend {
            namespace: Some(namespace.to_owned()),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
        },
        ..expected()
    };
    let from = |service: &str| Answer {
        seen: Some(seen_by(service)),
        ..answer(200, &[])
    };
    both(
        &by("infra", &["v1"]),
        &from("v1"),
        &from("v2"),
        "backend: infra/v1 / infra/v2",
    );
    both(
        &by("infra", &["v1"]),
        &from("v1-blue"),
        &from("v10"),
        "backend: infra/v1 / infra/v10",
    );
    both(
        &by("infra", &["v1", "v2"]),
        &from("v2"),
        &from("v3"),
        "backend: infra/v1 or infra/v2 / infra/v3",
    );
    both(
        &by("infra", &[]),
        &from("v9"),
        &answer(200, &[]),
        "backend: infra/* / (the gateway)",
    );
    assert_eq!(
        judged(&by("web", &[]), &from("v1")),
        ["backend: web/* / infra/v1"]
    );
}

#[test]
fn no_backend_may_answer_for_the_gateway() {
    let gateway = Expected {
        answered_by: AnsweredBy::Gateway,
        ..expected()
    };
    let echoed = |status| Answer {
        seen: Some(seen_by("v1")),
        ..answer(status, &[])
    };
    both(
        &gateway,
        &answer(200, &[]),
        &echoed(200),
        "backend: (the gateway) / infra/v1",
    );
    let not_found = Expected {
        status: Status::Http(vec![404]),
        ..expected()
    };
    both(
        &not_found,
        &answer(404, &[]),
        &echoed(404),
        "backend: (the gateway) / infra/v1",
    );
    assert_eq!(judged(&expected(), &echoed(200)), Vec::<String>::new());
}

#[test]
fn the_backend_must_see_what_is_stated() {
    let stated = ExpectedRequest {
        host: Some("a.example".to_owned()),
        method: Some("GET".to_owned()),
        path: Some("/x?y=1".to_owned()),
        headers: map(&[("X-A", "1,2")]),
        absent_headers: vec!["X-B".to_owned()],
    };
    let expected = Expected {
        request: Some(stated),
        ..expected()
    };
    let with = |seen: Seen| Answer {
        seen: Some(seen),
        ..answer(200, &[])
    };
    let fits = with(seen_by("v1"));
    let fails = |change: fn(&mut Seen)| {
        let mut seen = seen_by("v1");
        change(&mut seen);
        with(seen)
    };
    type Change = (fn(&mut Seen), &'static str);
    let changes: [Change; 5] = [
        (
            |seen| seen.method = "PUT".to_owned(),
            "expectedRequest.method: GET / PUT",
        ),
        (
            |seen| seen.authority = "b".to_owned(),
            "expectedRequest.host: a.example / b",
        ),
        (
            |seen| seen.path = "/x".to_owned(),
            "expectedRequest.path: /x?y=1 / /x",
        ),
        (
            |seen| seen.headers.truncate(1),
            "expectedRequest.headers.X-A: 1,2 / 1",
        ),
        (
            |seen| seen.headers.push((b"x-b".to_vec(), b"3".to_vec())),
            "expectedRequest.headers.X-B: (absent) / 3",
        ),
    ];
    for (change, mismatch) in changes {
        both(&expected, &fits, &fails(change), mismatch);
    }
    let none = "expectedRequest: (a backend reached) / (the gateway)";
    assert_eq!(judged(&expected, &answer(200, &[])), [none]);
}

#[test]
fn a_redirect_leads_where_it_must() {
    let redirect = Redirect {
        scheme: Some("https".to_owned()),
        host: Some("example.org".to_owned()),
        ports: Some(vec![String::new(), "443".to_owned()]),
        path: Some("/p".to_owned()),
    };
    let expected = Expected {
        status: Status::Http(vec![302]),
        redirect: Some(redirect),
        ..expected()
    };
    let to = |location: &str| answer(302, &[("location", location)]);
    let fits = to("https://example.org/p?q=1");
    assert_eq!(
        judged(&expected, &to("https://example.org:443/p")),
        Vec::<String>::new()
    );
    let cases = [
        (
            "http://example.org/p",
            "redirectRequest.scheme: https / http",
        ),
        (
            "https://example.com/p",
            "redirectRequest.host: example.org / example.com",
        ),
        (
            "https://example.org:80/p",
            "redirectRequest.port: (none) or 443 / 80",
        ),
        ("https://example.org/q", "redirectRequest.path: /p / /q"),
        ("http://[", "redirectRequest: (a URI) / http://["),
    ];
    for (location, mismatch) in cases {
        both(&expected, &fits, &to(location), mismatch);
    }
    both(
        &expected,
        &fits,
        &answer(302, &[]),
        "redirectRequest: (a Location) / (absent)",
    );
}

#[test]
fn a_relative_location_inherits_from_the_request() {
    let redirect = Redirect {
        scheme: Some("http".to_owned()),
        host: Some("gateway.invalid".to_owned()),
        ports: Some(vec![String::new()]),
        path: Some("/p".to_owned()),
    };
    let expected = Expected {
        status: Status::Http(vec![302]),
        redirect: Some(redirect),
        ..expected()
    };
    assert_eq!(
        judged(&expected, &answer(302, &[("location", "/p")])),
        Vec::<String>::new()
    );
}

#[test]
fn the_grpc_status_is_in_trailers_or_headers() {
    let status = Status::Grpc {
        code: 0,
        name: "OK".to_owned(),
        http_equivalents: vec![],
    };
    let expected = Expected {
        status,
        ..expected()
    };
    let trailer = |status: &str| Answer {
        trailers: vec![(b"grpc-status".to_vec(), status.as_bytes().to_vec())],
        ..answer(200, &[])
    };
    both(
        &expected,
        &trailer("0"),
        &trailer("12"),
        "grpc-status: 0 OK / 12",
    );
    assert_eq!(
        judged(&expected, &answer(200, &[("grpc-status", "0")])),
        Vec::<String>::new()
    );
}

#[test]
fn an_http_status_may_stand_for_a_grpc_status() {
    let status = Status::Grpc {
        code: 12,
        name: "Unimplemented".to_owned(),
        http_equivalents: vec![404],
    };
    let expected = Expected {
        status,
        ..expected()
    };
    let unavailable = "grpc-status: 12 Unimplemented / (absent), HTTP 503";
    both(&expected, &answer(404, &[]), &answer(503, &[]), unavailable);
    let other = answer(404, &[("grpc-status", "5")]);
    assert_eq!(
        judged(&expected, &other),
        ["grpc-status: 12 Unimplemented / 5"]
    );
}

#[test]
fn shares_must_lie_within_the_tolerance_and_zero_is_none() {
    let wanted = Weights {
        trial: Trial {
            request: Request {
                scheme: "http".to_owned(),
                host: String::new(),
                port: 80,
                protocol: Protocol::Http,
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: BTreeMap::new(),
                client: None,
                backend_response_headers: BTreeMap::new(),
            },
            expected: expected(),
        },
        namespace: "infra".to_owned(),
        requests: 10,
        shares: BTreeMap::from([
            ("a".to_owned(), 0.7),
            ("b".to_owned(), 0.3),
            ("z".to_owned(), 0.0),
        ]),
        tolerance: 0.15,
        attempts: 1,
    };
    let spread = |services: &str| {
        let mut spread = Distribution::default();
        for service in services.chars() {
            spread.count(Some(&seen_by(&service.to_string())), &Backends::default());
        }
        spread.judge(&wanted)
    };
    assert_eq!(spread("aaaaaaabbb"), []);
    assert_eq!(spread("aaaaaabbbb"), []);
    let shown = |found: Vec<Mismatch>| -> Vec<String> {
        found
            .into_iter()
            .map(|m| format!("{}: {} / {}", m.field, m.expected, m.got))
            .collect()
    };
    assert_eq!(
        shown(spread("aaaaabbbbz")),
        [
            "weights.expected.a: 0.7 ± 0.15 / 0.500 (5 of 10)",
            "weights.expected.z: 0 / 0.100 (1 of 10)",
        ]
    );
}
