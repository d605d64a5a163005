//! An example shows a part: what it refers to and does not show is added, as plain as it can be.

use std::collections::BTreeMap;

use gateway_bundle::Manifests;
use serde_json::{Value, json};

type Named = BTreeMap<(String, String, String), Value>;

/// The Gateways, routes and Services that manifests refer to and have not, as YAML.
pub(crate) fn missing(manifests: &Manifests) -> String {
    let documents: Vec<_> = manifests.documents().collect();
    let mut missing = Named::new();
    for document in &documents {
        let own = document.namespace();
        let spec = &document.value()["spec"];
        for parent in list(&spec["parentRefs"]) {
            refer(&mut missing, "Gateway", own, parent);
        }
        for target in list(&spec["targetRefs"]) {
            let kind = target["kind"].as_str().unwrap();
            refer(&mut missing, kind, own, target);
        }
        for backend in list(&spec["rules"]).flat_map(|rule| list(&rule["backendRefs"])) {
            refer(&mut missing, "Service", own, backend);
        }
    }
    for document in &documents {
        let (namespace, name) = (document.namespace().into(), document.name().into());
        missing.remove(&(document.kind().into(), namespace, name));
    }
    let gateways = documents.iter().any(|one| one.kind() == "Gateway");
    let routes = missing.keys().any(|(kind, ..)| kind.ends_with("Route"));
    if routes && !gateways {
        let gateway = json!({"name": "example"});
        refer(&mut missing, "Gateway", "default", &gateway);
    }
    let documents: Vec<String> = missing.values().map(Value::to_string).collect();
    documents.join("\n---\n")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn refer(missing: &mut Named, kind: &str, own: &str, reference: &Value) {
    let namespace = reference["namespace"].as_str().unwrap_or(own);
    let name = reference["name"].as_str().unwrap();
    let (api_version, spec) = match kind {
        "Service" => {
            let ports = json!([{"port": reference["port"]}]);
            ("v1", json!({"selector": {"app": name}, "ports": ports}))
        }
        "Gateway" => {
            let all = json!({"namespaces": {"from": "All"}});
            let http =
                json!({"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": all});
            let spec = json!({"gatewayClassName": "example", "listeners": [http]});
            ("gateway.networking.k8s.io/v1", spec)
        }
        _ => {
            let spec = json!({"parentRefs": [{"name": "example"}]});
            ("gateway.networking.k8s.io/v1", spec)
        }
    };
    let metadata = json!({"name": name, "namespace": namespace});
    let object =
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec});
    let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
    missing.entry(key).or_insert(object);
}
