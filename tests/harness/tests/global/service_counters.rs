//! What the service counts for the filter. Limits are for a year, so that no window ends meanwhile.

use std::time::Duration;

use serde_json::{Value, json};

use crate::embedded::Embedded;
use crate::fixture::{DOMAIN, get, header, limited, service};

fn year(requests: u32) -> Value {
    json!({"requests": requests, "unit": "Year"})
}

/// Two Envoys with the same configuration and one service.
macro_rules! two_envoys {
    ($service:ident, $rules:expr) => {{
        let Some($service) = service(&[DOMAIN]) else {
            return;
        };
        let configuration = limited(&$rules, json!({"failClosed": true}));
        let envoy = || Embedded::new(configuration.clone(), $service.address(), 1);
        (envoy(), envoy(), $service)
    }};
}

#[test]
fn two_envoys_count_together() {
    let (mut one, mut two, _service) = two_envoys!(service, json!([{"limit": year(5)}]));
    for remaining in ["4", "3", "2", "1", "0"] {
        let answer = one.send(&get("/a"));
        assert_eq!(answer.status, 200, "{:?}", answer.why);
        assert_eq!(
            header(&answer, "x-ratelimit-limit"),
            Some("5, 5;w=31536000")
        );
        assert_eq!(header(&answer, "x-ratelimit-remaining"), Some(remaining));
        std::mem::swap(&mut one, &mut two);
    }
    for _ in 0..2 {
        let answer = one.send(&get("/a"));
        assert_eq!(answer.status, 429);
        assert_eq!(header(&answer, "x-ratelimit-remaining"), Some("0"));
        let reset = header(&answer, "x-ratelimit-reset").unwrap();
        assert_eq!(header(&answer, "retry-after"), Some(reset));
        std::mem::swap(&mut one, &mut two);
    }
    assert_eq!(one.calls() + two.calls(), 7, "each request is one call");
    for envoy in [&mut one, &mut two] {
        envoy.envoy.advance(Duration::from_secs(1));
        assert_eq!(envoy.metric("limited"), 1);
        assert_eq!(envoy.metric("errors"), 0);
    }
    assert_eq!(one.metric("allowed") + two.metric("allowed"), 5);
}

#[test]
fn in_parallel_the_limit_is_exact() {
    let (mut one, mut two, _service) = two_envoys!(service, json!([{"limit": year(150)}]));
    let admitted = |envoy: &mut Embedded| {
        let statuses = envoy.statuses::<200>();
        assert!(statuses.iter().all(|status| [200, 429].contains(status)));
        statuses.iter().filter(|status| **status == 200).count()
    };
    let (one, two) = std::thread::scope(|scope| {
        let one = scope.spawn(|| admitted(&mut one));
        (admitted(&mut two), one.join().unwrap())
    });
    assert_eq!(one + two, 150);
}

#[test]
fn a_request_counts_its_cost() {
    let cost = json!({"request": {"from": "Number", "number": 3}});
    let rules = json!([{"limit": year(7), "cost": cost}]);
    let (mut one, mut two, _service) = two_envoys!(service, rules);
    assert_eq!(one.statuses(), [200]);
    assert_eq!(two.statuses(), [200]);
    assert_eq!(one.statuses(), [429], "one is left, and it takes three");
}

#[test]
fn a_response_is_charged_after_it() {
    let cost = json!({"response": {"from": "Number", "number": 4}});
    let rules = json!([{"limit": year(7), "cost": cost}]);
    let (mut one, mut two, _service) = two_envoys!(service, rules);
    let answer = one.send(&get("/a"));
    let remaining = header(&answer, "x-ratelimit-remaining");
    assert_eq!((answer.status, remaining), (200, Some("6")), "told before");
    assert_eq!(one.calls(), 2, "for the request and for its response");
    let answer = two.send(&get("/a"));
    let remaining = header(&answer, "x-ratelimit-remaining");
    assert_eq!((answer.status, remaining), (200, Some("1")));
    assert_eq!(one.statuses(), [429]);
    assert_eq!(one.calls(), 1, "a refusal has no response to charge");
}

#[test]
fn a_shadow_refuses_nobody_and_is_counted() {
    let rules = json!([{"limit": year(2), "shadowMode": true}]);
    let (mut one, mut two, _service) = two_envoys!(service, rules);
    assert_eq!(one.statuses(), [200; 3]);
    assert_eq!(two.statuses(), [200; 3]);
    assert_eq!((one.metric("shadowed"), two.metric("shadowed")), (1, 3));
    assert_eq!((one.metric("limited"), two.metric("limited")), (0, 0));
}

#[test]
fn routes_count_apart_unless_they_share() {
    for shared in [false, true] {
        let rules = json!([{"limit": year(2), "shared": shared}]);
        let (mut one, mut two, _service) = two_envoys!(service, rules);
        assert_eq!(one.statuses(), [200, 200]);
        let other = if shared { 429 } else { 200 };
        assert_eq!(two.status("/b"), other, "shared: {shared}");
        assert_eq!(two.status("/a"), 429);
    }
}

#[test]
fn the_strictest_of_two_rules_refuses_and_both_count() {
    let by_client = json!([{"headers": [{"type": "Distinct", "name": "x-client"}]}]);
    let rules = json!([{"limit": year(5)}, {"clientSelectors": by_client, "limit": year(2)}]);
    let (mut one, mut two, _service) = two_envoys!(service, rules);
    let mut client = get("/a");
    client.headers = vec![("x-client".into(), b"\xff".to_vec())];
    assert_eq!([(); 3].map(|()| one.send(&client).status), [200, 200, 429]);
    assert_eq!(one.calls(), 3, "both rules in one call");
    // The service has counted the refused request too: two of the five are left.
    assert_eq!(two.statuses(), [200, 200, 429]);
}
