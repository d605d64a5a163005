//! The entry, which every request matches first.

use super::dispatch::Plan;
use super::module::fails_open;
use super::naming::{entry_file, envoy_gateway, gateway_api, prefix};
use super::object::WrittenObject;
use super::reference::{backend_ref, parents};
use super::writer::KustomizationWriter;
use crate::load::ENVOY_GATEWAY;
use crate::resolve::model::{Backend, GatewayBundle};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// "parentRefs: MaxItems=32" of HTTPRoute.
const MOST_PARENTS: usize = 32;

/// What a client gets when the filter that should have decided is not there.
pub const UNDECIDED: u16 = 503;

/// One HTTPRoute for each namespace that listeners need one of: a listener takes routes of some
/// namespaces only, and is known to take those of a route that is attached.
pub(super) fn objects(
    writer: &KustomizationWriter,
    gateway: &GatewayBundle,
    plan: &Plan,
) -> Vec<WrittenObject> {
    let mut objects = Vec::new();
    let undecided_passes = fails_open(writer);
    for (namespace, listeners) in by_namespace(gateway, plan) {
        let undecided = format!("{}-undecided", prefix(gateway, namespace));
        objects.push(WrittenObject::new(
            entry_file(gateway),
            "What a client gets when the filter that should have decided is not there.",
            (envoy_gateway(), "HTTPRouteFilter"),
            (namespace, &undecided),
            json!({"directResponse": {"statusCode": UNDECIDED}}),
        ));
        let filter = json!({"type": "ExtensionRef", "extensionRef":
            {"group": ENVOY_GATEWAY, "kind": "HTTPRouteFilter", "name": undecided}});
        let mut rules = vec![json!({"filters": [filter]})];
        // Without the filter, nothing would keep its requests from the backend.
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
                entry_file(gateway),
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
pub(super) fn by_namespace<'p>(
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
