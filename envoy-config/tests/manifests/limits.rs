//! Policies to limits: precedence, merging, conflicts, and what is beside the rules.

mod extensions;
mod refusals;

use super::{OPEN, bundled, http_route, lines};
use gateway_bundle::Bundle;
use serde_json::{Value, json};

/// A route `infra/r` on all listeners of the Gateway with the rules `a` and `b`.
const RULES: &str =
    "{parentRefs: [{name: gw}], rules: [{name: a, matches: [{path: {value: /a}}]}, {name: b}]}";

/// A second listener, in a Gateway of its own.
const TWO: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: any
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: alt, port: 81, protocol: HTTP}
---
";

const GATEWAY: &str = "{group: gateway.networking.k8s.io, kind: Gateway, name: gw}";
const ROUTE: &str = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}";

/// A policy in namespace `infra`, four lines and a separator; the spec is on the fourth.
fn policy(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: {kind}\n\
         metadata: {{name: {name}, namespace: infra}}\nspec: {spec}\n---\n"
    )
}

fn traffic(name: &str, target: &str, rest: &str) -> String {
    let spec = format!("{{targetRefs: [{target}], {rest}}}");
    policy("BackendTrafficPolicy", name, &spec)
}

/// The reference with a sectionName.
fn section(target: &str, name: &str) -> String {
    target.replace('}', &format!(", sectionName: {name}}}"))
}

fn local(requests: u32) -> String {
    format!("rateLimit: {{local: {{rules: [{}]}}}}", rule(requests))
}

fn global(requests: u32) -> String {
    format!("rateLimit: {{global: {{rules: [{}]}}}}", rule(requests))
}

fn rule(requests: u32) -> String {
    format!("{{limit: {{requests: {requests}, unit: Minute}}}}")
}

/// The filter's configuration as it is written.
#[track_caller]
fn filter(bundle: &Bundle) -> Value {
    serde_json::to_value(bundle.gateways[0].rate_limit.as_ref().unwrap()).unwrap()
}

/// Name, limits (`requests` of the local, then of the global rules) and targets of each policy.
#[track_caller]
fn policies(bundle: &Bundle) -> Vec<(String, Vec<u64>, Value)> {
    let filter = filter(bundle);
    let of_one = |policy: &Value| {
        let rules = |kind: &str| {
            let rules = policy.pointer(&format!("/rateLimit/{kind}/rules"));
            rules.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let all = [rules("local"), rules("global")].concat();
        let requests = all
            .iter()
            .map(|rule| rule["limit"]["requests"].as_u64().unwrap());
        let name = policy["name"].as_str().unwrap().to_owned();
        (name, requests.collect(), policy["targets"].clone())
    };
    filter["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(of_one)
        .collect()
}

fn whole_route() -> Value {
    json!([{"route": "httproute/infra/r"}])
}

fn one_rule(index: u32) -> Value {
    json!([{"route": "httproute/infra/r", "rule": index}])
}

#[test]
fn without_limits_there_is_no_filter() {
    let timeout = traffic("p", GATEWAY, "timeout: {http: {requestTimeout: 1s}}");
    let bundle = bundled(&[OPEN, &http_route("r", RULES), &timeout]);
    assert_eq!(bundle.gateways[0].rate_limit, None);
    assert_eq!(
        lines(&bundle),
        ["m.yaml:23: BackendTrafficPolicy infra/p: left to Envoy: timeout"]
    );
}

#[test]
fn the_most_specific_policy_applies_alone() {
    let bundle = bundled(&[
        TWO,
        &http_route("r", RULES),
        &http_route("other", "{parentRefs: [{name: gw, sectionName: alt}]}"),
        &http_route("third", "{parentRefs: [{name: gw, sectionName: http}]}"),
        &traffic("gateway", GATEWAY, &local(1)),
        &traffic("listener", &section(GATEWAY, "alt"), &local(2)),
        &traffic("route", ROUTE, &local(3)),
        &traffic("rule", &section(ROUTE, "b"), &local(4)),
    ]);
    let target = |name: &str| json!([{"route": format!("httproute/infra/{name}")}]);
    assert_eq!(
        policies(&bundle),
        [
            ("infra/route".to_owned(), vec![3], one_rule(0)),
            ("infra/rule".to_owned(), vec![4], one_rule(1)),
            ("infra/listener".to_owned(), vec![2], target("other")),
            ("infra/gateway".to_owned(), vec![1], target("third")),
        ]
    );
    let report = lines(&bundle).join("\n");
    for line in [
        "BackendTrafficPolicy infra/gateway: Overridden=True Overridden: \
         by infra/listener for `alt` of Gateway infra/gw, by infra/route for HTTPRoute infra/r, \
         by infra/rule for `b` of HTTPRoute infra/r",
        "BackendTrafficPolicy infra/listener: Overridden=True Overridden: \
         by infra/route for HTTPRoute infra/r, by infra/rule for `b` of HTTPRoute infra/r",
        "BackendTrafficPolicy infra/route: Overridden=True Overridden: \
         by infra/rule for `b` of HTTPRoute infra/r",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }
}

#[test]
fn a_policy_without_limits_lifts_those_of_its_parent() {
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("gateway", GATEWAY, &local(1)),
        &traffic(
            "route",
            &section(ROUTE, "a"),
            "timeout: {http: {requestTimeout: 1s}}",
        ),
    ]);
    assert_eq!(
        policies(&bundle),
        [("infra/gateway".to_owned(), vec![1], one_rule(1))]
    );
}

#[test]
fn a_listener_s_policy_is_for_routes_there_alone() {
    let bundle = bundled(&[
        TWO,
        &http_route("r", RULES),
        &traffic("listener", &section(GATEWAY, "alt"), &local(2)),
    ]);
    let target = json!([{"route": "httproute/infra/r", "listeners": ["infra/gw/alt"]}]);
    assert_eq!(
        policies(&bundle),
        [("infra/listener".to_owned(), vec![2], target)]
    );
    assert_eq!(
        filter(&bundle)["listeners"],
        json!(["infra/gw/http", "infra/gw/alt"])
    );
}

#[test]
fn the_older_of_two_policies_has_the_target() {
    let old = traffic("z", ROUTE, &local(1)).replace(
        "name: z,",
        "name: z, creationTimestamp: '2024-01-01T00:00:00Z',",
    );
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("a", ROUTE, &local(2)),
        &old,
    ]);
    assert_eq!(
        policies(&bundle),
        [("infra/z".to_owned(), vec![1], whole_route())]
    );
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:23: BackendTrafficPolicy infra/a: Accepted=False Conflicted: \
          BackendTrafficPolicy infra/z has attached to HTTPRoute infra/r"
        ]
    );
}

#[test]
fn targets_that_are_not_there_are_reported() {
    let gone = ROUTE.replace("name: r", "name: gone");
    let both = format!("{gone}, {}", section(ROUTE, "c"));
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("p", &both, &local(1)),
    ]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:23: BackendTrafficPolicy infra/p: Accepted=False TargetNotFound: \
             there is no HTTPRoute infra/gone",
            "m.yaml:23: BackendTrafficPolicy infra/p: Accepted=False TargetNotFound: \
             HTTPRoute infra/r has no section `c`",
        ]
    );
}

#[test]
fn selectors_find_routes_by_their_labels() {
    let labelled = http_route("r", RULES).replace("name: r,", "name: r, labels: {tier: gold},");
    let selector = "{targetSelectors: [{kind: HTTPRoute, matchLabels: {tier: gold}}], ";
    let spec = format!("{selector}{}}}", local(1));
    let bundle = bundled(&[
        OPEN,
        &labelled,
        &http_route("plain", "{parentRefs: [{name: gw}]}"),
        &policy("BackendTrafficPolicy", "p", &spec),
    ]);
    assert_eq!(
        policies(&bundle),
        [("infra/p".to_owned(), vec![1], whole_route())]
    );
}

#[test]
fn a_strategic_merge_puts_the_route_s_rules_first() {
    let rules = |default: u32, selected: u32| {
        let selector = "clientSelectors: [{methods: [{value: GET}]}]";
        format!(
            "local: {{rules: [{{{selector}, limit: {{requests: {selected}, unit: Minute}}}}, {}]}}",
            rule(default)
        )
    };
    let merged = |how: &str, own: &str| {
        bundled(&[
            OPEN,
            &http_route("r", RULES),
            &traffic(
                "gateway",
                GATEWAY,
                &format!(
                    "rateLimit: {{{}, global: {{rules: [{}]}}}}",
                    rules(1, 2),
                    rule(3)
                ),
            ),
            &traffic(
                "route",
                ROUTE,
                &format!("mergeType: {how}, rateLimit: {{{own}}}"),
            ),
        ])
    };
    let limits = |bundle: &Bundle| policies(bundle).remove(0).1;
    let own = format!("{}, global: {{rules: [{}]}}", rules(4, 5), rule(6));
    let bundle = merged("StrategicMerge", &own);
    assert_eq!(limits(&bundle), [4, 5, 2, 6, 3]);
    let rules = &filter(&bundle)["policies"][0]["rateLimit"]["global"]["rules"];
    assert_eq!(rules[0].get("mergedFrom"), None);
    assert_eq!(
        rules[1]["mergedFrom"],
        json!({"policy": "infra/gateway", "rule": 0})
    );
    let report = lines(&bundle).join("\n");
    for line in [
        "infra/gateway: Merged=True Merged: by infra/route for HTTPRoute infra/r",
        "infra/route: Merged=True Merged: with infra/gateway",
    ] {
        assert!(report.contains(line), "{line}\n{report}");
    }

    assert_eq!(limits(&merged("JSONMerge", &own)), [4, 5, 6]);
    let empty = "local: {rules: []}, global: {rules: []}";
    assert_eq!(
        limits(&merged("JSONMerge", empty)),
        [2, 3],
        "the rule without selectors is replaced by none"
    );
    assert_eq!(
        limits(&merged("StrategicMerge", "")),
        [2, 1, 3],
        "the parent's as they are"
    );
}

#[test]
fn a_rule_s_policy_is_merged_with_the_gateway_s_not_the_route_s() {
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("gateway", GATEWAY, &global(1)),
        &traffic("route", ROUTE, &global(2)),
        &traffic("rule", &section(ROUTE, "a"), "mergeType: StrategicMerge"),
    ]);
    assert_eq!(
        policies(&bundle),
        [
            ("infra/rule".to_owned(), vec![1], one_rule(0)),
            ("infra/route".to_owned(), vec![2], one_rule(1)),
        ]
    );
    let rules = &filter(&bundle)["policies"][0]["rateLimit"]["global"]["rules"];
    assert_eq!(
        rules[0]["mergedFrom"],
        json!({"policy": "infra/gateway", "rule": 0})
    );
}

#[test]
fn local_rules_lose_what_envoy_gateway_ignores() {
    let rules = "{limit: {requests: 1, unit: Day}, shared: true, shadowMode: true, cost: {request: {from: Number, number: 2}}}";
    let limits = format!("rateLimit: {{local: {{rules: [{rules}]}}}}");
    let bundle = bundled(&[OPEN, &http_route("r", RULES), &traffic("p", ROUTE, &limits)]);
    assert_eq!(
        filter(&bundle)["policies"][0]["rateLimit"],
        json!({"local": {"rules": [{"limit": {"requests": 1, "unit": "Day"}}]}})
    );
    assert_eq!(lines(&bundle).len(), 3, "{:#?}", lines(&bundle));
}

#[test]
fn global_limits_bring_the_service() {
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("p", GATEWAY, &global(1)),
    ]);
    assert_eq!(
        filter(&bundle)["service"],
        json!({"cluster": "ratelimit", "domain": "gateway-filters"})
    );
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("p", GATEWAY, &local(1)),
    ]);
    assert_eq!(filter(&bundle).get("service"), None);
}

#[test]
fn a_listener_s_client_policy_beats_the_gateway_s() {
    let client = |name: &str, target: &str, rest: &str| {
        policy(
            "ClientTrafficPolicy",
            name,
            &format!("{{targetRefs: [{target}], {rest}}}"),
        )
    };
    let bundle = bundled(&[
        TWO,
        &http_route("r", RULES),
        &traffic("p", GATEWAY, &local(1)),
        &client("c", GATEWAY, "headers: {disableRateLimitHeaders: true}"),
        &client(
            "d",
            &section(GATEWAY, "alt"),
            "headers: {enableEnvoyHeaders: true}, clientIPDetection: {xForwardedFor: {numTrustedHops: 2}}",
        ),
    ]);
    let on = |name: &str| json!([{"route": "httproute/infra/r", "listeners": [name]}]);
    let filter = filter(&bundle);
    let policies = filter["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[0]["targets"], on("infra/gw/http"));
    assert_eq!(policies[0]["xRateLimitHeaders"], "Off");
    assert_eq!(policies[1]["targets"], on("infra/gw/alt"));
    assert_eq!(policies[1].get("xRateLimitHeaders"), None);
    assert_eq!(filter["enableEnvoyHeaders"], true);
    let hops: Vec<u32> = bundle.gateways[0]
        .listeners
        .iter()
        .map(|one| one.trusted_hops)
        .collect();
    assert_eq!(hops, [0, 2]);
}
