//! Ingress objects to HTTPRoutes and canaries, and these to the decisions of the bundle.

mod rules;

use super::OPEN;
use gateway_bundle::{GatewayBundle, Manifests, Migration, bundle, migrate};
use serde_json::{Value, json};

/// The Services that the routes need.
const SERVICES: &str = "\
apiVersion: v1
kind: Service
metadata: {name: v1, namespace: shop}
spec: {ports: [{port: 80, name: web}, {port: 81, name: admin}]}
---
apiVersion: v1
kind: Service
metadata: {name: v2, namespace: shop}
spec: {ports: [{port: 80, name: web}]}
---
";

/// An Ingress in namespace `shop`: four lines and a separator, the annotations on the third.
fn ingress(name: &str, annotations: &str, spec: &str) -> String {
    let annotations = annotations
        .split_terminator("; ")
        .map(|one| format!("nginx.ingress.kubernetes.io/{one}"))
        .collect::<Vec<_>>()
        .join(", ");
    format!(
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\n\
         metadata: {{name: {name}, namespace: shop, annotations: {{{annotations}}}}}\nspec: {spec}\n---\n"
    )
}

/// The spec of an Ingress with one path.
fn one_path(service: &str) -> String {
    format!(
        "{{rules: [{{host: shop.example, http: {{paths: [{}]}}}}]}}",
        path("/", service)
    )
}

fn path(path: &str, service: &str) -> String {
    format!(
        "{{path: {path}, pathType: Prefix, backend: {{service: {{name: {service}, port: {{number: 80}}}}}}}}"
    )
}

fn migrated(texts: &[&str]) -> Migration {
    let manifests = Manifests::parse("in.yaml", &texts.concat()).unwrap();
    migrate(&manifests, &"infra/gw".parse().unwrap())
}

fn remarks(migration: &Migration) -> Vec<String> {
    let entries = migration.remarks.entries.iter();
    entries.map(ToString::to_string).collect()
}

/// What the written objects come to.
#[track_caller]
fn read_back(migration: &Migration) -> GatewayBundle {
    let text = format!("{OPEN}{SERVICES}{migration}");
    let manifests = Manifests::parse("out.yaml", &text).unwrap_or_else(|errors| {
        panic!(
            "{text}\n{:#?}",
            errors.problems.first().map(ToString::to_string)
        )
    });
    let bundle = bundle(&manifests);
    assert_eq!(bundle.report.entries, [], "{text}");
    bundle.gateways.into_iter().next().unwrap()
}

/// The canaries of a pair of Ingresses for one path, and what was remarked.
fn pair(annotations: &str) -> (Value, Vec<String>) {
    let migration = migrated(&[
        &ingress("main", "", &one_path("v1")),
        &ingress(
            "next",
            &format!("canary: 'true'; {annotations}"),
            &one_path("v2"),
        ),
    ]);
    let canary = read_back(&migration).canary.unwrap();
    let canaries = serde_json::to_value(canary.canaries).unwrap();
    (canaries, remarks(&migration))
}

#[test]
fn a_pair_is_an_http_route_and_a_policy() {
    let migration = migrated(&[
        &ingress("main", "", &one_path("v1")),
        &ingress(
            "next",
            "canary: 'true'; canary-weight: '10'; canary-by-header: x-canary; canary-by-cookie: canary",
            &one_path("v2"),
        ),
    ]);
    assert_eq!(migration.to_string(), include_str!("migration/pair.yaml"));
    assert_eq!(remarks(&migration), [""; 0]);
    let gateway = read_back(&migration);
    let canaries = serde_json::to_value(gateway.canary.unwrap().canaries).unwrap();
    let expected = json!([{
        "name": "next", "targets": [{"route": "httproute/shop/main", "rule": 0}],
        "header": "x-gateway-backend", "canary": "shop/v2:80",
        "backends": [{"name": "shop/v1:80", "weight": 90}, {"name": "shop/v2:80", "weight": 10}],
        "overrides": [{"key": {"header": "x-canary"}}, {"key": {"cookie": "canary"}}],
    }]);
    assert_eq!(canaries, expected);
}

#[test]
fn annotations_decide_as_in_ingress_nginx() {
    let header = "canary-by-header: x-c";
    for (annotations, weights, overrides) in [
        ("", (100, 0), json!(null)),
        ("canary-weight: '30'", (70, 30), json!(null)),
        ("canary-weight: '130'", (0, 100), json!(null)),
        ("canary-weight: '-3'", (100, 0), json!(null)),
        (
            "canary-weight: '5'; canary-weight-total: '1000'",
            (995, 5),
            json!(null),
        ),
        // `weightTotal > 100` in balancer.lua.
        (
            "canary-weight: '5'; canary-weight-total: '10'",
            (95, 5),
            json!(null),
        ),
        (header, (100, 0), json!([{"key": {"header": "x-c"}}])),
        (
            "canary-by-header: x-c; canary-by-header-value: beta",
            (100, 0),
            json!([{"key": {"header": "x-c"}, "values": ["beta"]}]),
        ),
        (
            "canary-by-header: x-c; canary-by-header-pattern: 'a|^b$'",
            (100, 0),
            json!([{"key": {"header": "x-c"}, "pattern": "(?s:.*)(?:a|^b$)(?s:.*)"}]),
        ),
        (
            "canary-by-cookie: c",
            (100, 0),
            json!([{"key": {"cookie": "c"}}]),
        ),
    ] {
        let (canaries, remarks) = pair(annotations);
        let weight = |index: usize| canaries[0]["backends"][index]["weight"].as_u64().unwrap();
        assert_eq!((weight(0), weight(1)), weights, "{annotations}");
        assert_eq!(canaries[0]["overrides"], overrides, "{annotations}");
        assert_eq!(remarks, [""; 0], "{annotations}");
    }
}

#[test]
fn annotations_that_are_not_carried_over_are_named() {
    let start = "in.yaml:8: Ingress shop/next: ";
    for (annotations, expected) in [
        ("affinity: cookie", "affinity: not carried over"),
        ("rewrite-target: /", "rewrite-target: not carried over"),
        ("canary-weight: ten", "canary-weight: `ten` is not a number"),
        (
            "canary-weight: '1'; canary-weight-total: '2000000'",
            "canary-weight-total: taken as shares of 1000000, the most there are",
        ),
        (
            "canary-by-header: a b",
            "canary-by-header: `a b` is not a header name",
        ),
        (
            "canary-by-header-value: x",
            "canary-by-header-value: of no effect without canary-by-header",
        ),
        (
            "canary-by-header-pattern: x",
            "canary-by-header-pattern: of no effect without canary-by-header",
        ),
        (
            "canary-by-header: x; canary-by-header-value: x; canary-by-header-pattern: x",
            "canary-by-header-pattern: of no effect beside canary-by-header-value",
        ),
        (
            "canary-by-header: x; canary-by-header-pattern: '(?=x)'",
            "canary-by-header-pattern: `(?=x)`: look-around is not supported",
        ),
    ] {
        let (_, remarks) = pair(annotations);
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(
            remarks[0].starts_with(&format!("{start}{expected}")),
            "{}",
            remarks[0]
        );
    }
    let main = ingress("main", "canary-weight: '5'; canary: 'no'", &one_path("v1"));
    let message =
        "in.yaml:3: Ingress shop/main: canary-weight: of no effect without canary: \"true\"";
    assert_eq!(remarks(&migrated(&[&main])), [message]);
}

#[test]
fn a_canary_needs_one_main_ingress_of_its_own() {
    let main = ingress("main", "", &one_path("v1"));
    let canary = "canary: 'true'";
    let other_path = one_path("v2").replace("path: /", "path: /other");
    let elsewhere = main.replace("namespace: shop", "namespace: other");
    let next = ingress("next", canary, &one_path("v2"));
    let again = ingress("one-more", canary, &one_path("v2"));
    for (texts, expected) in [
        (
            [&*main, &ingress("next", canary, &other_path)],
            "in.yaml:9: Ingress shop/next: no Ingress has this host and path without being a canary",
        ),
        (
            [&*elsewhere, &next],
            "in.yaml:9: Ingress shop/next: no Ingress has this host and path without being a canary",
        ),
        (
            [&*main, &ingress("next", canary, &one_path("v1"))],
            "in.yaml:9: Ingress shop/next: the same Service and port as without the canary",
        ),
        (
            [&*format!("{main}{next}"), &again],
            "in.yaml:14: Ingress shop/one-more: this host and path has a canary already",
        ),
    ] {
        assert_eq!(remarks(&migrated(&texts)), [expected]);
    }
}

#[test]
fn a_path_that_shares_the_service_of_another_with_a_canary_is_named() {
    let both = one_path("v1").replace("paths: [", &format!("paths: [{}, ", path("/a", "v1")));
    let migration = migrated(&[
        &ingress("main", "", &both),
        &ingress("next", "canary: 'true'", &one_path("v2")),
    ]);
    let expected = "in.yaml:4: Ingress shop/main: without the canary that another path to this Service has; \
                    ingress-nginx has it for all of them";
    assert_eq!(remarks(&migration), [expected]);
    assert_eq!(read_back(&migration).canary.unwrap().canaries.len(), 1);
}

#[test]
fn a_list_as_kubectl_prints_it_is_its_items() {
    let list = "apiVersion: v1\nkind: List\nmetadata: {resourceVersion: ''}\nitems:\n\
                - {apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: main, namespace: shop},\n   \
                   spec: {rules: [{host: a.example, http: {paths: [{path: /, pathType: Prefix, backend: {resource: {kind: Bucket, name: b}}}]}}]}}\n\
                - {apiVersion: v1, kind: Service, metadata: {name: v1}}\n";
    let migration = migrated(&[list]);
    assert_eq!(
        remarks(&migration),
        ["in.yaml:6: Ingress shop/main: not carried over: a backend of kind Bucket"]
    );
    let error = Manifests::parse("in.yaml", &list.replace("kind: Service, ", "")).unwrap_err();
    assert_eq!(
        error.problems[0].to_string(),
        "in.yaml:7:3: kind is missing"
    );
}
