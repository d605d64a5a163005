//! Conditions that say that not all is as the manifests ask: Envoy Gateway's, and this project's.

use std::collections::BTreeSet;

use gateway_bundle::Report;
use serde_json::Value;

/// `<Kind> <namespace>/<name>: <Condition>=<Status> <Reason>`.
pub(crate) type Conditions = BTreeSet<String>;

/// Of objects, by what egctl made of them.
pub(crate) fn translated(objects: &[Value], result: &Value) -> Conditions {
    let members = result.as_object().unwrap().values();
    let lists = members.filter_map(Value::as_array);
    let mut looked_at = BTreeSet::new();
    let mut conditions = Conditions::new();
    for object in lists.flatten() {
        let all = conditions_of(object);
        if !all.is_empty() {
            looked_at.insert(name(object));
        }
        let told = all.into_iter().flat_map(told);
        conditions.extend(told.map(|told| format!("{}: {told}", name(object))));
    }
    for object in objects {
        let kind = object["kind"].as_str().unwrap();
        let is_attached = kind.ends_with("Route") || kind.ends_with("Policy");
        if is_attached && !looked_at.contains(&name(object)) {
            conditions.insert(format!("{}: it is attached to nothing", name(object)));
        }
    }
    conditions
}

/// Of the report on a bundle.
pub(crate) fn reported(report: &Report) -> Conditions {
    let entries = report.entries.iter();
    let entries = entries.filter_map(|entry| Some((entry, entry.condition.as_ref()?)));
    entries
        .map(|(entry, condition)| format!("{}: {condition}", entry.object))
        .collect()
}

fn name(object: &Value) -> String {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let [kind, namespace, name] = ["/kind", "/metadata/namespace", "/metadata/name"]
        .map(|pointer| text(pointer).unwrap_or_default());
    format!("{kind} {namespace}/{name}")
}

/// Of the object itself, and of all that it refers to.
fn conditions_of(object: &Value) -> Vec<&Value> {
    let status = &object["status"];
    let lists = ["listeners", "parents", "ancestors"].iter();
    let lists = lists.flat_map(|list| status[list].as_array().into_iter().flatten());
    std::iter::once(status)
        .chain(lists)
        .flat_map(|one| one["conditions"].as_array().into_iter().flatten())
        .collect()
}

/// `<Condition>=<Status> <Reason>` of a condition that is not as it should be.
fn told(condition: &Value) -> Vec<String> {
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    let (kind, status) = (text("type"), text("status"));
    let is_good = match kind {
        "Accepted" | "ResolvedRefs" => status == "True",
        // Follows from the others.
        "Programmed" => true,
        _ => status == "False",
    };
    if is_good {
        return Vec::new();
    }
    let reasons = text("reason").split(',');
    reasons
        .map(|reason| format!("{kind}={status} {reason}"))
        .collect()
}
