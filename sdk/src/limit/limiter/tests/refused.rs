//! Configurations that are refused, and the field that the error names.

use super::*;

#[track_caller]
fn refused(config: &Value, message: &str) {
    let error = limiter(config, &MockHost::default()).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with(message), "{error}");
}

fn local(rules: Value) -> Value {
    json!({"policies": [{"name": "p", "rateLimit": {"local": {"rules": rules}}}]})
}

fn global(rules: Value) -> Value {
    json!({"policies": [{"name": "p", "rateLimit": {"global": {"rules": rules}}}]})
}

/// A tier table with these members added or replaced.
fn table(rest: Value) -> Value {
    let mut table = json!({"tier": {"header": "a"}, "key": {"header": "b"}, "limits": {"free": limit(1, "Hour")}});
    let rest = rest.as_object().unwrap().clone();
    table.as_object_mut().unwrap().extend(rest);
    json!({"policies": [{"name": "p", "tiers": [table]}]})
}

#[test]
fn a_target() {
    let target = |target: Value| json!({"policies": [{"name": "p", "targets": [target]}]});
    for (config, message) in [
        (
            target(json!({"rule": 1})),
            "policies[0].targets[0].rule: a rule needs its route",
        ),
        (
            target(json!({"listeners": ["x"]})),
            "policies[0].targets[0].listeners[0]: there is no listener `x`",
        ),
    ] {
        refused(&config, message);
    }
}

#[test]
fn a_local_rule() {
    let rule = json!({"limit": limit(1, "Hour")});
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
    ] {
        refused(&config, message);
    }
}

#[test]
fn a_global_rule() {
    let rule = json!({"limit": limit(1, "Hour")});
    for (config, message) in [
        (global(json!([rule])), "service: global limits need"),
        (
            global(json!([{"limit": {"requests": 1, "unit": "Hour", "burst": 2}}])),
            "policies[0].rateLimit.global.rules[0].limit.burst: for local",
        ),
        (
            global(json!([{"limit": limit(1, "Hour"), "cost": {"request": {"from": "Metadata"}}}])),
            "policies[0].rateLimit.global.rules[0].cost.request.metadata: it is missing",
        ),
    ] {
        refused(&config, message);
    }
}

#[test]
fn a_tier_table() {
    for (config, message) in [
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
    ] {
        refused(&config, message);
    }
}

#[test]
fn what_is_not_of_one_rule() {
    let rule = json!({"limit": limit(1, "Hour")});
    for (config, message) in [
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
        refused(&config, message);
    }
}
