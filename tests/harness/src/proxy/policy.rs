//! The policies of a bundle.

use super::route::duration;
use super::{Modules, ProxyError};
use crate::model::{Retry, Route, RouteAction, VirtualHost, WasmFilter};
use gateway_bundle::{Document, GatewayBundle, Manifests};
use serde_json::Value;
use std::collections::BTreeMap;

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
        "gateway" => &modules.gateway,
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

/// What a BackendTrafficPolicy has Envoy do for an HTTPRoute.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic {
    /// `useClientProtocol`: backends are spoken to in the client's protocol.
    pub(super) client_protocol: bool,
    /// `retry`, for rules that have none of their own.
    pub(super) retry: Option<Retry>,
}

/// The policies of whole HTTPRoutes, by namespace and name of these.
pub(super) fn traffic(manifests: &Manifests) -> BTreeMap<(String, String), Traffic> {
    let policies = of_kind(manifests, "BackendTrafficPolicy");
    let routes = policies.flat_map(|policy| {
        let spec = policy.value().get("spec").unwrap_or(&Value::Null);
        let traffic = Traffic {
            client_protocol: spec.get("useClientProtocol") == Some(&true.into()),
            retry: spec.get("retry").map(retry),
        };
        let targets = items(spec, "/targetRefs");
        let routes = targets.filter(|target| {
            text(target, "/kind") == Some("HTTPRoute") && target.get("sectionName").is_none()
        });
        let names = routes.filter_map(|target| text(target, "/name"));
        names.map(move |name| {
            let name = (policy.namespace().to_owned(), name.to_owned());
            (name, traffic.clone())
        })
    });
    routes.collect()
}

fn retry(stated: &Value) -> Retry {
    let number = |value: &Value| value.as_u64();
    let triggers = items(stated, "/retryOn/triggers").filter_map(Value::as_str);
    let codes = items(stated, "/retryOn/httpStatusCodes").filter_map(number);
    let duration = |pointer| text(stated, pointer).and_then(duration);
    Retry {
        attempts: stated
            .get("numRetries")
            .and_then(number)
            .and_then(|attempts| attempts.try_into().ok()),
        triggers: triggers.map(str::to_owned).collect(),
        codes: codes.filter_map(|code| code.try_into().ok()).collect(),
        backoff: duration("/perRetry/backOff/baseInterval"),
        per_try_timeout: duration("/perRetry/timeout"),
    }
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
