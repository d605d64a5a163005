//! Limits that are counted in this Envoy, and what clients are told.

use super::*;

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
