//! Objects as egctl can translate them: it reads files, and what a cluster adds is not in them.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_bundle::{Document, Manifests};
use serde_json::{Value, json};

/// The kinds that it translates; of others it does not know the type, or ignores them.
const KINDS: &[&str] = &[
    "BackendTrafficPolicy",
    "ClientTrafficPolicy",
    "ConfigMap",
    "EnvoyExtensionPolicy",
    "EnvoyPatchPolicy",
    "GRPCRoute",
    "Gateway",
    "HTTPRoute",
    "HTTPRouteFilter",
    "Namespace",
    "ReferenceGrant",
    "Secret",
    "SecurityPolicy",
    "Service",
];

const CLASS: &str = "envoy-gateway";

type LeftOut = (&'static str, &'static str, &'static str);

/// Secrets that manifests leave to whoever applies them: namespace, name, and what host they are for.
const LEFT_OUT: [LeftOut; 4] = [
    // envoy-config/examples/shop
    ("default", "shop-example-com", "*.example.com"),
    // cli/tests/explain
    ("shop", "example-com", "*.example.com"),
    // tests/scenarios/https-listeners
    ("default", "any-host", "localhost"),
    ("default", "example-com", "*.example.com"),
];

/// These Secrets, once for all, so that what is translated stays the same.
static CERTIFICATES: LazyLock<[Value; 4]> = LazyLock::new(|| LEFT_OUT.map(certificate));

/// The objects of manifests, and the GatewayClass that there has to be exactly once. Policies with
/// Wasm modules are left out: egctl has no cache of modules, and answers 500 for them.
pub(crate) fn translatable(manifests: &Manifests) -> Vec<Value> {
    let class = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "GatewayClass",
        "metadata": {"name": CLASS},
        "spec": {"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"},
    });
    let mut objects = vec![class];
    let kept = manifests.documents().filter(|document| {
        KINDS.contains(&document.kind()) && document.value().pointer("/spec/wasm").is_none()
    });
    objects.extend(kept.map(object));
    let secrets: BTreeSet<_> = manifests.documents().flat_map(secrets).collect();
    let refers = |(namespace, name, _): &LeftOut| {
        secrets.contains(&((*namespace).to_owned(), (*name).to_owned()))
    };
    let left_out = LEFT_OUT.iter().zip(CERTIFICATES.iter());
    let left_out = left_out.filter(|(secret, _)| refers(secret));
    objects.extend(left_out.map(|(_, secret)| secret.clone()));
    objects
}

/// Namespace and name of the Secrets that a Gateway refers to.
fn secrets(document: &Document) -> Vec<(String, String)> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let listeners = list(&document.value()["spec"]["listeners"]).into_iter();
    let references = listeners.flat_map(|listener| list(&listener["tls"]["certificateRefs"]));
    let name = |reference: Value| {
        let namespace = reference["namespace"]
            .as_str()
            .unwrap_or(document.namespace());
        Some((namespace.to_owned(), reference["name"].as_str()?.to_owned()))
    };
    references.filter_map(name).collect()
}

/// As an API server stores it.
fn object(document: &Document) -> Value {
    let mut value = document.value().clone();
    value["metadata"]["namespace"] = document.namespace().into();
    match document.kind() {
        "Gateway" => value["spec"]["gatewayClassName"] = CLASS.into(),
        "Service" => {
            if value["spec"]["clusterIP"].is_null() {
                value["spec"]["clusterIP"] = "10.96.0.1".into();
            }
            for port in value["spec"]["ports"].as_array_mut().into_iter().flatten() {
                if port["protocol"].is_null() {
                    port["protocol"] = "TCP".into();
                }
            }
        }
        _ => {}
    }
    value
}

fn certificate((namespace, name, host): LeftOut) -> Value {
    let signed = rcgen::generate_simple_self_signed([host.to_owned()]).unwrap();
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {
            "tls.crt": STANDARD.encode(signed.cert.pem()),
            "tls.key": STANDARD.encode(signed.signing_key.serialize_pem()),
        },
    })
}
