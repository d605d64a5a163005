//! The command as a user meets it: exit status, diagnostics, help.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn gwf(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gwf"))
        .args(args)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn replay(dir: &Path, more: &[&str]) -> Output {
    let mut args = vec!["replay", dir.to_str().unwrap(), "--host", "core"];
    args.extend(more);
    gwf(&args)
}

/// A scenario without routes and with one case, which a running gateway answers with 404.
fn scenario(cases: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let manifests = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {namespace: n, name: g}\n\
                     spec:\n  gatewayClassName: c\n  listeners: [{name: http, port: 80, protocol: HTTP}]\n";
    fs::write(dir.path().join("manifests.yaml"), manifests).unwrap();
    fs::write(dir.path().join("cases.yaml"), cases).unwrap();
    dir
}

fn case(path: &str, status: u16) -> String {
    format!(
        "name: t\ngateway: {{namespace: n, name: g}}\ncases:\n- name: a\n  request: {{{path}: /}}\n  \
         response: {{statusCodes: [{status}]}}\n"
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_failed_case_gives_1_and_the_count_last() {
    let dir = scenario(&case("path", 299));
    let output = replay(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout);
    assert_eq!(out.lines().last(), Some("0 passed, 1 failed, 0 skipped"));
    assert!(
        !out.contains('\u{1b}'),
        "styles although it is no terminal: {out}"
    );
}

#[test]
fn only_skipped_cases_give_0() {
    let dir = scenario(&format!("group: mirror\n{}", case("path", 200)));
    let output = replay(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout).lines().last(),
        Some("0 passed, 0 failed, 1 skipped")
    );
}

#[test]
fn a_mistake_in_a_scenario_gives_2_and_its_line() {
    let dir = scenario(&case("pth", 200));
    let output = replay(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let err = text(&output.stderr);
    for part in ["cases.yaml:5:13", "`pth`", "request: {pth: /}"] {
        assert!(err.contains(part), "{part} is not in {err}");
    }
}

#[test]
fn wrong_usage_gives_2() {
    let dir = scenario(&case("path", 200));
    assert_eq!(gwf(&["replay"]).status.code(), Some(2));
    assert_eq!(
        replay(dir.path(), &["--host", "nginx"]).status.code(),
        Some(2)
    );
    assert_eq!(
        replay(dir.path(), &["--envoy-version", "newest"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        replay(dir.path(), &["--name", "nothing"]).status.code(),
        Some(2)
    );
    assert_eq!(gwf(&["replay", "/does/not/exist"]).status.code(), Some(2));
}

#[test]
fn programs_get_a_document() {
    let dir = scenario(&case("path", 299));
    let output = replay(dir.path(), &["-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["failed"], 1);
    let junit = replay(dir.path(), &["-o", "junit"]);
    assert!(text(&junit.stdout).starts_with("<?xml"));
}

#[test]
fn help_has_examples() {
    let help = text(&gwf(&["replay", "--help"]).stdout);
    assert!(help.contains("gwf replay tests/scenarios"), "{help}");
}

#[test]
fn a_cluster_needs_a_name_and_an_address() {
    let dir = scenario(&case("path", 404));
    for (cluster, problem) in [
        ("127.0.0.1:1", "expected NAME=ADDRESS"),
        ("ratelimit=localhost:1", "`localhost:1` is not IP:PORT"),
    ] {
        let output = replay(dir.path(), &["--cluster", cluster]);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains(problem), "{told}");
    }
    let several = "ratelimit=127.0.0.1:1,other=[::1]:2";
    let output = replay(dir.path(), &["--cluster", several]);
    assert_eq!(output.status.code(), Some(0));
}

/// An Ingress of ingress-nginx with a canary, and their Services.
const INGRESS: &str = r#"
apiVersion: v1
kind: Service
metadata: {name: checkout-v1, namespace: shop}
spec: {ports: [{port: 80}], selector: {app: checkout-v1}}
---
apiVersion: v1
kind: Service
metadata: {name: checkout-v2, namespace: shop}
spec: {ports: [{port: 80}], selector: {app: checkout-v2}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: checkout
  namespace: shop
  annotations: {nginx.ingress.kubernetes.io/rewrite-target: /}
spec:
  rules:
    - host: shop.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: checkout-v1, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: checkout-canary
  namespace: shop
  annotations:
    nginx.ingress.kubernetes.io/canary: "true"
    nginx.ingress.kubernetes.io/canary-by-header: x-canary
    nginx.ingress.kubernetes.io/canary-by-header-pattern: ^beta
    nginx.ingress.kubernetes.io/canary-by-cookie: canary
spec:
  rules:
    - host: shop.example.com
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: checkout-v2, port: {number: 80}}}}]}
"#;

const GATEWAY: &str = "
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  gatewayClassName: c
  listeners: [{name: http, port: 80, protocol: HTTP}]
";

/// A request with these headers and the Service that it comes to.
fn comes_to(headers: &str, backend: &str) -> String {
    format!(
        "- request: {{host: shop.example.com, path: /pay, headers: {{{headers}}}}}\n  \
         response: {{statusCodes: [200]}}\n  namespace: shop\n  backend: {backend}\n  repeat: 10\n"
    )
}

#[test]
fn what_migrate_writes_is_replayed_as_ingress_nginx_would_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let ingress = dir.path().join("ingress.yaml");
    fs::write(&ingress, INGRESS).unwrap();
    let written = gwf(&[
        "migrate",
        ingress.to_str().unwrap(),
        "--gateway",
        "shop/public",
    ]);
    assert_eq!(written.status.code(), Some(0));
    let told = text(&written.stderr);
    assert!(told.contains("ingress.yaml:17:"), "{told}");
    assert!(told.contains("rewrite-target: not carried over"), "{told}");

    let (services, _) = INGRESS.split_once("---\napiVersion: networking").unwrap();
    let manifests = [services, GATEWAY, &text(&written.stdout)].concat();
    fs::write(dir.path().join("manifests.yaml"), manifests).unwrap();
    let cases: String = [
        ("", "checkout-v1"),
        ("x-canary: beta-2", "checkout-v2"),
        ("x-canary: not-beta", "checkout-v1"),
        ("x-canary: always", "checkout-v1"),
        ("cookie: a=b; canary=always", "checkout-v2"),
        ("x-canary: beta, cookie: canary=never", "checkout-v2"),
    ]
    .map(|(headers, backend)| comes_to(headers, backend))
    .concat();
    let cases = format!("name: t\ngateway: {{namespace: shop, name: public}}\ncases:\n{cases}");
    fs::write(dir.path().join("cases.yaml"), cases).unwrap();
    let replayed = gwf(&["replay", dir.path().to_str().unwrap()]);
    let out = text(&replayed.stdout);
    assert_eq!(
        out.lines().last(),
        Some("6 passed, 0 failed, 0 skipped"),
        "{out}"
    );
}

#[test]
fn without_an_ingress_there_is_nothing_to_migrate() {
    let dir = scenario(&case("path", 404));
    let manifests = dir.path().join("manifests.yaml");
    let output = gwf(&["migrate", manifests.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the manifests have no Ingress"));
    assert_eq!(
        gwf(&["migrate", "x.yaml", "--gateway", "public"])
            .status
            .code(),
        Some(2)
    );
}
