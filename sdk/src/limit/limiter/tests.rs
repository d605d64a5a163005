use super::*;
use crate::host::mock::MockHost;
use crate::limit::rls::{
    Code, DescriptorStatus, RateLimit, RateLimitDescriptor, RateLimitRequest, RateLimitResponse,
};
use serde_json::{Value, json};

const ROUTE: &str = "httproute/ns/r/rule/0/match/0/*";
const SECOND: u64 = 1_000_000_000;

/// A limiter, and the Envoy that it runs in.
struct Bench {
    limiter: Limiter,
    host: MockHost,
}

impl Bench {
    fn new(config: Value) -> Self {
        let host = MockHost::default();
        host.time.set(1_767_225_600 * SECOND);
        Bench {
            limiter: limiter(&config, &host).unwrap(),
            host,
        }
    }

    /// A local policy for every route, with these rules.
    fn local(rules: Value) -> Self {
        Bench::new(json!({"routeFrom": "Header", "policies": [
            {"name": "ns/p", "rateLimit": {"local": {"rules": rules}}}]}))
    }

    fn check(&self, entries: &[(&str, &str)]) -> Verdict {
        let own = [
            (":method", "GET"),
            (":path", "/"),
            ("x-gateway-route", ROUTE),
        ];
        let named = |name: &str| entries.iter().any(|entry| entry.0 == name);
        let own = own.iter().filter(|entry| !named(entry.0));
        // Pseudo-headers come first.
        let mut entries: Vec<_> = own.chain(entries).collect();
        entries.sort_by_key(|entry| !entry.0.starts_with(':'));
        let entries = entries
            .into_iter()
            .map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let head = RequestHead::new(entries);
        self.limiter.check(&head, &self.host).unwrap()
    }

    /// How many of so many requests pass.
    fn admitted(&self, requests: usize, entries: &[(&str, &str)]) -> usize {
        (0..requests)
            .filter(|_| matches!(self.check(entries), Verdict::Pass(_)))
            .count()
    }

    fn metric(&self, name: &str) -> i64 {
        self.limiter.flush(&self.host);
        let metrics = self.host.metrics.borrow();
        metrics
            .iter()
            .find(|metric| metric.0 == name)
            .map_or(-1, |metric| metric.1)
    }

    fn wait(&self, seconds: u64) {
        self.host.time.set(self.host.time.get() + seconds * SECOND);
    }
}

fn limiter(config: &Value, host: &MockHost) -> Result<Limiter, InvalidConfig> {
    let spec: RateLimitFilterSpec = serde_json::from_value(config.clone()).unwrap();
    Limiter::new(&spec, host)
}

fn passed_headers(verdict: Verdict) -> Vec<(String, String)> {
    let Verdict::Pass(pass) = verdict else {
        panic!("{verdict:?}")
    };
    let text = |header: &AnswerHeader| {
        (
            header.name.to_string(),
            String::from_utf8_lossy(&header.value).into_owned(),
        )
    };
    pass.response_headers.iter().map(text).collect()
}

fn refusal(verdict: Verdict) -> Reply {
    let Verdict::Refuse(reply) = verdict else {
        panic!("{verdict:?}")
    };
    reply
}

fn limit(requests: u32, unit: &str) -> Value {
    json!({"requests": requests, "unit": unit})
}

fn user(name: &str, requests: u32) -> Value {
    json!({"clientSelectors": [{"headers": [{"name": "x-user", "value": name}]}], "limit": limit(requests, "Hour")})
}

#[test]
fn the_default_bucket_is_for_what_no_selector_takes() {
    let bench = Bench::local(json!([{"limit": limit(5, "Hour")}, user("john", 3)]));
    assert_eq!(bench.admitted(9, &[("x-user", "john")]), 3);
    assert_eq!(
        bench.admitted(9, &[("x-user", "mike")]),
        5,
        "john did not touch it"
    );
    assert_eq!(bench.metric("rate_limit.ns/p.local-1.allowed"), 3);
    assert_eq!(bench.metric("rate_limit.ns/p.local-1.limited"), 6);
    assert_eq!(bench.metric("rate_limit.ns/p.local-0.allowed"), 5);
}

#[test]
fn without_a_default_bucket_there_is_no_bound() {
    let bench = Bench::local(json!([user("john", 3)]));
    let headers = passed_headers(bench.check(&[("x-user", "mike")]));
    assert_eq!(
        headers[0],
        ("x-ratelimit-limit".to_owned(), "4294967295".to_owned())
    );
    assert_eq!(bench.admitted(100, &[("x-user", "mike")]), 100);
    let nothing = Bench::new(json!({"policies": []}));
    assert_eq!(passed_headers(nothing.check(&[])), []);
}

#[test]
fn the_strictest_is_tried_first_and_a_refusal_charges_no_further() {
    let path = json!({"clientSelectors": [{"path": {"value": "/"}}], "limit": limit(4, "Minute")});
    let bench = Bench::local(json!([path, user("john", 2)]));
    let john = [("x-user", "john")];
    assert_eq!(bench.admitted(10, &john), 2);
    assert_eq!(
        bench.admitted(10, &[]),
        2,
        "of 4 john took 2, and his refusals none"
    );
}

#[test]
fn the_figures_are_those_of_the_limit_that_binds() {
    let path = json!({"clientSelectors": [{"path": {"value": "/"}}], "limit": limit(3, "Second")});
    let bench = Bench::local(json!([path, user("john", 10)]));
    let figures = |verdict| {
        passed_headers(verdict)
            .into_iter()
            .map(|header| header.1)
            .collect::<Vec<_>>()
    };
    assert_eq!(figures(bench.check(&[("x-user", "john")])), ["3", "2", "0"]);
    assert_eq!(bench.admitted(2, &[("x-user", "john")]), 2);
    bench.wait(1);
    assert_eq!(bench.admitted(3, &[("x-user", "john")]), 3);
    bench.wait(1);
    assert_eq!(
        figures(bench.check(&[("x-user", "john")])),
        ["3", "2", "0"],
        "of 10 there are 3 left"
    );
    assert_eq!(figures(bench.check(&[("x-user", "john")])), ["3", "1", "0"]);
    bench.wait(1);
    assert_eq!(
        figures(bench.check(&[("x-user", "john")])),
        ["10", "1", "0"]
    );
}

#[test]
fn a_refusal_is_honest() {
    let bench = Bench::local(json!([{"limit": limit(3, "Minute")}]));
    assert_eq!(bench.admitted(3, &[]), 3);
    bench.host.time.set(bench.host.time.get() + SECOND / 2);
    let reply = refusal(bench.check(&[]));
    assert_eq!((reply.status, reply.grpc_status), (429, Some(8)));
    assert_eq!(reply.body, b"local_rate_limited");
    let header = |name| {
        reply
            .header_value(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(
        header("retry-after").as_deref(),
        Some("20"),
        "19.5 s, rounded up"
    );
    assert_eq!(header("x-ratelimit-limit").as_deref(), Some("3"));
    assert_eq!(header("x-ratelimit-remaining").as_deref(), Some("0"));
    assert_eq!(header("x-ratelimit-reset").as_deref(), Some("20"));
    assert_eq!(header("x-envoy-ratelimited"), None);
    bench.wait(19);
    assert_eq!(bench.admitted(1, &[]), 0);
    bench.wait(1);
    assert_eq!(bench.admitted(2, &[]), 1);
}

#[test]
fn answers_are_as_configured() {
    let bench = Bench::new(json!({
        "enableEnvoyHeaders": true,
        "reply": {"status": 503, "body": "{}", "contentType": "application/json", "headers": [{"name": "X-Why", "value": "limit"}]},
        "policies": [{"name": "p", "xRateLimitHeaders": "Off", "rateLimit": {"local": {"rules": [
            {"limit": limit(1, "Hour")}, {"clientSelectors": [{"methods": [{"value": "PUT"}]}],
             "limit": limit(1, "Hour"), "xRateLimitHeaders": "DraftVersion03"}]}}}],
    }));
    assert_eq!(passed_headers(bench.check(&[])), []);
    let reply = refusal(bench.check(&[]));
    assert_eq!(
        (
            reply.status,
            reply.body.as_slice(),
            reply.content_type.as_deref()
        ),
        (503, &b"{}"[..], Some("application/json"))
    );
    let names: Vec<_> = reply
        .headers
        .iter()
        .map(|header| header.0.as_ref())
        .collect();
    assert_eq!(names, ["x-why", "retry-after", "x-envoy-ratelimited"]);
    assert_eq!(
        passed_headers(bench.check(&[(":method", "PUT")])).len(),
        3,
        "the rule overrides the policy"
    );
}

#[test]
fn shadow_mode_counts_and_lets_pass() {
    let mut rule = user("john", 3);
    rule["shadowMode"] = json!(true);
    let bench = Bench::local(json!([rule]));
    assert_eq!(bench.admitted(10, &[("x-user", "john")]), 10);
    assert_eq!(bench.metric("rate_limit.ns/p.local-0.shadowed"), 7);
}

#[test]
fn counters_are_kept_apart_by_route_and_listener_unless_shared() {
    let shared = json!({"limit": limit(3, "Hour"), "shared": true});
    let config = |rule: Value| {
        json!({"routeFrom": "Header", "listeners": ["ns/gw/a", "ns/gw/b"],
               "policies": [{"name": "p", "rateLimit": {"local": {"rules": [rule]}}}]})
    };
    let admitted = |bench: &Bench, route: &str, listener: &str| {
        let name = "xds.virtual_host_name".to_owned();
        bench
            .host
            .properties
            .borrow_mut()
            .insert(name, format!("ns/gw/{listener}/*").into_bytes());
        bench.admitted(2, &[("x-gateway-route", route)])
    };
    let each = |bench: &Bench| {
        [("r", "a"), ("r", "b"), ("q", "a"), ("r", "a")]
            .map(|(route, listener)| admitted(bench, route, listener))
    };
    assert_eq!(
        each(&Bench::new(config(json!({"limit": limit(3, "Hour")})))),
        [2, 2, 2, 1]
    );
    assert_eq!(each(&Bench::new(config(shared))), [2, 1, 0, 0]);
}

#[test]
fn envoy_tells_the_route_unless_a_header_does() {
    let rule = json!({"limit": limit(1, "Hour")});
    let target = json!([{"route": "httproute/ns/r"}]);
    let bench = Bench::new(
        json!({"policies": [{"name": "p", "targets": target, "rateLimit": {"local": {"rules": [rule]}}}]}),
    );
    assert_eq!(bench.admitted(2, &[]), 2, "the header is not believed");
    bench
        .host
        .properties
        .borrow_mut()
        .insert("xds.route_name".to_owned(), ROUTE.into());
    assert_eq!(bench.admitted(2, &[]), 1);
}

#[test]
fn tiers_count_each_client_and_the_default_bucket_all() {
    let bench = Bench::new(json!({"policies": [{
        "name": "api",
        "rateLimit": {"local": {"rules": [{"limit": limit(30, "Minute")}]}},
        "tiers": [{
            "tier": {"header": "x-user-tier"}, "key": {"header": "x-api-key"}, "defaultTier": "free",
            "limits": {"free": limit(2, "Minute"), "premium": limit(8, "Minute")},
            "clients": {"vip": {"requests": 10, "unit": "Minute", "burst": 12}},
        }],
    }]}));
    let client = |tier, key| bench.admitted(20, &[("x-user-tier", tier), ("x-api-key", key)]);
    assert_eq!(client("free", "a"), 2);
    assert_eq!(client("free", "b"), 2);
    assert_eq!(client("unknown", "c"), 2);
    assert_eq!(client("premium", "d"), 8);
    assert_eq!(client("free", "vip"), 12);
    assert_eq!(bench.admitted(20, &[]), 2, "without a key");
    assert_eq!(client("premium", "e"), 2, "30 for all are used up");
    bench.wait(60);
    assert_eq!(client("free", "vip"), 10, "the burst was not used again");
}

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

#[test]
fn what_was_counted_outlives_the_configuration() {
    let bench = Bench::local(json!([user("john", 3)]));
    assert_eq!(bench.admitted(2, &[("x-user", "john")]), 2);
    let config = json!({"routeFrom": "Header", "policies": [
        {"name": "ns/p", "rateLimit": {"local": {"rules": [user("john", 3), user("ada", 1)]}}}]});
    let bench = Bench {
        limiter: limiter(&config, &bench.host).unwrap(),
        host: bench.host,
    };
    assert_eq!(bench.admitted(2, &[("x-user", "john")]), 1);
}

#[test]
fn errors_name_the_field() {
    let policy = |policy: Value| json!({"policies": [policy]});
    let local =
        |rules: Value| policy(json!({"name": "p", "rateLimit": {"local": {"rules": rules}}}));
    let global =
        |rules: Value| policy(json!({"name": "p", "rateLimit": {"global": {"rules": rules}}}));
    let tiers = |table: Value| policy(json!({"name": "p", "tiers": [table]}));
    let rule = json!({"limit": limit(1, "Hour")});
    let table = |rest: Value| {
        let mut table = json!({"tier": {"header": "a"}, "key": {"header": "b"}, "limits": {"free": limit(1, "Hour")}});
        table
            .as_object_mut()
            .unwrap()
            .extend(rest.as_object().unwrap().clone());
        tiers(table)
    };
    for (config, message) in [
        (
            local(json!([{"limit": limit(0, "Hour")}])),
            "policies[0].rateLimit.local.rules[0].limit.requests: ",
        ),
        (
            local(json!([{"limit": {"requests": 1, "unit": "Hour", "burst": 0}}])),
            "policies[0].rateLimit.local.rules[0].limit.burst: ",
        ),
        (
            local(json!([rule, rule])),
            "policies[0].rateLimit.local.rules[1].clientSelectors: only one local rule",
        ),
        (
            local(json!([{"limit": limit(1, "Hour"), "clientSelectors": [{}]}])),
            "policies[0].rateLimit.local.rules[0].clientSelectors[0]: a selector has",
        ),
        (
            local(
                json!([{"limit": limit(1, "Hour"), "cost": {"response": {"from": "Number", "number": 1}}}]),
            ),
            "policies[0].rateLimit.local.rules[0].cost.response: ",
        ),
        (global(json!([rule])), "service: global limits need"),
        (
            global(json!([{"limit": {"requests": 1, "unit": "Hour", "burst": 2}}])),
            "policies[0].rateLimit.global.rules[0].limit.burst: for local",
        ),
        (
            global(json!([{"limit": limit(1, "Hour"), "cost": {"request": {"from": "Metadata"}}}])),
            "policies[0].rateLimit.global.rules[0].cost.request.metadata: it is missing",
        ),
        (
            table(json!({"defaultTier": "gold"})),
            "policies[0].tiers[0].defaultTier: `gold` has no limit",
        ),
        (
            table(json!({"limits": {"free": limit(0, "Hour")}})),
            "policies[0].tiers[0].limits.free.requests: ",
        ),
        (
            table(json!({"key": {}})),
            "policies[0].tiers[0].key: exactly one of",
        ),
        (
            json!({"policies": [{"name": ""}]}),
            "policies[0].name: the name is empty or has a NUL",
        ),
        (
            json!({"policies": [{"name": "p", "rateLimit": {"local": {"rules": [rule]}}}, {"name": "p", "rateLimit": {"local": {"rules": [user("a", 1)]}}}]}),
            "policies[1].name: another policy is named `p`",
        ),
        (
            json!({"policies": [], "maxKeys": 0}),
            "maxKeys: at least one key",
        ),
        (
            json!({"policies": [], "reply": {"status": 200}}),
            "reply.status: 200: a refusal is 400 to 599",
        ),
        (
            json!({"policies": [], "reply": {"headers": [{"name": "a", "value": "b\r\nc"}]}}),
            "reply.headers[0]: `a`: not a header",
        ),
        (
            json!({"policies": [], "reply": {"contentType": "a\r\nb"}}),
            "reply.contentType: not a header value",
        ),
        (
            json!({"policies": [], "service": {"cluster": "c", "timeout": "20"}}),
            "service.timeout: `20`: not a time",
        ),
        (
            json!({"policies": [], "handOver": {"tierHeader": "a b"}}),
            "handOver.tierHeader: `a b`: not a header name",
        ),
    ] {
        let error = limiter(&config, &MockHost::default())
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(message), "{error}");
    }
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
