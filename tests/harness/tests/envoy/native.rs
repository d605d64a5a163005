//! Timeouts, retries and mirrors, and headers that are taken off before the first match.

use std::time::Duration;

use gateway_harness::envoy::EnvoyHost;
use gateway_harness::exchange::{Answer, Exchange, FailWith, Failing, REQUEST_ID, Simulation};
use gateway_harness::model::{Forward, Mirror, Proxy, Retry, Route, RouteAction};

use crate::fixture::{forward, get, header, proxy, route, seen, send, start, values};
use crate::required_envoy;

fn to_v1(prefix: &str, with: Forward) -> Route {
    let action = RouteAction::Forward(Forward {
        cluster: "infra/v1:8080".into(),
        ..with
    });
    route(prefix, action)
}

fn status(host: &EnvoyHost, path: &str, simulation: Simulation) -> u16 {
    let exchange = Exchange {
        simulation,
        ..get(path)
    };
    send(host, &exchange).status
}

fn delayed(by: Duration) -> Simulation {
    Simulation {
        delay: Some(by),
        failing: None,
    }
}

fn failing(attempts: u32, with: FailWith) -> Simulation {
    Simulation {
        delay: None,
        failing: Some(Failing {
            attempts,
            with,
            after: Duration::ZERO,
        }),
    }
}

#[test]
fn a_late_answer_is_504_unless_the_timeout_is_zero() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let within = |timeout| Forward {
        timeout: Some(timeout),
        ..Forward::default()
    };
    let host = start(
        &binary,
        &proxy(vec![
            to_v1("/soon", within(Duration::from_millis(100))),
            to_v1("/ever", within(Duration::ZERO)),
        ]),
    );
    // Longer than any answer takes; the first never has to come.
    let hour = Duration::from_secs(3600);
    assert_eq!(status(&host, "/soon", delayed(hour)), 504);
    assert_eq!(status(&host, "/soon?delay=1h", Simulation::default()), 504);
    let late = Duration::from_millis(200);
    assert_eq!(status(&host, "/ever", delayed(late)), 200);
}

#[test]
fn attempts_are_repeated_for_the_codes_and_as_often_as_stated() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let retried = |retry| Forward {
        retry: Some(retry),
        ..Forward::default()
    };
    let stated = Retry {
        attempts: Some(3),
        codes: vec![500],
        backoff: Some(Duration::from_millis(1)),
        ..Retry::default()
    };
    let host = start(
        &binary,
        &proxy(vec![
            to_v1("/stated", retried(stated)),
            to_v1("/default", retried(Retry::default())),
            route("/never", forward("v1")),
        ]),
    );
    let fails = |path, attempts, with| status(&host, path, failing(attempts, with));
    assert_eq!(fails("/stated", 3, FailWith::Status(500)), 200);
    assert_eq!(fails("/stated", 4, FailWith::Status(500)), 500);
    assert_eq!(fails("/stated", 1, FailWith::Status(503)), 503);
    assert_eq!(fails("/default", 2, FailWith::Status(503)), 200);
    assert_eq!(fails("/default", 3, FailWith::Status(503)), 503);
    assert_eq!(fails("/default", 1, FailWith::Status(500)), 500);
    assert_eq!(fails("/never", 1, FailWith::Status(503)), 503);
}

/// What Envoy Gateway makes of HTTPRoute `retry` by itself is only for connections that come to nothing.
#[test]
fn a_reset_and_the_timeout_of_an_attempt_are_no_reason() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let retry = Retry {
        per_try_timeout: Some(Duration::from_millis(100)),
        ..Retry::default()
    };
    let forward = Forward {
        retry: Some(retry),
        ..Forward::default()
    };
    let host = start(&binary, &proxy(vec![to_v1("/", forward)]));
    assert_eq!(status(&host, "/", failing(1, FailWith::TcpReset)), 503);
    let mut late = failing(1, FailWith::Status(503));
    late.failing.as_mut().unwrap().after = Duration::from_secs(3600);
    assert_eq!(status(&host, "/", late), 504);
}

/// What a bundle makes of `retry`.
#[test]
fn a_reset_and_the_timeout_of_an_attempt_are_reason_where_that_is_said() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let retry = Retry {
        attempts: Some(1),
        triggers: vec!["reset".to_owned()],
        per_try_timeout: Some(Duration::from_millis(500)),
        ..Retry::default()
    };
    let forward = Forward {
        retry: Some(retry),
        timeout: Some(Duration::ZERO),
        ..Forward::default()
    };
    let host = start(&binary, &proxy(vec![to_v1("/", forward)]));
    assert_eq!(status(&host, "/", failing(1, FailWith::TcpReset)), 200);
    assert_eq!(status(&host, "/", failing(2, FailWith::TcpReset)), 503);
    let mut late = failing(1, FailWith::Status(503));
    late.failing.as_mut().unwrap().after = Duration::from_secs(3600);
    assert_eq!(status(&host, "/", late), 200);
    let mut late = failing(2, FailWith::Status(503));
    late.failing.as_mut().unwrap().after = Duration::from_secs(3600);
    assert_eq!(status(&host, "/", late), 504);
}

fn mirrored(mirrors: &[(&str, u32)]) -> Proxy {
    let mirrors = mirrors.iter().map(|(service, parts_per_million)| Mirror {
        cluster: format!("infra/{service}:8080"),
        parts_per_million: *parts_per_million,
    });
    let forward = Forward {
        mirrors: mirrors.collect(),
        ..Forward::default()
    };
    proxy(vec![to_v1("/", forward)])
}

/// Sends so many requests with an id, and counts what each backend got of them.
fn received(host: &EnvoyHost, requests: usize) -> [usize; 3] {
    let path = format!("/a?b=c&{REQUEST_ID}=one");
    let main = |_| {
        let answer = send(host, &get(&path));
        assert_eq!(seen(&answer).service, "v1");
    };
    (0..requests).for_each(main);
    let received = host.received("one").unwrap();
    assert!(
        received
            .iter()
            .all(|copy| copy.path == path && copy.authority == "x.example")
    );
    assert_eq!(host.received("other").unwrap(), []);
    ["v1", "v2", "grpc"].map(|name| {
        let at = received.iter().filter(|copy| copy.service == name);
        at.count()
    })
}

#[test]
fn every_mirror_gets_a_copy() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let all = start(
        &binary,
        &mirrored(&[("v2", 1_000_000), ("grpc", 1_000_000)]),
    );
    assert_eq!(received(&all, 5), [5, 5, 5]);
    let none = start(&binary, &mirrored(&[("v2", 0)]));
    assert_eq!(received(&none, 5), [5, 0, 0]);
}

#[test]
fn a_mirror_may_get_a_share() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &mirrored(&[("v2", 500_000)]));
    let [all, copies, _] = received(&host, 100);
    // None of a hundred or all of them come once in 2^99 runs.
    assert!(all == 100 && (1..100).contains(&copies), "{copies}");
}

#[test]
fn a_copy_that_is_answered_late_is_waited_for() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &mirrored(&[("v2", 1_000_000)]));
    let exchange = Exchange {
        simulation: delayed(Duration::from_millis(200)),
        ..get(&format!("/?{REQUEST_ID}=late"))
    };
    send(&host, &exchange);
    assert_eq!(host.received("late").unwrap().len(), 2);
}

#[test]
fn headers_are_taken_off_before_the_first_match() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let mut by_header = route("/", forward("v2"));
    by_header.headers = vec![("x-gateway-backend".into(), "infra/v2:8080".into())];
    let mut proxy = proxy(vec![by_header, route("/", forward("v1"))]);
    let forged = |host: &EnvoyHost| -> Answer {
        let exchange = header(get("/"), "X-Gateway-Backend", "infra/v2:8080");
        send(host, &header(exchange, "x-other", "1"))
    };
    let answer = forged(&start(&binary, &proxy));
    assert_eq!(seen(&answer).service, "v2");

    proxy.listeners[0].removed_request_headers = vec!["x-gateway-backend".into()];
    let answer = forged(&start(&binary, &proxy));
    assert_eq!(seen(&answer).service, "v1");
    let headers = &seen(&answer).headers;
    assert_eq!(values(headers, "x-gateway-backend"), [] as [&[u8]; 0]);
    assert_eq!(values(headers, "x-other"), [b"1"]);
}
