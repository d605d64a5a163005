//! Requests on a connection for another HTTPS listener's server name.
//!
//! "If both TLS and HTTP hostnames are set, … the Gateway SHOULD return a 421" where a client that may
//! reuse connections (HTTP/2, with a certificate for several names) sends the request of one listener on a
//! connection that another has accepted. Routes cannot say so, as none may have a hostname that its
//! listener has not; an EnvoyPatchPolicy can. Where Envoy Gateway has it switched off, the answer is 404.

use super::naming::{envoy_gateway, folder};
use super::object::WrittenObject;
use super::reference::target_ref;
use crate::resolve::model::{GatewayBundle, ListenerInfo};
use serde_json::{Value, json};

/// "HTTP 421 Misdirected Request" (RFC 9110, 15.5.20).
const MISDIRECTED: u16 = 421;

/// The policy, if listeners share a port and have routes: only of those there is something to patch.
pub(super) fn objects(gateway: &GatewayBundle) -> Option<WrittenObject> {
    let mut secure = gateway.listeners.iter().filter(|one| one.tls);
    let patches: Vec<Value> = secure
        .clone()
        .filter(|listener| has_routes(gateway, listener))
        .filter_map(|listener| {
            let others = secure
                .clone()
                .filter(|other| other.port == listener.port && other.name != listener.name);
            let hosts = others.map(|other| other.hostname.as_deref().unwrap_or("*"));
            patch(listener, hosts.collect())
        })
        .collect();
    secure.next().filter(|_| !patches.is_empty())?;
    Some(WrittenObject::new(
        format!("{}/entry.yaml", folder(gateway)),
        "421 for the host of another HTTPS listener. Needs extensionApis.enableEnvoyPatchPolicy in Envoy\n\
         Gateway's configuration; without it such requests get 404.",
        (envoy_gateway(), "EnvoyPatchPolicy"),
        (&gateway.namespace, &format!("{}-misdirected", gateway.name)),
        json!({
            "targetRef": target_ref("Gateway", &gateway.name, None),
            "type": "JSONPatch",
            "jsonPatches": patches,
        }),
    ))
}

fn has_routes(gateway: &GatewayBundle, listener: &ListenerInfo) -> bool {
    let mut rules = gateway.rules.iter();
    rules.any(|rule| rule.listeners.contains(&listener.name))
}

/// A virtual host for the hosts of the others beside the listener's own.
fn patch(listener: &ListenerInfo, mut hosts: Vec<&str>) -> Option<Value> {
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.is_empty() {
        return None;
    }
    Some(json!({
        "type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": listener.name,
        "operation": {
            "op": "add",
            "path": "/virtual_hosts/-",
            "value": {
                "name": format!("{}/misdirected", listener.name),
                "domains": hosts,
                "routes": [{
                    "name": "misdirected",
                    "match": {"prefix": "/"},
                    "direct_response": {"status": MISDIRECTED},
                }],
            },
        },
    }))
}
