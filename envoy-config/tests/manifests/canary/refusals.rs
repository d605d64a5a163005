//! What is refused or told of canaries, by file and line.

use super::{GATEWAY, ROUTE, SPLIT, canaries, extension, lines, routed, section, split};
use crate::OPEN;
use gateway_bundle::Manifests;

#[test]
fn an_extension_policy_is_checked_at_its_place() {
    let text = extension("c", ROUTE, "{name: shop, canary: v2, wieght: 5}");
    let errors = Manifests::parse("m.yaml", &text).unwrap_err();
    let message = errors.problems[0].to_string();
    let path = "spec.wasm[0].config.canaries[0].wieght: unknown field `wieght`";
    assert!(message.starts_with("m.yaml:4:"), "{message}");
    assert!(message.contains(path), "{message}");
}

#[test]
fn what_the_rule_says_is_not_said_by_the_policy() {
    for (canary, expected) in [
        (
            "{name: shop, canary: v2, backends: [{name: a}]}",
            "must be empty: they are the backendRefs of the rule",
        ),
        (
            "{name: shop, canary: v2, header: x-gateway-canary}",
            "in a bundle the header is x-gateway-backend",
        ),
        (
            "{name: shop, canary: v2, weight: 5, guard: {hold: soon}}",
            "`soon`: not a time as in 20ms, 1s or 1h30m",
        ),
        (
            "{name: shop, weight: 5}",
            "must name the Service that is the canary",
        ),
    ] {
        let bundle = split(&format!("{{{SPLIT}}}"), &[&extension("c", ROUTE, canary)]);
        assert_eq!(bundle.gateways[0].canary, None);
        assert_eq!(routed(&bundle)[0].as_array().unwrap().len(), 2);
        let line =
            format!("m.yaml:33: EnvoyExtensionPolicy infra/c: Accepted=False Invalid: {expected}");
        assert_eq!(lines(&bundle), [line]);
    }
}

#[test]
fn a_second_canary_of_one_name_is_refused() {
    let two = "{name: shop, canary: v2}, {name: shop, canary: v1}";
    let bundle = split(&format!("{{{SPLIT}}}"), &[&extension("c", ROUTE, two)]);
    assert_eq!(canaries(&bundle)[0]["canary"], "infra/v2:80");
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:33: EnvoyExtensionPolicy infra/c: Accepted=False Invalid: `shop` is the name of a canary before"
        ]
    );
}

#[test]
fn a_canary_that_is_not_among_the_backends_leaves_the_rule_to_its_weights() {
    let first = "{name: v1, port: 80}";
    for (canary, references, expected) in [
        (
            "v3",
            format!("{first}, {{name: v2, port: 80}}"),
            "`v3` is no backendRef of",
        ),
        (
            "shop/v2",
            format!("{first}, {{name: v2, port: 80}}"),
            "`shop/v2` is no backendRef of",
        ),
        (
            "v2:81",
            format!("{first}, {{name: v2, port: 80}}"),
            "`v2:81` is no backendRef of",
        ),
        (
            "v2",
            format!("{first}, {{name: v2, port: 80}}, {{name: v2, port: 81}}"),
            "`v2` is, with more than one port, a backendRef of",
        ),
        (
            "v2",
            format!("{first}, {{name: v2, port: 82}}"),
            "`v2` cannot be used by",
        ),
        ("v1", first.to_owned(), "`v1` is the only backendRef of"),
    ] {
        let policy = extension("c", ROUTE, &format!("{{name: shop, canary: '{canary}'}}"));
        let bundle = split(&format!("{{backendRefs: [{references}]}}"), &[&policy]);
        assert_eq!(bundle.gateways[0].canary, None, "{canary}");
        let line = format!(
            "m.yaml:33: EnvoyExtensionPolicy infra/c: Accepted=False Invalid: \
             {expected} httproute/infra/r/rule/0: left to the weights"
        );
        let found = lines(&bundle);
        assert!(found.contains(&line), "{found:#?}");
    }
}

#[test]
fn backend_refs_with_filters_are_left_to_their_weights() {
    let filters = "[{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x]}}]";
    let rule = format!(
        "{{backendRefs: [{{name: v1, port: 80, filters: {filters}}}, {{name: v2, port: 80}}], sessionPersistence: {{}}}}"
    );
    let bundle = split(&rule, &[&extension("c", ROUTE, "{name: shop, canary: v2}")]);
    assert_eq!(bundle.gateways[0].canary, None);
    assert_eq!(
        bundle.gateways[0].rules[0].native.features(),
        ["sessionPersistence"]
    );
    assert_eq!(
        lines(&bundle),
        ["m.yaml:28: HTTPRoute infra/r: left to its weights: \
          the filters of a backendRef are applied before the split"]
    );
}

#[test]
fn a_rule_is_split_in_one_way_on_all_listeners() {
    let listeners = OPEN.replace(
        "  - {name: http,",
        "  - {name: alt, port: 81, protocol: HTTP}\n  - {name: http,",
    );
    let route = crate::http_route(
        "r",
        &format!("{{parentRefs: [{{name: gw}}], rules: [{{{SPLIT}}}]}}"),
    );
    let canary = extension("c", &section(GATEWAY, "alt"), "{name: shop, canary: v2}");
    let bundle = crate::bundled(&[&listeners, super::SERVICES, &route, &canary]);
    assert_eq!(canaries(&bundle)[0]["name"], "shop");
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:29: HTTPRoute infra/r: split on all listeners as the policies for infra/gw/alt say"
        ]
    );
}
