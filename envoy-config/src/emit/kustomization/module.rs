//! How the module of each filter is loaded.

use super::options::CodeSource;
use super::writer::KustomizationWriter;
use crate::load::{Document, ObjectKind};
use serde_json::{Value, json};

/// The filters of this project: what the first does is what the others do alone.
pub(super) const FILTERS: [&str; 4] = [GATEWAY, "route-match", "rate-limit", "canary"];

/// The filter that a bundle loads.
pub(super) const GATEWAY: &str = "gateway";

pub(super) fn wasm(writer: &KustomizationWriter, config: Value) -> Value {
    let given = given(writer);
    let code = writer.options.code.as_ref().map(|code| code.code(GATEWAY));
    let code = code.or_else(|| given.as_ref()?.get("code").cloned());
    let code = code.unwrap_or_else(|| CodeSource::default().code(GATEWAY));
    let mut entry = json!({"name": GATEWAY, "rootID": GATEWAY, "code": code, "config": config});
    if let Some(entry) = entry.as_object_mut().filter(|_| fails_open(writer)) {
        entry.insert("failOpen".to_owned(), true.into());
    }
    entry
}

/// Whether the filter is passed over when its module fails.
pub(super) fn fails_open(writer: &KustomizationWriter) -> bool {
    given(writer).is_some_and(|given| given.get("failOpen") == Some(&Value::Bool(true)))
}

/// How a policy of the manifests loads the filter, the oldest one.
fn given(writer: &KustomizationWriter) -> Option<Value> {
    let mut policies: Vec<&Document> = extension_policies(writer).collect();
    policies.sort_by(|a, b| a.seniority().cmp(&b.seniority()));
    let entries = policies
        .into_iter()
        .flat_map(|document| list(document, "wasm"));
    entries
        .filter(|entry| entry.get("name").and_then(Value::as_str) == Some(GATEWAY))
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
