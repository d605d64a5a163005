//! How the module of each filter is loaded.

use super::options::CodeSource;
use super::writer::KustomizationWriter;
use crate::load::{Document, ObjectKind};
use serde_json::{Value, json};

/// The filters, in the order of the chain.
pub(super) const FILTERS: [&str; 3] = [ROUTE_MATCH, "rate-limit", "canary"];

/// The filter that decides where requests go.
pub(super) const ROUTE_MATCH: &str = "route-match";

pub(super) fn wasm(writer: &KustomizationWriter, name: &str, config: Value) -> Value {
    let given = given(writer, name);
    let code = writer.options.code.as_ref().map(|code| code.code(name));
    let code = code.or_else(|| given.as_ref()?.get("code").cloned());
    let code = code.unwrap_or_else(|| CodeSource::default().code(name));
    let open = fails_open(writer, name);
    let mut entry = json!({"name": name, "rootID": name, "code": code, "config": config});
    if let Some(entry) = entry.as_object_mut().filter(|_| open) {
        entry.insert("failOpen".to_owned(), true.into());
    }
    entry
}

/// Whether a filter is passed over when its module fails.
pub(super) fn fails_open(writer: &KustomizationWriter, name: &str) -> bool {
    let given = given(writer, name);
    let open = given.is_some_and(|given| given.get("failOpen") == Some(&Value::Bool(true)));
    open || writer.options.fail_open.contains(name)
}

/// How a policy of the manifests loads that filter, the oldest one.
fn given(writer: &KustomizationWriter, name: &str) -> Option<Value> {
    let mut policies: Vec<&Document> = extension_policies(writer).collect();
    policies.sort_by(|a, b| a.seniority().cmp(&b.seniority()));
    let entries = policies
        .into_iter()
        .flat_map(|document| list(document, "wasm"));
    entries
        .filter(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
        .find(|entry| entry.get("code").is_some())
}

fn extension_policies<'a>(writer: &KustomizationWriter<'a>) -> impl Iterator<Item = &'a Document> {
    let documents = writer.manifests.documents();
    documents.filter(|one| one.object_kind() == ObjectKind::EnvoyExtensionPolicy)
}

/// The entries of a list in `spec`.
pub(super) fn list(document: &Document, field: &str) -> Vec<Value> {
    let spec = document.value().get("spec");
    let list = spec.and_then(|spec| spec.get(field)?.as_array().cloned());
    list.unwrap_or_default()
}
