//! The route for the rate limit service, which gives it a cluster.

use super::dispatch::Plan;
use super::entry::by_namespace;
use super::naming::{entry_file, gateway_api, prefix};
use super::object::WrittenObject;
use super::options::ServiceName;
use super::reference::parents;
use crate::load::GATEWAY_API;
use crate::resolve::model::GatewayBundle;
use gateway_filter_sdk::router::BACKEND_HEADER;
use serde_json::json;

/// Namespace and name of the route for the rate limit service.
fn callout_name(gateway: &GatewayBundle, plan: &Plan) -> (String, String) {
    let namespaces = by_namespace(gateway, plan);
    let namespace = namespaces.keys().next().copied().unwrap_or_default();
    let name = format!("{}-rate-limit-service", prefix(gateway, namespace));
    (namespace.to_owned(), name)
}

/// The cluster that Envoy Gateway makes for that route.
pub(super) fn callout_cluster(gateway: &GatewayBundle, plan: &Plan) -> String {
    let (namespace, name) = callout_name(gateway, plan);
    format!("httproute/{namespace}/{name}/rule/0")
}

/// Envoy Gateway offers no way to declare a cluster for Wasm: a route that nobody can match has one.
pub(super) fn callout(
    gateway: &GatewayBundle,
    plan: &Plan,
    service: &ServiceName,
) -> Vec<WrittenObject> {
    let ServiceName {
        namespace,
        name,
        port,
    } = service;
    let id = format!("{namespace}/{name}:{port}");
    let (own, route_name) = callout_name(gateway, plan);
    let listeners = plan.listeners().get(&own).into_iter().flatten();
    let parents = parents(listeners.take(1));
    let route = WrittenObject::new(
        entry_file(gateway),
        "Gives the rate limit service a cluster, which the rate-limit filter calls. The header that it\n\
         matches is taken off every request. The Service's port has `appProtocol: kubernetes.io/h2c`.",
        (gateway_api("v1"), "HTTPRoute"),
        (&own, &route_name),
        json!({
            "parentRefs": parents,
            "rules": [{
                "matches": [{"headers": [{"name": BACKEND_HEADER, "value": id}]}],
                "backendRefs": [{"name": name, "namespace": namespace, "port": port}],
            }],
        }),
    );
    let mut objects = vec![route];
    if *namespace != own {
        objects.insert(0, grant(gateway, &own, &route_name, service));
    }
    objects
}

fn grant(gateway: &GatewayBundle, from: &str, name: &str, service: &ServiceName) -> WrittenObject {
    WrittenObject::new(
        entry_file(gateway),
        "Lets that route use the rate limit service.",
        (gateway_api("v1beta1"), "ReferenceGrant"),
        (&service.namespace, name),
        json!({
            "from": [{"group": GATEWAY_API, "kind": "HTTPRoute", "namespace": from}],
            "to": [{"group": "", "kind": "Service", "name": service.name}],
        }),
    )
}
