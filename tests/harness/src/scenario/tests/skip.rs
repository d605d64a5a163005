use super::super::skip::{Feature, reason};
use super::*;
use crate::host::HostKind;

/// The reason to skip the only case, on the core host.
fn skipped(cases: &str, manifests: &str) -> Option<String> {
    let dir = folder(cases, manifests);
    let scenario = load(dir.path()).unwrap().remove(0);
    reason(&scenario, &scenario.cases[0], HostKind::Core)
}

#[test]
fn what_cannot_be_judged_is_skipped() {
    let plain = one_case("");
    let with = |more: &str| one_case(&format!("  {more}\n"));
    let top = |line: &str| format!("{line}\n{plain}");
    let only = |kind: &str| {
        format!("name: t\ngateway: {{namespace: n, name: g}}\ncases:\n- name: a\n  {kind}\n")
    };
    let cases = [
        (
            plain.replace("{path: /}", "{path: /, protocol: https}"),
            Feature::Tls,
        ),
        (
            plain.replace("{path: /}", "{path: /, scheme: https}"),
            Feature::Tls,
        ),
        (
            only("websocket: {request: {path: /ws}, messages: [a]}"),
            Feature::WebSocket,
        ),
        (only("policyStatus: {}"), Feature::PolicyStatus),
        (
            with(
                "mirrorDistribution: {requests: 9, backends: [{name: b, namespace: n, minCount: 1, maxCount: 2}]}",
            ),
            Feature::Mirror,
        ),
        (
            with("mirroredTo: [{name: b, namespace: n}]"),
            Feature::Mirror,
        ),
        (
            with("backendSimulation: {delay: 1s}"),
            Feature::TimeoutRetry,
        ),
        (with("internalRedirect: {}"), Feature::InternalRedirect),
        (with("extensionEffects: {}"), Feature::ExtensionEffects),
        (
            plain.replace(
                "{path: /}",
                "{path: /, clientAddress: 10.0.0.1, effectiveClient: 10.0.0.2}",
            ),
            Feature::ClientAddressDetection,
        ),
        (top("group: mirror"), Feature::Mirror),
        (top("group: timeout/retry"), Feature::TimeoutRetry),
        (top("group: backend"), Feature::BackendProtocol),
    ];
    for (yaml, feature) in cases {
        let reason = feature.lacking_on(HostKind::Core);
        assert_eq!(skipped(&yaml, MANIFESTS).as_deref(), reason, "{yaml}");
        assert!(reason.is_some());
    }
    assert_eq!(skipped(&plain, MANIFESTS), None);
    assert_eq!(skipped(&top("group: matching"), MANIFESTS), None);
}

#[test]
fn policies_in_the_manifests_skip_all_cases() {
    let cases = [
        ("kind: SecurityPolicy\nspec: {jwt: {}}", Feature::Jwt),
        (
            "kind: SecurityPolicy\nspec: {basicAuth: {}}",
            Feature::EnvoyGatewayPolicy,
        ),
        (
            "kind: BackendTrafficPolicy\nspec: {rateLimit: {local: {}}}",
            Feature::LocalRateLimit,
        ),
        (
            "kind: BackendTrafficPolicy\nspec: {rateLimit: {global: {}}}",
            Feature::GlobalRateLimit,
        ),
        (
            "kind: EnvoyExtensionPolicy\nspec: {wasm: [{name: rate-limit}]}",
            Feature::LocalRateLimit,
        ),
        (
            "kind: BackendTrafficPolicy\nspec: {loadBalancer: {consistentHash: {}}}",
            Feature::ConsistentHash,
        ),
        (
            "kind: ClientTrafficPolicy\nspec: {}",
            Feature::EnvoyGatewayPolicy,
        ),
        (
            "kind: HTTPRoute\nspec: {rules: [{sessionPersistence: {}}]}",
            Feature::Canary,
        ),
        (
            "kind: EnvoyExtensionPolicy\nspec: {wasm: [{name: canary}]}",
            Feature::Canary,
        ),
        (
            "kind: EnvoyExtensionPolicy\nspec: {wasm: [{name: gateway, config: {limits: {}}}]}",
            Feature::LocalRateLimit,
        ),
        (
            "kind: EnvoyExtensionPolicy\nspec: {wasm: [{name: gateway, config: {canaries: {}}}]}",
            Feature::Canary,
        ),
    ];
    for (manifests, feature) in cases {
        let expected = feature.lacking_on(HostKind::Core);
        assert_eq!(
            skipped(&one_case(""), manifests).as_deref(),
            expected,
            "{manifests}"
        );
    }
    let routes = "kind: HTTPRoute\nspec: {rules: [{backendRefs: []}]}";
    assert_eq!(skipped(&one_case(""), routes), None);
}

#[test]
fn a_skip_may_hold_for_one_host_only() {
    let stated = loaded(&one_case("  skip: {envoy: takes an hour}\n"));
    let on = |scenario: &Scenario, host| reason(scenario, &scenario.cases[0], host);
    assert_eq!(
        on(&stated, HostKind::Envoy).as_deref(),
        Some("takes an hour")
    );
    assert_eq!(on(&stated, HostKind::Wasmtime), None);
}

#[test]
fn limits_canaries_and_forwarded_addresses_are_replayed_where_modules_run() {
    for feature in [
        Feature::LocalRateLimit,
        Feature::GlobalRateLimit,
        Feature::ClientAddressDetection,
        Feature::Canary,
    ] {
        assert_eq!(feature.lacking_on(HostKind::Wasmtime), None);
        assert_eq!(feature.lacking_on(HostKind::Envoy), None);
    }
    assert_eq!(Feature::VirtualTime.lacking_on(HostKind::Wasmtime), None);
    assert!(Feature::VirtualTime.lacking_on(HostKind::Envoy).is_some());
}

#[test]
fn what_envoy_does_natively_runs_there_only() {
    for feature in [
        Feature::Tls,
        Feature::WebSocket,
        Feature::Mirror,
        Feature::TimeoutRetry,
        Feature::BackendProtocol,
    ] {
        assert_eq!(feature.lacking_on(HostKind::Envoy), None, "{feature:?}");
        for host in [HostKind::Core, HostKind::Wasmtime] {
            let reason = feature.lacking_on(host).unwrap();
            assert!(reason.contains("Envoy"), "{reason}");
        }
    }
}

#[test]
fn consistent_hashing_is_replayed_where_it_chooses_between_services() {
    let policy = |target: &str| {
        format!(
            "kind: BackendTrafficPolicy\nmetadata: {{namespace: n, name: hash}}\nspec:\n  \
             targetRefs: [{target}]\n  loadBalancer: {{consistentHash: {{}}}}\n"
        )
    };
    let route = |name: &str, refs: &str| {
        format!(
            "---\nkind: HTTPRoute\nmetadata: {{namespace: n, name: {name}}}\nspec: {{rules: [{{backendRefs: [{refs}]}}]}}\n"
        )
    };
    let (one, two) = (
        route("one", "{name: a}"),
        route("two", "{name: a}, {name: b}"),
    );
    let both = one + &two;
    let lacking = |target: &str| skipped(&one_case(""), &(policy(target) + &both));
    let (canary, hash) = (Feature::Canary, Feature::ConsistentHash);
    for (target, feature) in [
        ("{kind: HTTPRoute, name: one}", hash),
        ("{kind: HTTPRoute, name: two}", canary),
        (
            "{kind: HTTPRoute, name: one}, {kind: HTTPRoute, name: two}",
            hash,
        ),
        ("{kind: Gateway, name: g}", hash),
        ("{kind: HTTPRoute, name: none}", hash),
    ] {
        let reason = feature.lacking_on(HostKind::Core);
        assert_eq!(lacking(target).as_deref(), reason, "{target}");
    }
    assert!(hash.lacking_on(HostKind::Envoy).is_some());
}

#[test]
fn of_a_client_traffic_policy_three_fields_are_replayed() {
    let policy = |spec: &str| {
        let spec = format!(
            "kind: ClientTrafficPolicy\nspec: {{targetRefs: [{{kind: Gateway, name: g}}], {spec}}}"
        );
        skipped(&one_case(""), &spec)
    };
    for spec in [
        "headers: {disableRateLimitHeaders: true, enableEnvoyHeaders: true}",
        "clientIPDetection: {xForwardedFor: {numTrustedHops: 2}}",
    ] {
        assert_eq!(policy(spec), None, "{spec}");
    }
    for spec in [
        "headers: {disableRateLimitHeaders: true}, timeout: {}",
        "headers: {withUnderscoresAction: Allow}",
        "clientIPDetection: {customHeader: {name: x}}",
    ] {
        assert!(policy(spec).is_some(), "{spec}");
    }
}
