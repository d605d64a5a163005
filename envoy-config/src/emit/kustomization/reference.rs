//! References from one object to another.

use super::object::members;
use crate::load::GATEWAY_API;
use crate::resolve::model::Backend;
use serde_json::{Value, json};

pub(super) fn backend_ref(backend: &Backend) -> Value {
    let Backend {
        namespace,
        service,
        port,
        ..
    } = backend;
    json!({"name": service, "namespace": namespace, "port": port})
}

/// References to listeners, by their names as of Envoy Gateway's virtual hosts.
pub(super) fn parents<'n>(listeners: impl Iterator<Item = &'n String>) -> Vec<Value> {
    let parent = |name: &String| {
        let parts: Vec<&str> = name.split('/').collect();
        let (kind, namespace, name, section) = match parts.as_slice() {
            [namespace, gateway, listener] => ("Gateway", namespace, gateway, listener),
            [_, _, namespace, set, listener] => ("ListenerSet", namespace, set, listener),
            _ => return None,
        };
        Some(json!({
            "group": GATEWAY_API, "kind": kind, "namespace": namespace, "name": name,
            "sectionName": section,
        }))
    };
    listeners.filter_map(parent).collect()
}

pub(super) fn target_ref(kind: &str, name: &str, section: Option<&str>) -> Value {
    let target = members([
        ("group", Some(GATEWAY_API.into())),
        ("kind", Some(kind.into())),
        ("name", Some(name.into())),
        ("sectionName", section.map(Value::from)),
    ]);
    target.into()
}
