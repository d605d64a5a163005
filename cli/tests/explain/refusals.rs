//! What cannot be explained.

use std::fs;

use super::{explain, text};

const MANIFESTS: &str = "tests/scenarios/priority/manifests.yaml";

fn refused(args: &[&str]) -> String {
    let output = explain(args);
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    let out = text(&output.stdout);
    assert!(
        out.is_empty() || out.starts_with("{\n  \"errors\""),
        "{args:?}: {out}"
    );
    text(&output.stderr)
}

#[test]
fn wrong_usage_gives_2() {
    let url = "http://app.example.com/";
    for (args, problem) in [
        (vec![MANIFESTS], "--request"),
        (vec!["--request", url], "MANIFESTS"),
        (vec![MANIFESTS, "--request", "app.example.com"], "http://"),
        (
            vec![MANIFESTS, "--request", url, "-H", "x"],
            "'name: value'",
        ),
        (
            vec![MANIFESTS, "--request", url, "-X", "G T"],
            "not a method",
        ),
        (vec![MANIFESTS, "--request", url, "--at", "noon"], "--at"),
        (
            vec![MANIFESTS, "--request", url, "--requests", "0"],
            "--requests",
        ),
        (
            vec![MANIFESTS, "--request", url, "--at", "1969-01-01T00:00:00Z"],
            "before 1970",
        ),
        (
            vec![MANIFESTS, "--request", url, "--gateway", "default/other"],
            "they have default/example",
        ),
        (vec!["none.yaml", "--request", url], "none.yaml"),
    ] {
        let told = refused(&args);
        assert!(told.contains(problem), "{problem} is not in {told}");
    }
}

#[test]
fn a_mistake_in_a_manifest_has_file_and_line() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = dir.path().join("routes.yaml");
    let text = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n\
                metadata: {name: a}\nspec:\n  rule: []\n";
    fs::write(&manifest, text).unwrap();
    let folder = dir.path().to_str().unwrap();
    let told = refused(&[folder, "--request", "http://a.com/"]);
    assert!(told.contains("routes.yaml:5"), "{told}");

    fs::write(
        &manifest,
        text.replace("  rule: []", "  hostnames: [a.com]"),
    )
    .unwrap();
    let told = refused(&[folder, "--request", "http://a.com/"]);
    assert!(told.contains("no Gateway"), "{told}");
}

#[test]
fn help_has_examples() {
    let output = explain(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    let help = text(&output.stdout);
    assert!(
        help.contains("gwf explain -f shop.yaml --request 'GET https://"),
        "{help}"
    );
}

#[test]
fn the_gateway_that_is_named_serves_ingress_objects() {
    let gateway = |name: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  gatewayClassName: eg
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
"
        )
    };
    let ingress = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
";
    let dir = tempfile::tempdir().unwrap();
    let text_of_all = [gateway("a"), gateway("b"), ingress.to_owned()].concat();
    fs::write(dir.path().join("all.yaml"), text_of_all).unwrap();
    let asked = [
        dir.path().to_str().unwrap(),
        "--request",
        "http://a.com/",
        "-o",
        "json",
    ];
    let told = refused(&asked);
    assert!(told.contains("--gateway NAMESPACE/NAME"), "{told}");

    for name in ["default/a", "default/b"] {
        let output = explain(&[&asked[..], &["--gateway", name]].concat());
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let only = &told["explanations"][0];
        assert_eq!(only["gateway"], name);
        assert_eq!(only["answers"][0]["backend"], "default/web:80", "{told}");
    }
}
