//! `gwf migrate`.

use super::replay::{case, scenario};
use super::*;

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

const PUBLIC: &str = "
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
    let written = gwf(
        Path::new("."),
        &[
            "migrate",
            ingress.to_str().unwrap(),
            "--gateway",
            "shop/public",
        ],
    );
    assert_eq!(written.status.code(), Some(0));
    let told = text(&written.stderr);
    assert!(told.contains("ingress.yaml:17:"), "{told}");
    assert!(told.contains("rewrite-target: not carried over"), "{told}");

    let (services, _) = INGRESS.split_once("---\napiVersion: networking").unwrap();
    let manifests = [services, PUBLIC, &text(&written.stdout)].concat();
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
    let replayed = gwf(Path::new("."), &["replay", dir.path().to_str().unwrap()]);
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
    let output = gwf(Path::new("."), &["migrate", manifests.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the manifests have no Ingress"));
    assert_eq!(
        gwf(
            Path::new("."),
            &["migrate", "x.yaml", "--gateway", "public"]
        )
        .status
        .code(),
        Some(2)
    );
}
