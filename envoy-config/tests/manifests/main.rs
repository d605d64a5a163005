//! From manifests to bundle and report, one small manifest per rule.

mod attachment;
mod backends;
mod listeners;
mod loading;
mod rules;

use gateway_bundle::{Bundle, GatewayBundle, Manifests, bundle};

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

/// The bundle of `m.yaml`, which consists of these texts.
#[track_caller]
fn bundled(texts: &[&str]) -> Bundle {
    match Manifests::parse("m.yaml", &texts.concat()) {
        Ok(manifests) => bundle(&manifests),
        Err(errors) => panic!(
            "{:#?}",
            errors
                .problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        ),
    }
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
    let name = |metadata: &gateway_filter_sdk::route::spec::Metadata| {
        format!("{}/{}", metadata.namespace, metadata.name)
    };
    routes
        .map(|route| (name(&route.metadata), route.listeners.clone().unwrap()))
        .collect()
}

/// An HTTPRoute, its spec in flow style.
fn http_route(name: &str, spec: &str) -> String {
    route("HTTPRoute", name, spec)
}

/// A route of that kind in namespace `infra`, at ten lines from the next one.
fn route(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\n\
         metadata: {{name: {name}, namespace: infra}}\nspec: {spec}\n---\n"
    )
}
