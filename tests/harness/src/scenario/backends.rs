//! What is to be known about `manifests.yaml` here: who stands behind a Service, and which
//! features of Envoy Gateway the documents use.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::skip::Feature;

/// Backends by namespace and Service.
#[derive(Debug, Clone, Default)]
pub struct Backends(BTreeMap<(String, String), String>);

impl Backends {
    /// The name of the backend behind a Service: its `app` selector. A Service without one has its
    /// endpoints put in by hand, from the pods of the namespace's only Deployment. Other
    /// Services, not in the manifests, are their own backends.
    pub(super) fn of(documents: &[Value]) -> Self {
        let mut backends = BTreeMap::new();
        for service in of_kind(documents, "Service") {
            let (namespace, name) = (text(service, NAMESPACE), text(service, NAME));
            let app = match text(service, "/spec/selector/app") {
                "" => only_deployment(documents, namespace).unwrap_or(name),
                app => app,
            };
            backends.insert((namespace.to_owned(), name.to_owned()), app.to_owned());
        }
        Self(backends)
    }

    /// The backend behind a Service.
    #[must_use]
    pub fn behind<'a>(&'a self, namespace: &str, service: &'a str) -> &'a str {
        self.0
            .get(&(namespace.to_owned(), service.to_owned()))
            .map_or(service, String::as_str)
    }
}

const NAMESPACE: &str = "/metadata/namespace";
const NAME: &str = "/metadata/name";

fn text<'a>(document: &'a Value, pointer: &str) -> &'a str {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn of_kind<'a>(documents: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    documents
        .iter()
        .filter(move |document| text(document, "/kind") == kind)
}

fn only_deployment<'a>(documents: &'a [Value], namespace: &str) -> Option<&'a str> {
    let mut deployments = of_kind(documents, "Deployment")
        .filter(|deployment| text(deployment, NAMESPACE) == namespace)
        .map(|deployment| text(deployment, NAME));
    let first = deployments.next();
    if deployments.next().is_some() {
        None
    } else {
        first
    }
}

/// Features that the documents of a scenario use and that hosts may lack.
pub(super) fn features(documents: &[Value]) -> BTreeSet<Feature> {
    let feature = |document| feature(document, documents);
    documents.iter().filter_map(feature).collect()
}

fn feature(document: &Value, documents: &[Value]) -> Option<Feature> {
    let has = |pointer| document.pointer(pointer).is_some();
    match text(document, "/kind") {
        "HTTPRoute" | "GRPCRoute" => rules(document)
            .any(|rule| rule.get("sessionPersistence").is_some())
            .then_some(Feature::Canary),
        "SecurityPolicy" if has("/spec/jwt") => Some(Feature::Jwt),
        "BackendTrafficPolicy" if has("/spec/loadBalancer/consistentHash") => {
            Some(if splits(document, documents) {
                Feature::Canary
            } else {
                Feature::ConsistentHash
            })
        }
        "BackendTrafficPolicy" if has("/spec/rateLimit") => {
            // Without `type` Envoy Gateway goes by which of the two is there.
            let global = has("/spec/rateLimit/global");
            Some(if global {
                Feature::GlobalRateLimit
            } else {
                Feature::LocalRateLimit
            })
        }
        "EnvoyExtensionPolicy" => list(document, "/spec/wasm").find_map(module_feature),
        "ClientTrafficPolicy" if is_replayed(document) => None,
        "SecurityPolicy" | "BackendTrafficPolicy" | "ClientTrafficPolicy" | "EnvoyPatchPolicy" => {
            Some(Feature::EnvoyGatewayPolicy)
        }
        _ => None,
    }
}

/// What a module that a policy names asks for. Where limits are counted makes no difference to what a
/// host can do.
fn module_feature(wasm: &Value) -> Option<Feature> {
    match text(wasm, "/name") {
        "rate-limit" => Some(Feature::LocalRateLimit),
        "canary" => Some(Feature::Canary),
        "gateway" if wasm.pointer("/config/limits").is_some() => Some(Feature::LocalRateLimit),
        "gateway" if wasm.pointer("/config/canaries").is_some() => Some(Feature::Canary),
        _ => None,
    }
}

/// Whether each rule of the routes that the policy targets has several Services to choose from. A
/// policy for something else than routes is for all that there are.
fn splits(policy: &Value, documents: &[Value]) -> bool {
    let targets = list(policy, "/spec/targetRefs").chain(policy.pointer("/spec/targetRef"));
    let names: Vec<_> = targets
        .filter(|target| text(target, "/kind").ends_with("Route"))
        .map(|target| (text(target, "/kind"), text(target, "/name")))
        .collect();
    let namespace = text(policy, NAMESPACE);
    let targeted = |route: &&Value| match text(route, "/kind") {
        kind @ ("HTTPRoute" | "GRPCRoute") => {
            let named = names.contains(&(kind, text(route, NAME)));
            names.is_empty() || (named && text(route, NAMESPACE) == namespace)
        }
        _ => false,
    };
    let mut rules = documents.iter().filter(targeted).flat_map(rules).peekable();
    rules.peek().is_some() && rules.all(|rule| list(rule, "/backendRefs").count() > 1)
}

fn rules(route: &Value) -> impl Iterator<Item = &Value> {
    list(route, "/spec/rules")
}

fn list<'a>(document: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let list = document.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// What of a ClientTrafficPolicy the filters and hosts have.
const REPLAYED: [&str; 3] = [
    "/headers/disableRateLimitHeaders",
    "/headers/enableEnvoyHeaders",
    "/clientIPDetection/xForwardedFor/numTrustedHops",
];

/// Whether a ClientTrafficPolicy asks for nothing else.
fn is_replayed(policy: &Value) -> bool {
    let mut spec = policy.get("spec").cloned().unwrap_or_default();
    if let Some(fields) = spec.as_object_mut() {
        fields.retain(|name, _| !name.starts_with("targetRef") && name != "targetSelectors");
    }
    let mut fields = Vec::new();
    leaves(&spec, String::new(), &mut fields);
    !fields.is_empty()
        && fields
            .iter()
            .all(|field| REPLAYED.contains(&field.as_str()))
}

/// Pointers to all that is not an object with fields.
fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value.as_object().filter(|fields| !fields.is_empty()) {
        Some(fields) => fields
            .iter()
            .for_each(|(name, value)| leaves(value, format!("{at}/{name}"), found)),
        None => found.push(at),
    }
}
