//! From manifests to bundle and report, one small manifest per rule.
#![cfg(test)]

mod attachment;
mod backends;
mod canary;
mod examples;
mod kustomization;
mod limits;
mod listeners;
mod loading;
mod migration;
mod rules;

use gateway_bundle::{Bundle, GatewayBundle, Manifests, bundle};
use gateway_filter_sdk::route::spec::{Metadata, RouteMatchSpec};

/// A Gateway in namespace `infra` with one open HTTP listener, and a Service `infra/web:8080`.
const OPEN: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: any
  listeners:
  - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: infra}
spec: {ports: [{port: 8080}]}
---
";

/// The bundle of `m.yaml`, which consists of these texts. What it holds for the filter is also what
/// the filter reads.
#[track_caller]
fn bundled(texts: &[&str]) -> Bundle {
    let manifests = Manifests::parse("m.yaml", &texts.concat()).unwrap_or_else(|errors| {
        let lines: Vec<String> = errors.problems.iter().map(ToString::to_string).collect();
        panic!("{lines:#?}")
    });
    let bundle = bundle(&manifests);
    for gateway in &bundle.gateways {
        let json = serde_json::to_string(&gateway.route_match).unwrap();
        assert_eq!(
            serde_json::from_str::<RouteMatchSpec>(&json).unwrap(),
            gateway.route_match
        );
    }
    bundle
}

/// The lines of the report.
fn lines(bundle: &Bundle) -> Vec<String> {
    bundle
        .report
        .entries
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// `namespace/name` of each route of a Gateway and the listeners it is attached to.
fn attached(gateway: &GatewayBundle) -> Vec<(String, Vec<String>)> {
    let routes = gateway.route_match.routes.iter();
    let name = |metadata: &Metadata| format!("{}/{}", metadata.namespace, metadata.name);
    routes
        .map(|route| (name(&route.metadata), route.listeners.clone().unwrap()))
        .collect()
}

/// An HTTPRoute, its spec in flow style.
fn http_route(name: &str, spec: &str) -> String {
    route("HTTPRoute", name, spec)
}

/// A route of that kind in namespace `infra`: five lines, the spec on the fourth.
fn route(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n\
         metadata: {{name: {name}, namespace: infra}}\nspec: {spec}\n---\n"
    )
}
