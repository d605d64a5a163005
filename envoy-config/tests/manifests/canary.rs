//! Rules that the canary filter decides on: for a canary, a session or a hash, and what is told of
//! the others.

mod hash;
mod refusals;
mod session;

use super::{OPEN, bundled, http_route, lines};
use gateway_bundle::Bundle;
use serde_json::{Value, json};

/// The Services `v1` and `v2` in namespace `infra`, ten lines.
const SERVICES: &str = "\
apiVersion: v1
kind: Service
metadata: {name: v1, namespace: infra}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: v2, namespace: infra}
spec: {ports: [{port: 80}, {port: 81}]}
---
";

const GATEWAY: &str = "{group: gateway.networking.k8s.io, kind: Gateway, name: gw}";
const ROUTE: &str = "{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}";

/// 90 % for `v1`, 10 % for `v2`.
const SPLIT: &str =
    "backendRefs: [{name: v1, port: 80, weight: 90}, {name: v2, port: 80, weight: 10}]";

/// A policy in namespace `infra`, four lines and a separator; the spec is on the fourth.
fn policy(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: {kind}\n\
         metadata: {{name: {name}, namespace: infra}}\nspec: {spec}\n---\n"
    )
}

/// An EnvoyExtensionPolicy that loads the filter with these canaries.
fn extension(name: &str, target: &str, canaries: &str) -> String {
    let wasm = format!(
        "{{name: canary, code: {{type: Image, image: {{url: x}}}}, config: {{canaries: [{canaries}]}}}}"
    );
    let spec = format!("{{targetRefs: [{target}], wasm: [{wasm}]}}");
    policy("EnvoyExtensionPolicy", name, &spec)
}

fn section(target: &str, name: &str) -> String {
    target.replace('}', &format!(", sectionName: {name}}}"))
}

/// The route `infra/r` with these rules, after the Gateway and the Services.
fn split(rules: &str, policies: &[&str]) -> Bundle {
    let route = http_route(
        "r",
        &format!("{{parentRefs: [{{name: gw}}], rules: [{rules}]}}"),
    );
    bundled(&[&[OPEN, SERVICES, &*route], policies].concat())
}

/// What the filter gets.
fn canaries(bundle: &Bundle) -> Value {
    let filter = serde_json::to_value(&bundle.gateways[0].canary).unwrap();
    filter["canaries"].clone()
}

fn backends() -> Value {
    json!([{"name": "infra/v1:80", "weight": 90}, {"name": "infra/v2:80", "weight": 10}])
}

fn rules(indices: &[u32]) -> Value {
    let rule = |index| json!({"route": "httproute/infra/r", "rule": index});
    indices.iter().map(rule).collect()
}

/// The backendRefs that route-match has of each rule of the first route.
fn routed(bundle: &Bundle) -> Vec<Value> {
    let rules = &bundle.gateways[0].route_match.routes[0].spec.rules;
    let references = |rule| serde_json::to_value(rule).unwrap()["backendRefs"].take();
    rules.iter().map(references).collect()
}

#[test]
fn a_canary_is_resolved_and_its_split_moves_out_of_route_match() {
    let settings = "{name: shop, canary: v2, weight: 5, overrides: [{key: {header: x-canary}}], \
                    sticky: {keys: [{header: x-user}]}, guard: {}}";
    let bundle = split(&format!("{{{SPLIT}}}"), &[&extension("c", ROUTE, settings)]);
    let expected = json!([{
        "name": "shop", "targets": rules(&[0]), "header": "x-gateway-backend",
        "backends": backends(), "canary": "infra/v2:80", "weight": 5,
        "overrides": [{"key": {"header": "x-canary"}}],
        "sticky": {"keys": [{"header": "x-user"}]}, "guard": {},
    }]);
    assert_eq!(canaries(&bundle), expected);
    let kept = json!([{"name": "v1", "namespace": "infra", "port": 80}]);
    assert_eq!(routed(&bundle), [kept]);
    assert_eq!(bundle.gateways[0].backends.len(), 2);
    assert_eq!(lines(&bundle), [""; 0]);
}

#[test]
fn without_policy_or_session_the_weights_stay_with_route_match() {
    let bundle = split(&format!("{{{SPLIT}}}"), &[]);
    assert_eq!(bundle.gateways[0].canary, None);
    assert_eq!(routed(&bundle)[0].as_array().unwrap().len(), 2);
}

#[test]
fn the_service_may_be_written_with_namespace_and_port() {
    for name in ["v2", "infra/v2", "v2:80", "infra/v2:80"] {
        let canary = format!("{{name: shop, canary: '{name}'}}");
        let bundle = split(&format!("{{{SPLIT}}}"), &[&extension("c", ROUTE, &canary)]);
        assert_eq!(canaries(&bundle)[0]["canary"], "infra/v2:80", "{name}");
    }
}

#[test]
fn the_most_specific_policy_that_loads_the_filter_is_taken() {
    let two =
        format!("{{name: a, {SPLIT}}}, {{name: b, matches: [{{path: {{value: /b}}}}], {SPLIT}}}");
    let weight = |weight: u32| format!("{{name: w{weight}, canary: v2, weight: {weight}}}");
    let tiers = "{name: rate-limit, code: {type: Image, image: {url: x}}, config: {policies: []}}";
    let other = policy(
        "EnvoyExtensionPolicy",
        "other",
        &format!("{{targetRefs: [{}], wasm: [{tiers}]}}", section(ROUTE, "b")),
    );
    let gateway = extension("gateway", GATEWAY, &weight(1));
    let listener = extension("listener", &section(GATEWAY, "http"), &weight(2));
    let route = extension("route", ROUTE, &weight(3));
    let rule = extension("rule", &section(ROUTE, "a"), &weight(4));
    for (policies, expected) in [
        (vec![&gateway], vec![("w1", vec![0, 1])]),
        (vec![&gateway, &listener], vec![("w2", vec![0, 1])]),
        (vec![&gateway, &listener, &route], vec![("w3", vec![0, 1])]),
        (
            vec![&route, &rule, &other],
            vec![("w3", vec![1]), ("w4", vec![0])],
        ),
    ] {
        let policies: Vec<&str> = policies.into_iter().map(String::as_str).collect();
        let bundle = split(&two, &policies);
        let found = canaries(&bundle);
        let found = found.as_array().unwrap().iter();
        let found: Vec<_> = found
            .map(|one| (one["name"].clone(), one["targets"].clone()))
            .collect();
        let expected = expected
            .into_iter()
            .map(|(name, indices)| (json!(name), rules(&indices)));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }
}

#[test]
fn the_first_canary_with_a_fitting_target_is_taken() {
    let two = format!("{{{SPLIT}}}, {{matches: [{{path: {{value: /b}}}}], {SPLIT}}}");
    let settings = "{name: other, canary: v2, targets: [{route: httproute/infra/other}]}, \
                    {name: second, canary: v2, targets: [{route: httproute/infra/r, rule: 1}]}, \
                    {name: rest, canary: v1}";
    let bundle = split(&two, &[&extension("c", GATEWAY, settings)]);
    let found = canaries(&bundle);
    assert_eq!(found[0]["name"], "second");
    assert_eq!(found[0]["targets"], rules(&[1]));
    assert_eq!(
        (&found[1]["name"], &found[1]["canary"]),
        (&json!("rest"), &json!("infra/v1:80"))
    );
    assert_eq!(found[1]["targets"], rules(&[0]));
}

#[test]
fn rules_that_are_split_alike_are_one_canary_and_others_have_names_of_their_own() {
    let three = format!(
        "{{{SPLIT}}}, {{matches: [{{path: {{value: /b}}}}], {SPLIT}}}, \
         {{matches: [{{path: {{value: /c}}}}], backendRefs: [{{name: v1, port: 80}}, {{name: v2, port: 81}}]}}"
    );
    let settings = "{name: shop, canary: v2, sticky: {keys: [{header: x-user}]}}";
    let bundle = split(&three, &[&extension("c", ROUTE, settings)]);
    let found = canaries(&bundle);
    assert_eq!(found[0]["name"], "shop/httproute/infra/r/rule/0");
    assert_eq!(found[0]["targets"], rules(&[0, 1]));
    assert_eq!(found[1]["name"], "shop/httproute/infra/r/rule/2");
    assert_eq!(found[1]["canary"], "infra/v2:81");
    for one in found.as_array().unwrap() {
        assert_eq!(
            one["sticky"]["salt"], "shop",
            "a client has one answer on all rules"
        );
    }
}

#[test]
fn canaries_of_one_name_in_two_policies_are_told_apart() {
    let two =
        format!("{{name: a, {SPLIT}}}, {{name: b, matches: [{{path: {{value: /b}}}}], {SPLIT}}}");
    let policies = [("one", "a"), ("two", "b")]
        .map(|(name, rule)| extension(name, &section(ROUTE, rule), "{name: shop, canary: v2}"));
    let found = canaries(&split(&two, &[&policies[0], &policies[1]]));
    assert_eq!(found[0]["name"], "infra/one/shop");
    assert_eq!(found[1]["name"], "infra/two/shop");
}

#[test]
fn what_cannot_be_used_is_a_backend_without_name_and_the_same_backend_is_there_once() {
    let references = "{backendRefs: [{name: gone, port: 80, weight: 3}, {name: v1, port: 80, weight: 0}, \
                      {name: v2, port: 80}, {name: v1, port: 80, weight: 4}]}";
    let bundle = split(
        references,
        &[&extension("c", ROUTE, "{name: shop, canary: v2}")],
    );
    let expected = json!([
        {"weight": 3}, {"name": "infra/v1:80", "weight": 4}, {"name": "infra/v2:80", "weight": 1}
    ]);
    assert_eq!(canaries(&bundle)[0]["backends"], expected);
    let kept = json!([{"name": "v1", "namespace": "infra", "port": 80}]);
    assert_eq!(routed(&bundle), [kept]);
}

#[test]
fn a_rule_that_answers_by_itself_or_has_no_backend_is_not_split() {
    let redirect = "filters: [{type: RequestRedirect, requestRedirect: {hostname: a.example}}]";
    for rule in [
        format!("{{{redirect}, sessionPersistence: {{}}}}"),
        "{backendRefs: [{name: gone, port: 80}], sessionPersistence: {}}".to_owned(),
        "{backendRefs: [{name: v1, port: 80, weight: 0}], sessionPersistence: {}}".to_owned(),
        "{sessionPersistence: {}}".to_owned(),
    ] {
        let bundle = split(&rule, &[]);
        assert_eq!(bundle.gateways[0].canary, None, "{rule}");
        assert_eq!(
            bundle.gateways[0].rules[0].native.features(),
            ["sessionPersistence"]
        );
    }
}

#[test]
fn a_grpc_route_is_split_too() {
    let rule =
        format!("{{parentRefs: [{{name: gw}}], rules: [{{{SPLIT}, sessionPersistence: {{}}}}]}}");
    let route = crate::route("GRPCRoute", "g", &rule);
    let found = canaries(&bundled(&[OPEN, SERVICES, &route]));
    assert_eq!(found[0]["name"], "grpcroute/infra/g/rule/0");
    let session = json!({"sessionName": "grpcroute-infra-g-rule-0", "path": "/"});
    assert_eq!(found[0]["sessionPersistence"], session);
}

#[test]
fn a_rule_refused_on_one_listener_is_split_on_the_other() {
    let listeners = OPEN.replace(
        "  - {name: http,",
        "  - {name: alt, port: 81, protocol: HTTP}\n  - {name: http,",
    );
    let limit = "rateLimit: {local: {rules: [{limit: {requests: 0, unit: Minute}}]}}";
    let refusing = policy(
        "BackendTrafficPolicy",
        "p",
        &format!("{{targetRefs: [{}], {limit}}}", section(GATEWAY, "alt")),
    );
    let route = http_route(
        "r",
        &format!("{{parentRefs: [{{name: gw}}], rules: [{{{SPLIT}}}]}}"),
    );
    let canary = extension("c", ROUTE, "{name: shop, canary: v2}");
    let bundle = bundled(&[&listeners, SERVICES, &route, &refusing, &canary]);
    assert_eq!(canaries(&bundle)[0]["targets"], rules(&[0]));
    let routes = &bundle.gateways[0].route_match.routes;
    let references = routes
        .iter()
        .map(|route| route.spec.rules[0].backend_refs.len());
    assert_eq!(
        references.collect::<Vec<_>>(),
        [1, 0],
        "split on one, answered 500 on the other"
    );
}
