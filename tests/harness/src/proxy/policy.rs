//! The policies of a bundle.

use super::{Modules, ProxyError};
use crate::xds::{Route, RouteAction, VirtualHost, WasmFilter};
use gateway_bundle::{Document, GatewayBundle, Manifests};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn of_kind<'a>(manifests: &'a Manifests, kind: &'a str) -> impl Iterator<Item = &'a Document> {
    let documents = manifests.documents();
    documents.filter(move |document| document.kind() == kind)
}

fn items<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v Value> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The filters of the EnvoyExtensionPolicy on the Gateway.
pub(super) fn filters(
    manifests: &Manifests,
    gateway: &GatewayBundle,
    modules: &Modules,
) -> Result<Vec<WasmFilter>, ProxyError> {
    let mut filters = Vec::new();
    for policy in of_kind(manifests, "EnvoyExtensionPolicy") {
        if policy.namespace() != gateway.namespace {
            continue;
        }
        for target in items(policy.value(), "/spec/targetRefs") {
            let whole =
                text(target, "/kind") == Some("Gateway") && target.get("sectionName").is_none();
            if !whole {
                return Err(ProxyError::Split(policy.object()));
            }
            if text(target, "/name") == Some(&gateway.name) {
                for entry in items(policy.value(), "/spec/wasm") {
                    filters.push(filter(entry, modules)?);
                }
            }
        }
    }
    Ok(filters)
}

fn filter(entry: &Value, modules: &Modules) -> Result<WasmFilter, ProxyError> {
    let name = text(entry, "/name").unwrap_or_default();
    let module = match name {
        "route-match" => &modules.route_match,
        "rate-limit" => &modules.rate_limit,
        "canary" => &modules.canary,
        other => return Err(ProxyError::UnknownFilter(other.to_owned())),
    };
    Ok(WasmFilter {
        name: name.into(),
        root_id: text(entry, "/rootID").unwrap_or_default().into(),
        module: module.clone(),
        configuration: entry.get("config").unwrap_or(&Value::Null).to_string(),
        fail_open: entry.get("failOpen") == Some(&Value::Bool(true)),
    })
}

/// HTTPRoutes by namespace and name whose backends are spoken to in the client's protocol.
pub(super) fn client_protocol_routes(manifests: &Manifests) -> BTreeSet<(String, String)> {
    let policies = of_kind(manifests, "BackendTrafficPolicy");
    let policies = policies
        .filter(|policy| policy.value().pointer("/spec/useClientProtocol") == Some(&true.into()));
    let routes = policies.flat_map(|policy| {
        let targets = items(policy.value(), "/spec/targetRefs");
        let routes = targets.filter(|target| text(target, "/kind") == Some("HTTPRoute"));
        let names = routes.filter_map(|target| text(target, "/name"));
        names.map(|name| (policy.namespace().to_owned(), name.to_owned()))
    });
    routes.collect()
}

/// By listener, the virtual host that an EnvoyPatchPolicy gives it.
pub(super) fn patched_hosts(
    manifests: &Manifests,
    gateway: &GatewayBundle,
) -> BTreeMap<String, VirtualHost> {
    let policies = of_kind(manifests, "EnvoyPatchPolicy");
    let policies = policies.filter(|policy| policy.namespace() == gateway.namespace);
    let patches = policies.flat_map(|policy| items(policy.value(), "/spec/jsonPatches"));
    let host = |patch: &Value| {
        let listener = text(patch, "/name")?;
        let host = patch.pointer("/operation/value")?;
        let status = host.pointer("/routes/0/direct_response/status")?.as_u64()?;
        let domains = items(host, "/domains").filter_map(Value::as_str);
        let host = VirtualHost {
            name: text(host, "/name")?.to_owned(),
            domains: domains.map(str::to_owned).collect(),
            routes: vec![Route {
                name: text(host, "/routes/0/name")?.to_owned(),
                prefix: "/".to_owned(),
                headers: Vec::new(),
                filters_enabled: false,
                action: RouteAction::DirectResponse(u16::try_from(status).ok()?),
            }],
        };
        Some((listener.to_owned(), host))
    };
    patches.filter_map(host).collect()
}
