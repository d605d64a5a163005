//! ClientTrafficPolicies, which take off the headers that only the filters may set.

use super::naming::envoy_gateway;
use super::object::WrittenObject;
use super::reference::target_ref;
use crate::load::Document;
use gateway_filter_sdk::router::{BACKEND_HEADER, HOST_HEADER, ROUTE_HEADER};
use serde_json::{Value, json};

/// The headers that decide where a request goes: nobody but the filters may set them.
const OWNED_HEADERS: [&str; 3] = [BACKEND_HEADER, HOST_HEADER, ROUTE_HEADER];

/// Takes off what nobody but the filters may set, before the first match.
fn removed(headers: &mut Value) {
    if !headers.is_object() {
        *headers = json!({});
    }
    let early = &mut headers["earlyRequestHeaders"];
    if !early.is_object() {
        *early = json!({});
    }
    let list = &mut early["remove"];
    if !list.is_array() {
        *list = json!([]);
    }
    if let Some(list) = list.as_array_mut() {
        let known: Vec<String> = list
            .iter()
            .filter_map(|one| one.as_str())
            .map(str::to_lowercase)
            .collect();
        let owned = OWNED_HEADERS.iter();
        let missing = owned.filter(|header| !known.iter().any(|one| one == *header));
        list.extend(missing.map(|header| Value::from(*header)));
    }
}

/// A ClientTrafficPolicy that takes them off, too.
pub(super) fn amended(document: &Document) -> WrittenObject {
    let mut object = WrittenObject::kept(document);
    "policies.yaml".clone_into(&mut object.file);
    "Takes off what nobody but the filters may set, too.".clone_into(&mut object.comment);
    if let Some(spec) = object.value.get_mut("spec") {
        removed(&mut spec["headers"]);
    }
    object
}

/// A ClientTrafficPolicy that does nothing else.
pub(super) fn stripping(namespace: &str, name: &str) -> WrittenObject {
    let mut headers = json!({});
    removed(&mut headers);
    WrittenObject::new(
        format!("{namespace}-{name}/filters.yaml"),
        "Takes off what nobody but the filters may set, before the first match.",
        (envoy_gateway(), "ClientTrafficPolicy"),
        (namespace, &format!("{name}-owned-headers")),
        json!({"targetRefs": [target_ref("Gateway", name, None)], "headers": headers}),
    )
}
