//! The EnvoyExtensionPolicy that loads the filters.

use super::callout::callout_cluster;
use super::dispatch::Plan;
use super::module::{FILTERS, GATEWAY, list, wasm};
use super::naming::{envoy_gateway, folder, prefix};
use super::object::WrittenObject;
use super::reference::{parents, target_ref};
use super::writer::KustomizationWriter;
use crate::load::{Document, find};
use crate::report::{Condition, Report, Severity};
use crate::resolve::model::{GatewayBundle, ListenerInfo};
use crate::resolve::target::{self, Scope};
use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
use gateway_filter_sdk::route::spec::{RouteMatchSpec, RouteSpec};
use gateway_filter_sdk::stage::spec::GatewayFilterSpec;
use serde_json::{Map, Value, json};

/// The fields of an EnvoyExtensionPolicy that list extensions.
const EXTENSIONS: [&str; 4] = ["dynamicModule", "extProc", "lua", "wasm"];

/// One policy on the Gateway; where that would be too large an object, one for each listener.
pub(super) fn objects(
    writer: &mut KustomizationWriter,
    gateway: &GatewayBundle,
    plan: &Plan,
) -> Vec<WrittenObject> {
    let others = others(writer, gateway);
    if writer.decided.is_partial() {
        return on_routes(writer, gateway, plan);
    }
    let target = target_ref("Gateway", &gateway.name, None);
    let name = format!("{}-filters", gateway.name);
    let name = (gateway.namespace.as_str(), name.as_str());
    let routes = &gateway.route_match;
    let whole = policy(writer, gateway, plan, routes, (name, vec![target], &others));
    let most = writer.options.most_bytes;
    if size(&whole) <= most {
        return vec![whole];
    }
    let mut objects = Vec::new();
    for listener in &gateway.listeners {
        let spec = of_listener(&gateway.route_match, listener);
        let Some(mut target) = parents(std::iter::once(&listener.name)).pop() else {
            continue;
        };
        // A policy is in the namespace of its target, which is another for a ListenerSet.
        let namespace = target
            .as_object_mut()
            .and_then(|target| target.remove("namespace"));
        let namespace = namespace.and_then(|namespace| namespace.as_str().map(str::to_owned));
        let own = format!("{}/{}/", gateway.namespace, gateway.name);
        let section = listener
            .name
            .strip_prefix(&own)
            .unwrap_or(&listener.section);
        let name = format!("{}-filters-{}", gateway.name, section.replace('/', "-"));
        let name = (namespace.as_deref().unwrap_or_default(), name.as_str());
        let part = policy(writer, gateway, plan, &spec, (name, vec![target], &others));
        if size(&part) > most {
            too_large(writer, gateway, &part, &listener.name);
        }
        objects.push(part);
    }
    objects
}

fn size(object: &WrittenObject) -> usize {
    object.value.to_string().len()
}

fn too_large(
    writer: &mut KustomizationWriter,
    gateway: &GatewayBundle,
    part: &WrittenObject,
    listener: &str,
) {
    let found = find(
        &writer.manifests.gateways,
        &gateway.namespace,
        &gateway.name,
    );
    let Some(found) = found else { return };
    let message = format!(
        "the EnvoyExtensionPolicy for listener {listener} would have {} bytes; Kubernetes takes \
         {} (etcd's request limit): spread its routes over more listeners",
        size(part),
        writer.options.most_bytes
    );
    writer
        .report
        .ignore(&found.document, "spec.listeners", Severity::Error, message);
}

/// What of the routes is attached to one listener.
fn of_listener(spec: &RouteMatchSpec, listener: &ListenerInfo) -> RouteMatchSpec {
    let listeners = spec.listeners.iter();
    let routes = spec.routes.iter();
    let is_there = |route: &&RouteSpec| {
        let listeners = route.listeners.as_ref();
        listeners.is_none_or(|names| names.contains(&listener.name))
    };
    let routes = routes.filter(is_there).map(|route| RouteSpec {
        listeners: Some(vec![listener.name.clone()]),
        ..route.clone()
    });
    RouteMatchSpec {
        listeners: listeners
            .filter(|one| one.name == listener.name)
            .cloned()
            .collect(),
        routes: routes.collect(),
    }
}

/// On the chosen routes alone: a policy for each namespace, on what takes their place.
fn on_routes(
    writer: &KustomizationWriter,
    gateway: &GatewayBundle,
    plan: &Plan,
) -> Vec<WrittenObject> {
    let routes = gateway.route_match.routes.iter();
    let spec = RouteMatchSpec {
        listeners: gateway.route_match.listeners.clone(),
        routes: routes
            .filter(|route| writer.decided.has_spec(route))
            .cloned()
            .collect(),
    };
    let namespaces = plan.listeners().keys();
    let policies = namespaces.map(|namespace| {
        let prefix = prefix(gateway, namespace);
        let is_ours = |object: &&WrittenObject| {
            object.kind() == "HTTPRoute"
                && object.namespace() == namespace
                && object.file.starts_with(&folder(gateway))
        };
        let routes = writer.objects.iter().filter(is_ours);
        let targets = routes.map(|route| target_ref("HTTPRoute", route.name(), None));
        let name = format!("{prefix}-filters");
        let name = (namespace.as_str(), name.as_str());
        let targets = targets.collect();
        policy(writer, gateway, plan, &spec, (name, targets, &Map::new()))
    });
    policies.collect()
}

fn policy(
    writer: &KustomizationWriter,
    gateway: &GatewayBundle,
    plan: &Plan,
    routes: &RouteMatchSpec,
    (name, targets, others): ((&str, &str), Vec<Value>, &Map<String, Value>),
) -> WrittenObject {
    let mut limits = gateway.rate_limit.clone();
    call_the_service(writer, gateway, plan, limits.as_mut());
    let config = GatewayFilterSpec {
        routes: routes.clone(),
        limits,
        canaries: gateway.canary.clone(),
    };
    let filter = std::iter::once(wasm(writer, json!(config)));
    let mut spec = others.clone();
    let behind = spec
        .remove("wasm")
        .and_then(|list| list.as_array().cloned());
    let chain: Vec<Value> = filter.chain(behind.into_iter().flatten()).collect();
    spec.insert("targetRefs".to_owned(), targets.into());
    spec.insert("wasm".to_owned(), chain.into());
    WrittenObject::new(
        format!("{}/filters.yaml", folder(gateway)),
        "The filter that decides on every request.",
        (envoy_gateway(), "EnvoyExtensionPolicy"),
        name,
        spec.into(),
    )
}

/// The cluster of the route that is written for the service.
fn call_the_service(
    writer: &KustomizationWriter,
    gateway: &GatewayBundle,
    plan: &Plan,
    limits: Option<&mut RateLimitFilterSpec>,
) {
    let service = limits.and_then(|limits| limits.service.as_mut());
    if let Some(service) = service.filter(|_| writer.options.rate_limit_service.is_some()) {
        service.cluster = callout_cluster(gateway, plan);
    }
}

/// The policies that load nothing for what the filters decide on, as they are; and what is lost of
/// others.
pub(super) fn kept(writer: &mut KustomizationWriter) {
    let attached = attached(writer);
    for (index, policy) in writer.manifests.extension_policies.iter().enumerate() {
        let scopes = attached.iter().filter(|(_, one)| **one == index);
        let scopes: Vec<&Scope> = scopes.map(|(scope, _)| scope).collect();
        let (ours, native): (Vec<&Scope>, Vec<&Scope>) = scopes
            .into_iter()
            .partition(|scope| concerns(writer, scope));
        if ours.is_empty() {
            writer.objects.push(WrittenObject::kept(&policy.document));
            continue;
        }
        own_fail_open(&policy.document, &mut writer.report);
        let others = !others_of(&policy.document).is_empty();
        let whole = |scope: &&Scope| scope.kind() == "Gateway" && scope.section().is_none();
        let lost = ours.into_iter().filter(|scope| others && !whole(scope));
        for scope in lost.chain(native) {
            let message = format!(
                "{scope}: the other extensions of this policy do not reach what the filters decide; \
                 part it in two, one for the Gateway"
            );
            let condition = Condition::accepted("TargetNotFound");
            writer
                .report
                .refuse(&policy.document, "spec", condition, message);
        }
    }
}

/// A filter that was skipped by itself when its module failed: one filter has one module.
fn own_fail_open(document: &Document, report: &mut Report) {
    for (index, entry) in list(document, "wasm").iter().enumerate() {
        let name = entry.get("name").and_then(Value::as_str);
        let alone = name.filter(|name| *name != GATEWAY && FILTERS.contains(name));
        if let Some(name) = alone.filter(|_| entry.get("failOpen") == Some(&Value::Bool(true))) {
            let message = format!(
                "failOpen of {name} is not carried over: the module of {GATEWAY} does its work. Set \
                 failOpen on an entry named {GATEWAY} instead: it covers routes, limits and canaries"
            );
            let path = format!("spec.wasm[{index}].failOpen");
            report.ignore(document, &path, Severity::Error, message);
        }
    }
}

fn attached(writer: &KustomizationWriter) -> target::Attached {
    let policies = &writer.manifests.extension_policies;
    target::attach(writer.manifests, policies, &mut Report::default())
}

/// Whether the filters decide on what the policy is for: a route, or where all routes are theirs, a
/// Gateway or listener.
fn concerns(writer: &KustomizationWriter, scope: &Scope) -> bool {
    match scope.is_route() {
        true => writer.decided.has(scope),
        false => !writer.decided.is_partial(),
    }
}

/// The extensions of others on this Gateway, which go into the same policy: a target takes one only.
fn others(writer: &KustomizationWriter, gateway: &GatewayBundle) -> Map<String, Value> {
    let mut kept = Map::new();
    for (scope, policy) in attached(writer) {
        let here = scope.is_in("Gateway", &gateway.namespace, &gateway.name);
        let policy = writer.manifests.extension_policies.get(policy);
        if let Some(policy) = policy.filter(|_| here && scope.section().is_none()) {
            kept.extend(others_of(&policy.document));
        }
    }
    kept
}

/// What a policy loads besides the filters of this project.
fn others_of(document: &Document) -> Map<String, Value> {
    let mut others = Map::new();
    for field in EXTENSIONS {
        let mut entries = list(document, field);
        entries.retain(|entry| {
            let name = entry
                .get("name")
                .and_then(Value::as_str)
                .unwrap_or_default();
            field != "wasm" || !FILTERS.contains(&name)
        });
        if !entries.is_empty() {
            others.insert(field.to_owned(), entries.into());
        }
    }
    others
}
