//! Policies that an API server or Envoy Gateway refuses.

use super::{
    GATEWAY, ROUTE, RULES, TWO, global, local, one_rule, policies, policy, rule, section, traffic,
};
use crate::{OPEN, bundled, http_route, lines};
use gateway_bundle::Manifests;
use serde_json::json;

/// What a policy with these local rules is refused for; its route is answered 500.
#[track_caller]
fn refused(rules: &str) -> String {
    let limits = format!("rateLimit: {{local: {{rules: [{rules}]}}}}");
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("gateway", GATEWAY, &local(1)),
        &traffic("p", &section(ROUTE, "a"), &limits),
    ]);
    let routes = serde_json::to_value(&bundle.gateways[0].route_match.routes).unwrap();
    assert_eq!(
        routes[0]["spec"]["rules"],
        json!([{"name": "a", "matches": [{"path": {"value": "/a"}}],
                "filters": [{"type": "DirectResponse", "directResponse": {"statusCode": 500}}]},
               {"name": "b"}])
    );
    assert_eq!(
        policies(&bundle),
        [("infra/gateway".to_owned(), vec![1], one_rule(1))]
    );
    let start = "m.yaml:28: BackendTrafficPolicy infra/p: Accepted=False Invalid: ";
    let lines = lines(&bundle);
    let line = lines.iter().find_map(|line| line.strip_prefix(start));
    line.unwrap_or_else(|| panic!("{lines:#?}")).to_owned()
}

#[test]
fn what_envoy_gateway_cannot_translate_is_answered_500() {
    let two = format!("{}, {}", rule(1), rule(2));
    assert_eq!(
        refused(&two),
        "only one local rule can be without clientSelectors"
    );
    assert_eq!(refused(&rule(0)), "a local limit must be greater than 0");
    let selected = |selector: &str, unit: &str| {
        format!("{{clientSelectors: [{{{selector}}}], limit: {{requests: 1, unit: {unit}}}}}")
    };
    let units = format!(
        "{}, {}",
        rule(1),
        selected("methods: [{value: GET}]", "Second")
    );
    assert!(refused(&units).starts_with("the unit must be a multiple"));
    for (selector, reason) in [
        (
            "headers: [{name: x, type: Distinct, invert: true}]",
            "cannot be inverted",
        ),
        (
            "headers: [{name: x, type: Distinct, value: y}]",
            "has no value",
        ),
        ("headers: [{name: x}]", "the value is missing"),
        (
            "queryParams: [{name: x, value: ''}]",
            "the value is missing",
        ),
        (
            "headers: [{name: x, type: RegularExpression, value: '('}]",
            "`(`",
        ),
        ("path: {type: RegularExpression, value: '['}", "`[`"),
        ("sourceCIDR: {value: 10.0.0.1}", "`10.0.0.1` is not a CIDR"),
        ("sourceCIDR: {value: 10.0.0.0/33}", "10.0.0.0/33"),
        ("headers: []", "must be specified"),
    ] {
        let message = refused(&selected(selector, "Minute"));
        assert!(message.contains(reason), "{selector}: {message}");
    }
}

#[test]
fn a_merge_with_a_refused_policy_is_refused() {
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("gateway", GATEWAY, &local(0)),
        &traffic(
            "p",
            ROUTE,
            &format!("mergeType: StrategicMerge, {}", global(1)),
        ),
    ]);
    assert_eq!(bundle.gateways[0].rate_limit, None);
    let report = lines(&bundle).join("\n");
    for line in [
        "infra/p: Accepted=False Invalid: \
         merged with infra/gateway: a local limit must be greater than 0",
        "infra/gateway: Overridden=True Overridden: by infra/p for HTTPRoute infra/r",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
    assert!(!report.contains("Merged=True"), "{report}");
}

#[test]
fn a_policy_refused_on_one_listener_parts_the_route() {
    let bundle = bundled(&[
        TWO,
        &http_route("r", RULES),
        &traffic("p", &section(GATEWAY, "alt"), &local(0)),
    ]);
    let routes = &bundle.gateways[0].route_match.routes;
    let parts: Vec<_> = routes
        .iter()
        .map(|route| {
            let refused = route
                .spec
                .rules
                .iter()
                .filter(|rule| !rule.filters.is_empty());
            (route.listeners.clone().unwrap(), refused.count())
        })
        .collect();
    assert_eq!(
        parts,
        [
            (vec!["infra/gw/http".to_owned()], 0),
            (vec!["infra/gw/alt".to_owned()], 2)
        ]
    );
}

#[test]
fn what_an_api_server_refuses_is_refused_at_its_place() {
    let problems = |spec: &str| {
        let text = policy("BackendTrafficPolicy", "p", spec);
        let errors = Manifests::parse("m.yaml", &text).unwrap_err();
        errors
            .problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let gateway = format!("targetRef: {GATEWAY}");
    let limits = |rules: &str| format!("{{{gateway}, rateLimit: {{local: {{rules: [{rules}]}}}}}}");
    let many = vec![rule(1); 17].join(", ");
    for (spec, message) in [
        (
            limits("{limt: {requests: 1, unit: Minute}}"),
            "rules[0].limt: unknown field, expected one of `clientSelectors`, `cost`, `limit`",
        ),
        (limits("{limt: {}}"), "(did you mean `limit`?)"),
        (
            limits("{limit: {requests: 1, unit: Fortnight}}"),
            "spec.rateLimit.local.rules[0].limit.unit: unknown variant `Fortnight`",
        ),
        (
            limits("{limit: {requests: -1, unit: Day}}"),
            "rules[0].limit.requests: invalid value",
        ),
        (limits(&many), "has 17 items, of at most 16"),
        (
            limits("{limit: {requests: 1, unit: Day}, clientSelectors: [{}]}"),
            "at least one of headers",
        ),
        (
            limits(
                "{limit: {requests: 1, unit: Day}, cost: {response: {from: Number, number: 1}}}",
            ),
            "response cost is not supported",
        ),
        (
            limits("{limit: {requests: 1, unit: Day, fromMetadata: {namespace: a, key: b}}}"),
            "fromMetadata is not supported",
        ),
        (
            limits(
                "{limit: {requests: 1, unit: Day}, clientSelectors: [{methods: [{value: get}]}]}",
            ),
            "`get` is not one of GET",
        ),
        (
            format!("{{{gateway}, mergeType: JSONMerge}}"),
            "mergeType can only be used with routes",
        ),
        (
            format!("{{{gateway}, mergeType: Replace}}"),
            "unknown variant `Replace`",
        ),
        (
            "{timeout: {}}".to_owned(),
            "either targetRef or targetRefs must be used",
        ),
        (
            format!("{{{gateway}, retries: {{}}}}"),
            "spec.retries: unknown field",
        ),
    ] {
        let found = problems(&spec);
        assert!(found.contains(message), "{spec}\n{found}");
    }
}
