//! Limits that the service counts.

use super::*;
use crate::limit::rls::{
    Code, DescriptorStatus, RateLimit, RateLimitDescriptor, RateLimitRequest, RateLimitResponse,
};
use std::time::Duration;

/// A global policy: its service answers each question with these statuses (code, remaining).
fn answer(bench: &Bench, verdict: Verdict, statuses: &[(Code, u32)]) -> Verdict {
    let Verdict::Ask(asked) = verdict else {
        panic!("{verdict:?}")
    };
    let request = RateLimitRequest::decode(bench.limiter.call(&asked).unwrap().message).unwrap();
    assert_eq!(request.descriptors.len(), statuses.len());
    let status =
        |(descriptor, (code, remaining)): (&RateLimitDescriptor, &(Code, u32))| DescriptorStatus {
            code: *code,
            current_limit: descriptor.limit.map(|(requests_per_unit, unit)| RateLimit {
                requests_per_unit,
                unit: Some(unit),
                ..RateLimit::default()
            }),
            limit_remaining: *remaining,
            duration_until_reset: Duration::from_secs(7),
        };
    let response = RateLimitResponse {
        statuses: request
            .descriptors
            .iter()
            .zip(statuses)
            .map(status)
            .collect(),
        ..RateLimitResponse::default()
    };
    bench
        .limiter
        .answered(asked, Ok(&response.encode()), &bench.host)
        .unwrap()
}

fn global(rules: Value, service: Value) -> Bench {
    Bench::new(
        json!({"routeFrom": "Header", "listeners": ["ns/gw/a"], "service": service,
        "policies": [{"name": "ns/p", "rateLimit": {"global": {"rules": rules}}}]}),
    )
}

fn rules_of_two_domains() -> Value {
    json!([
        {"limit": limit(9, "Minute"), "shared": true},
        {"clientSelectors": [{"headers": [{"name": "x-user", "type": "Distinct"}]}], "limit": limit(3, "Hour"),
         "cost": {"request": {"from": "Number", "number": 2}}},
    ])
}

/// Domain and descriptors of a question, entries as `key=value`.
fn question(bench: &Bench, verdict: &Verdict) -> (String, Vec<Vec<String>>) {
    let Verdict::Ask(asked) = verdict else {
        panic!("{verdict:?}")
    };
    let request = RateLimitRequest::decode(bench.limiter.call(asked).unwrap().message).unwrap();
    let entries = |descriptor: &RateLimitDescriptor| {
        descriptor
            .entries
            .iter()
            .map(|entry| format!("{}={}", entry.0, entry.1))
            .collect()
    };
    (
        request.domain.clone(),
        request.descriptors.iter().map(entries).collect(),
    )
}

#[test]
fn with_a_domain_of_its_own_one_call_asks_for_all() {
    let service = json!({"cluster": "ratelimit", "domain": "all", "entries": [{"key": "cluster", "value": "eu"}]});
    let bench = global(rules_of_two_domains(), service);
    let verdict = bench.check(&[("x-user", "ada")]);
    let (domain, descriptors) = question(&bench, &verdict);
    let route = format!("{ROUTE}={ROUTE}");
    assert_eq!(domain, "all");
    assert_eq!(
        descriptors,
        [
            ["cluster=eu", "domain=ns/gw/a", &route, "rule-0-match-0=ada"],
            [
                "cluster=eu",
                "domain=ns/p",
                "ns/p/rule/0=ns/p/rule/0",
                "rule-0-match--1=rule-0-match--1"
            ],
        ]
    );
    let headers = passed_headers(answer(&bench, verdict, &[(Code::Ok, 1), (Code::Ok, 8)]));
    let lines: Vec<_> = headers.iter().map(|header| header.1.as_str()).collect();
    assert_eq!(lines, ["9, 9;w=60", "8", "7", "3, 3;w=3600", "1", "7"]);
    let missing = bench.check(&[]);
    assert_eq!(
        question(&bench, &missing).1.len(),
        1,
        "no x-user, no descriptor"
    );
}

#[test]
fn without_one_each_domain_of_envoy_gateway_is_asked() {
    let bench = global(rules_of_two_domains(), json!({"cluster": "ratelimit"}));
    let first = bench.check(&[("x-user", "ada")]);
    assert_eq!(question(&bench, &first).0, "ns/gw/a");
    let second = answer(&bench, first, &[(Code::Ok, 1)]);
    assert_eq!(question(&bench, &second).0, "ns/p");
    assert!(matches!(
        answer(&bench, second, &[(Code::OverLimit, 0)]),
        Verdict::Refuse(_)
    ));
    let refused = answer(
        &bench,
        bench.check(&[("x-user", "ada")]),
        &[(Code::OverLimit, 0)],
    );
    assert_eq!(
        refusal(refused).header_value("retry-after"),
        Some(&b"7"[..]),
        "the second is not asked"
    );
    assert_eq!(bench.metric("rate_limit.ns/p.global-1.limited"), 1);
    assert_eq!(bench.metric("rate_limit.ns/p.global-0.limited"), 1);
}

#[test]
fn a_local_limit_refuses_without_a_call() {
    let bench = Bench::new(
        json!({"service": {"cluster": "c", "domain": "d"}, "policies": [{"name": "p", "rateLimit": {
        "local": {"rules": [{"limit": limit(1, "Second"), "shared": true}]},
        "global": {"rules": [{"limit": limit(100, "Hour"), "shared": true}]}}}]}),
    );
    let verdict = bench.check(&[]);
    let headers = passed_headers(answer(&bench, verdict, &[(Code::Ok, 99)]));
    assert_eq!(headers[0].1, "1", "the local limit binds");
    assert!(matches!(bench.check(&[]), Verdict::Refuse(_)));
}

#[test]
fn a_service_that_fails_lets_pass_or_refuses() {
    for (closed, passes) in [(false, true), (true, false)] {
        let rule = json!([{"limit": limit(3, "Hour"), "shared": true}]);
        let bench = global(
            rule,
            json!({"cluster": "c", "domain": "d", "failClosed": closed}),
        );
        for wrong in [Err(14), Ok(&b"\xff\xff"[..]), Ok(b"")] {
            let Verdict::Ask(asked) = bench.check(&[]) else {
                panic!("not asked")
            };
            let verdict = bench.limiter.answered(asked, wrong, &bench.host).unwrap();
            assert_eq!(matches!(verdict, Verdict::Pass(_)), passes, "{wrong:?}");
            if !passes {
                assert_eq!(refusal(verdict).status, 500);
            }
        }
        assert_eq!(bench.metric("rate_limit.ns/p.global-0.errors"), 3);
    }
}

#[test]
fn the_shadow_of_a_global_limit_refuses_nobody() {
    let rule = json!([{"limit": limit(3, "Hour"), "shared": true, "shadowMode": true}]);
    let bench = global(rule, json!({"cluster": "c", "domain": "d"}));
    let verdict = answer(&bench, bench.check(&[]), &[(Code::OverLimit, 0)]);
    assert_eq!(passed_headers(verdict)[0].1, "3, 3;w=3600");
    assert_eq!(bench.metric("rate_limit.ns/p.global-0.shadowed"), 1);
}

#[test]
fn a_response_is_charged_when_it_is_over() {
    let cost = json!({"response": {"from": "Metadata", "metadata": {"namespace": "llm", "key": "tokens"}}});
    let bench = global(
        json!([{"limit": limit(100, "Hour"), "shared": true, "cost": cost}]),
        json!({"cluster": "c", "domain": "d"}),
    );
    let Verdict::Pass(pass) = answer(&bench, bench.check(&[]), &[(Code::Ok, 99)]) else {
        panic!("refused")
    };
    bench.limiter.charge_response(&pass, &bench.host);
    assert_eq!(bench.host.calls.borrow().len(), 0, "it cost nothing");
    let tokens = bench.host.properties.borrow_mut().insert(
        "metadata.filter_metadata.llm.tokens".to_owned(),
        41.2f64.to_le_bytes().to_vec(),
    );
    assert!(tokens.is_none());
    bench.limiter.charge_response(&pass, &bench.host);
    let calls = bench.host.calls.borrow();
    let request = RateLimitRequest::decode(&calls[0].1).unwrap();
    assert_eq!(request.descriptors[0].hits_addend, Some(42));
}

/// A question put with these hits.
fn hits(bench: &Bench, verdict: &Verdict) -> u64 {
    let Verdict::Ask(asked) = verdict else {
        panic!("{verdict:?}")
    };
    let request = RateLimitRequest::decode(bench.limiter.call(asked).unwrap().message).unwrap();
    request.descriptors[0].hits_addend.unwrap()
}

#[test]
fn a_hot_key_takes_hits_in_advance() {
    let rule = json!([{"limit": limit(100, "Minute"), "shared": true}]);
    let bench = global(
        rule,
        json!({"cluster": "c", "domain": "d", "lease": {"hits": 5}}),
    );
    let first = bench.check(&[]);
    assert_eq!(hits(&bench, &first), 1, "nothing is known of the key");
    answer(&bench, first, &[(Code::Ok, 99)]);
    let second = bench.check(&[]);
    assert_eq!(hits(&bench, &second), 5);
    answer(&bench, second, &[(Code::Ok, 94)]);
    assert_eq!(bench.admitted(4, &[]), 4);
    assert!(
        matches!(bench.check(&[]), Verdict::Ask(_)),
        "the lease is used up"
    );
    assert_eq!(bench.metric("rate_limit.ns/p.global-0.allowed"), 6);
}

#[test]
fn a_refusal_is_remembered_and_costs_no_call() {
    let rule = json!([{"limit": limit(3, "Minute"), "shared": true}]);
    let bench = global(
        rule,
        json!({"cluster": "c", "domain": "d", "rememberRefusals": "2s"}),
    );
    let refused = answer(&bench, bench.check(&[]), &[(Code::OverLimit, 0)]);
    assert_eq!(
        refusal(refused).header_value("retry-after"),
        Some(&b"7"[..])
    );
    bench.wait(1);
    let again = refusal(bench.check(&[]));
    assert_eq!(
        again.header_value("retry-after"),
        Some(&b"59"[..]),
        "to the end of the window by its own clock"
    );
    bench.wait(1);
    assert!(
        matches!(bench.check(&[]), Verdict::Ask(_)),
        "it is remembered for 2 s"
    );
}

#[test]
fn tiers_can_be_counted_by_the_service() {
    let bench = Bench::new(
        json!({"service": {"cluster": "c", "domain": "d"}, "policies": [{"name": "ns/p", "tiers": [{
        "name": "plans", "type": "Global", "tier": {"header": "x-user-tier"}, "key": {"header": "x-api-key"},
        "limits": {"free": limit(2, "Minute")}}]}]}),
    );
    let verdict = bench.check(&[("x-user-tier", "free"), ("x-api-key", "a")]);
    let (_, descriptors) = question(&bench, &verdict);
    assert_eq!(
        descriptors,
        [[
            "domain=ns/p",
            "ns/p/plans=ns/p/plans",
            "plans=tier/free",
            "client=a"
        ]]
    );
    assert!(matches!(
        answer(&bench, verdict, &[(Code::OverLimit, 0)]),
        Verdict::Refuse(_)
    ));
    assert!(matches!(
        bench.check(&[("x-user-tier", "gold")]),
        Verdict::Pass(_)
    ));
}
