//! The entry, which every request matches first, and the route for the rate limit service.

use super::dispatch::{Plan, backend_ref, parents};
use super::extension;
use super::object::WrittenObject;
use super::{ServiceName, UNDECIDED, Writer, envoy_gateway, folder, gateway_api, prefix};
use crate::resolve::model::{Backend, GatewayBundle};
use gateway_filter_sdk::router::BACKEND_HEADER;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// "parentRefs: MaxItems=32" of HTTPRoute.
const MOST_PARENTS: usize = 32;

/// One HTTPRoute for each namespace that listeners need one of: a listener takes routes of some
/// namespaces only, and is known to take those of a route that is attached.
pub(super) fn objects(writer: &Writer, gateway: &GatewayBundle, plan: &Plan) -> Vec<WrittenObject> {
    let mut objects = Vec::new();
    let undecided_passes = extension::fails_open(writer, extension::ROUTE_MATCH);
    for (namespace, listeners) in by_namespace(gateway, plan) {
        let undecided = format!("{}-undecided", prefix(gateway, namespace));
        objects.push(WrittenObject::new(
            file(gateway),
            "What a client gets when the filter that should have decided is not there.",
            (envoy_gateway(), "HTTPRouteFilter"),
            (namespace, &undecided),
            json!({"directResponse": {"statusCode": UNDECIDED}}),
        ));
        let filter = json!({"type": "ExtensionRef", "extensionRef":
            {"group": super::ENVOY_GATEWAY, "kind": "HTTPRouteFilter", "name": undecided}});
        let mut rules = vec![json!({"filters": [filter]})];
        // Without route-match, nothing would keep its requests from the backend.
        let backend = plan.first_backend(namespace);
        let backend = backend.filter(|_| !undecided_passes);
        rules.extend(backend.map(websocket));
        for (number, parents) in parents(listeners.into_iter())
            .chunks(MOST_PARENTS)
            .enumerate()
        {
            let name = match number {
                0 => format!("{}-entry", prefix(gateway, namespace)),
                _ => format!("{}-entry-{}", prefix(gateway, namespace), number + 1),
            };
            objects.push(WrittenObject::new(
                file(gateway),
                "Entry: what every request matches first. The filters run for it and decide.",
                (gateway_api("v1"), "HTTPRoute"),
                (namespace, &name),
                plan.route_spec(namespace, parents, rules.clone().into()),
            ));
        }
    }
    objects
}

/// Envoy refuses a WebSocket (403) whose first match answers by itself, before any filter runs: so this
/// one forwards. The filters lead its requests elsewhere, or answer them.
fn websocket(backend: &Backend) -> Value {
    let upgrade = json!({"name": "upgrade", "type": "RegularExpression", "value": "(?i)websocket"});
    json!({"matches": [{"headers": [upgrade]}], "backendRefs": [backend_ref(backend)]})
}

/// Each listener once, under the Gateway's own namespace if routes of it are attached there. Where the
/// routes of namespaces have hostnames of their own, each has an entry for these.
fn by_namespace<'p>(
    gateway: &GatewayBundle,
    plan: &'p Plan,
) -> BTreeMap<&'p str, BTreeSet<&'p String>> {
    let mut namespaces: Vec<_> = plan.listeners().iter().collect();
    namespaces.sort_by_key(|(namespace, _)| **namespace != gateway.namespace);
    let mut taken: BTreeSet<&String> = BTreeSet::new();
    let mut entries: BTreeMap<&str, BTreeSet<&String>> = BTreeMap::new();
    for (namespace, listeners) in namespaces {
        for listener in listeners {
            if plan.is_partial() || taken.insert(listener) {
                entries.entry(namespace).or_default().insert(listener);
            }
        }
    }
    entries
}

fn file(gateway: &GatewayBundle) -> String {
    format!("{}/entry.yaml", folder(gateway))
}

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
        file(gateway),
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
        file(gateway),
        "Lets that route use the rate limit service.",
        (gateway_api("v1beta1"), "ReferenceGrant"),
        (&service.namespace, name),
        json!({
            "from": [{"group": super::GATEWAY_API, "kind": "HTTPRoute", "namespace": from}],
            "to": [{"group": "", "kind": "Service", "name": service.name}],
        }),
    )
}
