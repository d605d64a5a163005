//! Which hosts, paths and Services become which rules of which routes.

use super::*;

#[test]
fn paths_keep_their_kind_and_ports_their_number() {
    let paths = "{path: /a, pathType: Exact, backend: {service: {name: v1, port: {name: web}}}}, \
                 {pathType: ImplementationSpecific, backend: {service: {name: v1, port: {name: admin}}}}";
    let spec = format!("{{rules: [{{http: {{paths: [{paths}]}}}}]}}");
    let migration = migrated(&[SERVICES, &ingress("main", "", &spec)]);
    assert_eq!(remarks(&migration), [""; 0]);
    let gateway = read_back(&migration);
    assert_eq!(gateway.canary, None);
    let route = serde_json::to_value(&gateway.route_match.routes[0].spec).unwrap();
    let backend = |port| json!([{"name": "v1", "namespace": "shop", "port": port}]);
    let expected = json!({"rules": [
        {"matches": [{"path": {"type": "Exact", "value": "/a"}}], "backendRefs": backend(80)},
        {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": backend(81)},
    ]});
    assert_eq!(route, expected);
}

#[test]
fn what_an_ingress_has_beside_its_rules_is_named() {
    let backend = "{service: {name: v1, port: {number: 80}}}";
    for (spec, expected) in [
        (
            format!("{{defaultBackend: {backend}}}"),
            "not carried over: a Gateway has no default backend",
        ),
        (
            "{tls: [{hosts: [a.example, b.example], secretName: cert}]}".to_owned(),
            "TLS is the business of the Gateway's listeners: Secret cert for a.example, b.example",
        ),
        (
            one_path("v1").replace(
                "{service: {name: v1, port: {number: 80}}}",
                "{resource: {kind: Bucket, name: b}}",
            ),
            "not carried over: a backend of kind Bucket",
        ),
        (
            one_path("v1").replace("number: 80", "name: web"),
            "not carried over: Service shop/v1 with a port `web` is not among the manifests",
        ),
        (
            one_path("v1")
                .replace("path: /", "path: '/(.*)'")
                .replace("Prefix", "ImplementationSpecific"),
            "not carried over: `/(.*)`: a regular expression",
        ),
        (
            one_path("v1")
                .replace("path: /", "path: /a")
                .replace("Prefix", "ImplementationSpecific"),
            "/a as a prefix in whole segments; ingress-nginx compares characters",
        ),
    ] {
        let found = remarks(&migrated(&[&ingress("main", "", &spec)]));
        assert_eq!(found, [format!("in.yaml:4: Ingress shop/main: {expected}")]);
    }
}

#[test]
fn hosts_with_the_same_rules_share_a_route_and_others_have_their_own() {
    let rule = |host: &str, paths: &str| format!("{{host: {host}, http: {{paths: [{paths}]}}}}");
    let main = [
        rule("a.example", &path("/", "v1")),
        rule("b.example", &path("/", "v1")),
        rule("c.example", &path("/", "v1")),
        rule("c.example", &path("/c", "v1")),
    ];
    let canary = rule("b.example", &path("/", "v2"));
    let migration = migrated(&[
        &ingress("main", "", &format!("{{rules: [{}]}}", main.join(", "))),
        &ingress("next", "canary: 'true'", &format!("{{rules: [{canary}]}}")),
    ]);
    let gateway = read_back(&migration);
    let routes: Vec<_> = gateway
        .route_match
        .routes
        .iter()
        .map(|route| {
            (
                &*route.metadata.name,
                route.spec.hostnames.join(" "),
                route.spec.rules.len(),
            )
        })
        .collect();
    let expected = [
        ("main", "a.example".to_owned(), 1),
        ("main-2", "b.example".to_owned(), 1),
        ("main-3", "c.example".to_owned(), 2),
    ];
    assert_eq!(routes, expected);
    let targets = &gateway.canary.unwrap().canaries[0].targets;
    let expected = json!([{"route": "httproute/shop/main-2", "rule": 0}]);
    assert_eq!(serde_json::to_value(targets).unwrap(), expected);
}

#[test]
fn a_canary_of_several_services_has_settings_for_each() {
    let rule = |v: [&str; 2]| {
        let paths = [path("/", v[0]), path("/v2", v[1])].join(", ");
        format!("{{rules: [{{host: shop.example, http: {{paths: [{paths}]}}}}]}}")
    };
    let admin = rule(["v2", "v1"]).replace(
        "name: v1, port: {number: 80}",
        "name: v1, port: {number: 81}",
    );
    let migration = migrated(&[
        &ingress("main", "", &rule(["v1", "v1"])),
        &ingress("next", "canary: 'true'; canary-weight: '20'", &admin),
    ]);
    let canaries = serde_json::to_value(read_back(&migration).canary.unwrap().canaries).unwrap();
    let found: Vec<_> = canaries
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["name"].clone(),
                one["canary"].clone(),
                one["targets"][0]["rule"].clone(),
            )
        })
        .collect();
    let expected = [
        (json!("next-v1-81"), json!("shop/v1:81"), json!(1)),
        (json!("next-v2"), json!("shop/v2:80"), json!(0)),
    ];
    assert_eq!(found, expected);
}

#[test]
fn more_rules_than_a_route_may_have_are_in_several() {
    let paths: Vec<String> = (0..20)
        .map(|index| path(&format!("/p{index}"), "v1"))
        .collect();
    let spec = format!(
        "{{rules: [{{host: a.example, http: {{paths: [{}]}}}}]}}",
        paths.join(", ")
    );
    let gateway = read_back(&migrated(&[&ingress("main", "", &spec)]));
    let rules = gateway
        .route_match
        .routes
        .iter()
        .map(|route| route.spec.rules.len());
    assert_eq!(rules.collect::<Vec<_>>(), [16, 4]);
}

#[test]
fn an_ingress_is_checked_as_an_api_server_does_and_told_of_in_the_bundle() {
    let text = ingress("main", "", "{rulez: []}");
    let errors = Manifests::parse("in.yaml", &text).unwrap_err();
    let message = errors.problems[0].to_string();
    assert!(message.contains("spec.rulez: unknown field"), "{message}");
    let manifests = Manifests::parse("in.yaml", &ingress("main", "", &one_path("v1"))).unwrap();
    assert_eq!(
        bundle(&manifests).report.to_string(),
        "in.yaml:1: Ingress shop/main: not served here: `gwf migrate` writes HTTPRoutes for it\n"
    );
    assert!("gw".parse::<gateway_bundle::GatewayName>().is_err());
}
