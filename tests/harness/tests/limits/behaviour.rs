//! What the module does besides counting right.

use std::sync::Arc;
use std::time::Duration;

use crate::filter_bench::FilterBench;
use gateway_harness::chain::{Admission, EmbeddedEnvoy};
use gateway_harness::exchange::Exchange;
use gateway_harness::wasm_host::Flow;

use crate::fixture::{ask, bench, by_client, envoy, get, metric, plugin};

const THREE_AN_HOUR: &str = r#"{"requests": 3, "unit": "Hour"}"#;

fn passes(bench: &mut FilterBench, client: &[u8]) -> bool {
    ask(bench, client).flow == Flow::Continue
}

#[test]
fn an_update_of_the_configuration_goes_on_counting() {
    let (mut bench, _) = bench(&by_client(THREE_AN_HOUR, ""));
    assert!(passes(&mut bench, b"a") && passes(&mut bench, b"a"));
    let reply = r#", "reply": {"status": 503}"#;
    let update = plugin(&by_client(THREE_AN_HOUR, reply));
    bench.vm().configure(Arc::new(update)).unwrap();
    assert!(passes(&mut bench, b"a"), "the third of three");
    let reply = ask(&mut bench, b"a").reply.map(|reply| reply.status);
    assert_eq!(reply, Some(503), "counted as before, answered as updated");

    // Another burst is for the same tokens, and another rate for new ones.
    let burst = r#"{"requests": 3, "unit": "Hour", "burst": 5}"#;
    let update = plugin(&by_client(burst, ""));
    bench.vm().configure(Arc::new(update)).unwrap();
    assert_eq!(
        [(); 3].map(|()| passes(&mut bench, b"a")),
        [true, true, false]
    );
    let rate = r#"{"requests": 1, "unit": "Hour"}"#;
    let update = plugin(&by_client(rate, ""));
    bench.vm().configure(Arc::new(update)).unwrap();
    assert_eq!([(); 2].map(|()| passes(&mut bench, b"a")), [true, false]);
}

#[test]
fn an_update_that_is_refused_leaves_limits_and_counts_as_they_are() {
    let (mut bench, _) = bench(&by_client(THREE_AN_HOUR, ""));
    assert!(passes(&mut bench, b"a"));
    let at_limit = "policies[0].tiers[0].limits.free.";
    for (limit, message) in [
        (
            r#"{"requests": 0, "unit": "Hour"}"#,
            format!("{at_limit}requests: at least 1"),
        ),
        (
            r#"{"requests": 1, "unit": "Year", "burst": 51}"#,
            format!("{at_limit}burst: so many at once"),
        ),
        (
            r#"{"requests": 1, "unit": "Fortnight"}"#,
            format!("{at_limit}unit: unknown variant `Fortnight`"),
        ),
        (
            r#"{"requests": 1, "unit": "Hour", "brust": 2}"#,
            format!("{at_limit}brust: unknown field `brust`"),
        ),
    ] {
        let update = plugin(&by_client(limit, ""));
        let refused = bench.vm().configure(Arc::new(update)).unwrap_err();
        let refused = refused.to_string();
        assert!(refused.contains("proxy_on_configure refused"), "{refused}");
        assert!(refused.contains(&message), "{refused}");
    }
    assert_eq!(
        [(); 3].map(|()| passes(&mut bench, b"a")),
        [true, true, false]
    );
}

/// Every way of reading a request that a limit can have; whoever has no limit of his own falls under
/// that of his address, which is high.
const EVERYTHING: &str = r#"{
    "policies": [{"name": "n/p",
        "rateLimit": {"local": {"rules": [
            {"clientSelectors": [{"headers": [{"type": "Distinct", "name": "x-client"}]}],
             "limit": {"requests": 2, "unit": "Hour"}},
            {"clientSelectors": [{"cookies": [{"type": "Distinct", "name": "id"}]}],
             "limit": {"requests": 3, "unit": "Hour"}},
            {"clientSelectors": [{"jwtClaims": [{"type": "Distinct", "name": "sub"}]}],
             "limit": {"requests": 4, "unit": "Hour"}},
            {"clientSelectors": [{"queryParams": [{"type": "Distinct", "name": "q"}]}],
             "limit": {"requests": 5, "unit": "Hour"}},
            {"clientSelectors": [{"headers": [{"type": "RegularExpression", "name": "x-pattern", "value": "(a|b)*c"}],
                                  "path": {"type": "RegularExpression", "value": "/(x|y)*z.*"}}],
             "limit": {"requests": 6, "unit": "Hour"}},
            {"clientSelectors": [{"sourceCIDR": {"type": "Distinct", "value": "0.0.0.0/0"}}],
             "limit": {"requests": 100000, "unit": "Hour"}}]}},
        "tiers": [{"tier": {"jwtClaim": "a.b.c"}, "key": {"cookie": "session"},
                   "limits": {"free": {"requests": 90000, "unit": "Hour"}}, "defaultTier": "free"}]}],
    "handOver": {"tier": {"cookie": "tier"}, "key": {"queryParam": "key"}, "cost": {"header": "x-cost"}}}"#;

/// How many of ten are admitted.
#[track_caller]
fn admitted(envoy: &mut EmbeddedEnvoy, exchange: &Exchange) -> usize {
    let mut answer = |_: &usize| {
        let answer = envoy.send(0, exchange).unwrap();
        match answer.status {
            200 => true,
            429 => false,
            status => panic!("{status}: {:?}", answer.why),
        }
    };
    (0..10).filter(&mut answer).count()
}

/// So many of ten requests are admitted, and the filter lives.
#[track_caller]
fn admits(envoy: &mut EmbeddedEnvoy, what: &str, count: usize, exchange: &Exchange) {
    assert_eq!(admitted(envoy, exchange), count, "{what}");
    assert_eq!(envoy.workers()[0].vms()[0].failure(), None, "{what}");
}

#[test]
fn hostile_paths_and_keys_are_counted_like_any_other() {
    let (mut envoy, _) = envoy(EVERYTHING, 1, Admission::Everything);
    let mut expect = |what: &str, count: usize, path: &[u8], headers: &[(&str, &[u8])]| {
        admits(&mut envoy, what, count, &get(path, headers));
    };
    let long = [b"/".as_slice(), &b"x".repeat(1 << 20)].concat();
    let query = [b"/?".as_slice(), &b"a=%ff&".repeat(1 << 17), b"q=1"].concat();
    expect("a path of 1 MiB", 10, &long, &[]);
    expect("768 KiB of parameters", 5, &query, &[]);
    expect(
        "a path that nearly matches",
        10,
        &[b"/", &b"x".repeat(1 << 16)[..]].concat(),
        &[("x-pattern", &b"a".repeat(1 << 16))],
    );

    let many = vec![("x-header", &b"value"[..]); 9_999];
    expect(
        "10,000 headers",
        2,
        b"/",
        &[&many[..], &[("x-client", b"many")]].concat(),
    );
    let same = vec![("x-client", &b"same"[..]); 10_000];
    expect("10,000 headers of one name", 2, b"/", &same);

    for key in [
        &b"\xff"[..],
        b"\xfe",
        b"\xc3",
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"",
        &b"\xff".repeat(1 << 16),
    ] {
        expect("a key that is no text", 2, b"/", &[("x-client", key)]);
    }

    expect("an ordinary request", 2, b"/", &[("x-client", b"ordinary")]);
}

#[test]
fn hostile_cookies_are_counted_like_any_other() {
    let (mut envoy, _) = envoy(EVERYTHING, 1, Admission::Everything);
    let mut expect = |what: &str, count: usize, path: &[u8], headers: &[(&str, &[u8])]| {
        admits(&mut envoy, what, count, &get(path, headers));
    };
    let cookies = b"a=b; ".repeat((64 << 10) / 5);
    expect(
        "64 KiB of cookies",
        3,
        b"/",
        &[("cookie", &[&cookies[..], b"id=1"].concat())],
    );
    for cookie in [
        &b"id"[..],
        b"=",
        b";;;;",
        b"\xff=\xff; \xfe",
        &b";=".repeat(32 << 10),
    ] {
        expect("cookies that are none", 10, b"/", &[("cookie", cookie)]);
    }

    expect("an ordinary request", 2, b"/", &[("x-client", b"ordinary")]);
}

#[test]
fn hostile_tokens_and_costs_are_counted_like_any_other() {
    let (mut envoy, _) = envoy(EVERYTHING, 1, Admission::Everything);
    let mut expect = |what: &str, count: usize, path: &[u8], headers: &[(&str, &[u8])]| {
        admits(&mut envoy, what, count, &get(path, headers));
    };
    let nested = [b"Bearer e30.".as_slice(), &b"W1tb".repeat(10_000), b".e30"].concat();
    for token in [
        &b"Bearer"[..],
        b"Bearer ",
        b"Bearer ..",
        b"Bearer a.b.c",
        b"Bearer e30.\xff\xfe.e30",
        b"Bearer e30.e30.",
        b"Bearer e30.bnVsbA.",
        b"Bearer e30.eyJzdWIi.e30",
        b"Basic e30.e30.e30",
        &nested,
        &b"Bearer ".repeat(10_000),
    ] {
        expect(
            "a token that is none",
            10,
            b"/",
            &[("authorization", token)],
        );
    }
    expect(
        "a token that is one",
        4,
        b"/",
        &[("authorization", b"Bearer e30.eyJzdWIiOiJhIn0.")],
    );

    for cost in [&b"-1"[..], b"99999999999999999999", b"1e9", b"\xff", b""] {
        expect(
            "a cost that is none",
            10,
            b"/?key=%00%ff",
            &[("x-cost", cost), ("cookie", b"tier=\xff")],
        );
    }
    expect("an ordinary request", 2, b"/", &[("x-client", b"ordinary")]);
}

#[test]
fn what_passed_is_reported_at_the_next_tick() {
    let (mut envoy, _) = envoy(&by_client(THREE_AN_HOUR, ""), 2, Admission::Envoy);
    let statuses = [0, 1, 0, 1, 0].map(|worker| {
        let answer = envoy.send(worker, &get(b"/", &[("x-client", b"a")]));
        answer.unwrap().status
    });
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let figures = |envoy: &EmbeddedEnvoy| {
        [
            "allowed",
            "limited",
            "shadowed",
            "errors",
            "evictions",
            "overflow",
        ]
        .map(|what| metric(envoy.process(), what))
    };
    assert_eq!(figures(&envoy), [0, 2, 0, 0, 0, 0]);
    envoy.advance(Duration::from_secs(1));
    assert_eq!(figures(&envoy), [3, 2, 0, 0, 0, 0], "of both workers");
    envoy.advance(Duration::from_mins(1));
    assert_eq!(figures(&envoy), [3, 2, 0, 0, 0, 0], "once");
}

#[test]
fn a_limit_takes_four_hostcalls_and_without_room_no_write() {
    let (mut bench, _) = bench(&by_client(THREE_AN_HOUR, ""));
    let mut calls = |client: &[u8]| {
        let mut calls = ask(&mut bench, client).hostcalls;
        calls.sort_unstable();
        calls
    };
    let admitted = [
        ("proxy_get_current_time_nanoseconds", 1),
        ("proxy_get_header_map_pairs", 1),
        ("proxy_get_shared_data", 1),
        ("proxy_set_shared_data", 1),
    ];
    for _ in 0..3 {
        assert_eq!(calls(b"a"), admitted);
    }
    assert_eq!(
        calls(b"a"),
        [
            ("proxy_get_current_time_nanoseconds", 1),
            ("proxy_get_header_map_pairs", 1),
            ("proxy_get_shared_data", 1),
            ("proxy_increment_metric", 1),
            ("proxy_send_local_response", 1),
        ]
    );
}
