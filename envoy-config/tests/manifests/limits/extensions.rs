//! An EnvoyExtensionPolicy that loads the rate-limit filter.

use super::{
    GATEWAY, ROUTE, RULES, filter, global, local, one_rule, policies, policy, traffic, whole_route,
};
use crate::{OPEN, bundled, http_route, lines};
use gateway_bundle::Manifests;
use serde_json::json;

/// An EnvoyExtensionPolicy on the Gateway that loads the filter with this configuration.
fn extension(config: &str) -> String {
    let wasm =
        format!("{{name: rate-limit, code: {{type: Image, image: {{url: x}}}}, config: {config}}}");
    policy(
        "EnvoyExtensionPolicy",
        "tiers",
        &format!("{{targetRefs: [{GATEWAY}], wasm: [{wasm}]}}"),
    )
}

const TIERS: &str =
    "{tier: {header: x-tier}, key: {header: x-client}, limits: {free: {requests: 9, unit: Hour}}}";

#[test]
fn an_extension_policy_adds_its_tiers_to_the_limits_of_a_route() {
    let config = format!(
        "{{maxKeys: 5, policies: [{{name: infra/tiers, targets: [{{route: httproute/infra/r, rule: 0}}], tiers: [{TIERS}]}}]}}"
    );
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("p", GATEWAY, &global(1)),
        &extension(&config),
    ]);
    assert_eq!(
        policies(&bundle),
        [
            ("infra/tiers".to_owned(), vec![1], one_rule(0)),
            ("infra/p".to_owned(), vec![1], one_rule(1)),
        ]
    );
    let filter = filter(&bundle);
    let first = &filter["policies"][0];
    assert_eq!(first["tiers"][0]["limits"]["free"]["requests"], 9);
    assert_eq!(
        first["rateLimit"]["global"]["rules"][0]["mergedFrom"],
        json!({"policy": "infra/p", "rule": 0})
    );
    assert_eq!(filter["maxKeys"], 5);
}

#[test]
fn there_is_one_local_rule_without_selectors() {
    let config = format!("{{policies: [{{name: infra/tiers, {}}}]}}", local(5));
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("p", GATEWAY, &local(1)),
        &extension(&config),
    ]);
    assert_eq!(
        policies(&bundle),
        [("infra/tiers".to_owned(), vec![5], whole_route())]
    );
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:23: BackendTrafficPolicy infra/p: Overridden=True Overridden: \
          by infra/tiers for the local rule without clientSelectors"
        ]
    );
}

#[test]
fn the_filter_s_own_settings_are_taken_over() {
    let config = format!(
        "{{service: {{cluster: mine, lease: {{hits: 10}}}}, reply: {{status: 503}}, \
          policies: [{{name: t, tiers: [{TIERS}]}}]}}"
    );
    let bundle = bundled(&[
        OPEN,
        &http_route("r", RULES),
        &traffic("p", ROUTE, &global(1)),
        &extension(&config),
    ]);
    let filter = filter(&bundle);
    assert_eq!(
        filter["service"],
        json!({"cluster": "mine", "lease": {"hits": 10}})
    );
    assert_eq!(filter["reply"], json!({"status": 503}));
}

#[test]
fn an_extension_policy_is_checked_at_its_place() {
    let text = extension(
        "{policies: [{name: p, tiers: [{tier: {}, key: {}, limits: {free: {requests: no, unit: Hour}}}]}]}",
    );
    let errors = Manifests::parse("m.yaml", &text).unwrap_err();
    let message = errors.problems[0].to_string();
    let start = "m.yaml:4:";
    assert!(message.starts_with(start), "{message}");
    let path = "spec.wasm[0].config.policies[0].tiers[0].limits.free.requests: invalid type";
    assert!(message.contains(path), "{message}");
}
