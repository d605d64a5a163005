mod native;
mod request;
mod response;

use std::collections::BTreeMap;

use super::*;
use crate::exchange::{BackendResponse, Protocol, Seen, Simulation};
use crate::scenario::model::Request;
use crate::scenario::model::{AnsweredBy, ExpectedRequest, Redirect, Status, Trial, Weights};

fn expected() -> Expected {
    Expected {
        status: Status::Http(vec![200]),
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
        messages: Vec::new(),
    }
}

fn trial() -> Trial {
    Trial {
        request: Request {
            scheme: "http".to_owned(),
            host: String::new(),
            port: 80,
            protocol: Protocol::Http,
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: BTreeMap::new(),
            body: Vec::new(),
            trailers: BTreeMap::new(),
            client: None,
            tls: None,
            backend_response_headers: BTreeMap::new(),
            backend_status: BTreeMap::new(),
            backend_response: BackendResponse::default(),
            simulation: Simulation::default(),
            messages: Vec::new(),
        },
        expected: expected(),
        mirrored_to: Vec::new(),
    }
}

fn sent() -> Exchange {
    Exchange::get("gateway.invalid", "/")
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
        trailers: vec![(b"x-sum".to_vec(), b"3".to_vec())],
        ..Seen::default()
    }
    .with_body(b"hello".to_vec())
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
        trial: trial(),
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
