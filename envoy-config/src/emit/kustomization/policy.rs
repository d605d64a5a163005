//! BackendTrafficPolicies and ClientTrafficPolicies, as far as Envoy does what they say.
//!
//! What limits is in the `rate-limit` filter. The rest of a policy for a route goes to the route's
//! dispatch, where Envoy decides on clusters, timeouts and retries.

use super::decided::Decided;
use super::group::{Dispatched, Group, RuleNames, dispatch_file};
use super::naming::{envoy_gateway, prefix};
use super::object::WrittenObject;
use super::reference::target_ref;
use super::{client, retry};
use crate::load::model::Route;
use crate::load::{Document, Manifests, Object, find};
use crate::report::{Report, Severity};
use crate::resolve::model::{GatewayBundle, ServedRule};
use crate::resolve::target::{self, Attached, Scope};
use gateway_filter_sdk::route::spec::RouteKind;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Fields of a policy that are not settings of Envoy.
const NOT_SETTINGS: [&str; 5] = [
    "targetRef",
    "targetRefs",
    "targetSelectors",
    "mergeType",
    "rateLimit",
];

/// The policies, and what they are for in the folder.
pub(super) struct Policies<'a> {
    manifests: &'a Manifests,
    traffic: Attached,
    client: Attached,
    decided: Decided,
    /// By index of a BackendTrafficPolicy, and whether they are of GRPCRoutes, its dispatch routes.
    targets: BTreeMap<(usize, bool), Vec<Value>>,
    /// The policies of routes that have a rule with several backends.
    split: BTreeSet<usize>,
    /// Policies of dispatch routes for which the manifests have none.
    own: Vec<WrittenObject>,
    /// The Gateways whose requests are decided by the filters.
    gateways: Vec<(String, String)>,
    report: Report,
}

impl<'a> Policies<'a> {
    pub(super) fn new(manifests: &'a Manifests, decided: Decided) -> Self {
        // What is wrong with targets is reported where limits are read.
        let mut ignored = Report::default();
        Self {
            manifests,
            traffic: target::attach(manifests, &manifests.traffic_policies, &mut ignored),
            client: target::attach(manifests, &manifests.client_policies, &mut ignored),
            decided,
            targets: BTreeMap::new(),
            split: BTreeSet::new(),
            own: Vec::new(),
            gateways: Vec::new(),
            report: Report::default(),
        }
    }

    /// Whether a policy for the route of this rule has settings of Envoy.
    pub(super) fn governs(&self, rule: &ServedRule) -> bool {
        // To find a route among thousands is for nothing where there is no policy.
        if self.traffic.is_empty() {
            return false;
        }
        let Some(route) = self.route(rule.kind, &rule.namespace, &rule.name) else {
            return false;
        };
        let rules = route.value.spec.rules.iter().flatten();
        let names = rules.map(|rule| rule.name.as_deref());
        let mut scopes = names.flat_map(|name| Scope::of_rule(&route.document, name));
        scopes.any(|scope| {
            let policy = self.traffic.get(&scope);
            policy.is_some_and(|policy| !settings(self.traffic_document(*policy)).is_empty())
        })
    }

    fn route(&self, kind: RouteKind, namespace: &str, name: &str) -> Option<&'a Object<Route>> {
        let mut routes = self.manifests.routes.iter();
        routes.find(|route| route.value.kind == kind && route.is(namespace, name))
    }

    fn traffic_document(&self, policy: usize) -> Option<&'a Document> {
        let found = self.manifests.traffic_policies.get(policy)?;
        Some(&*found.document)
    }

    /// Lets the policies of routes target what dispatches for these.
    pub(super) fn retarget(&mut self, gateway: &GatewayBundle, dispatched: &Dispatched) {
        self.gateways
            .push((gateway.namespace.clone(), gateway.name.clone()));
        for (group, routes) in &dispatched.routes {
            match (&group.route, group.retried) {
                (Some(route), None) => self.retarget_route(group, route, routes),
                (Some(route), Some(rule)) => {
                    let names: Vec<&str> = routes.iter().map(|(name, _)| &**name).collect();
                    let rules = gateway.rules.iter();
                    let mut retried = rules.filter(|one| {
                        let of = (one.kind, &one.namespace, &one.name, one.rule);
                        of == (group.kind(), &group.namespace, route, rule)
                    });
                    let policy = retried
                        .next()
                        .and_then(|rule| retry::policy(gateway, group, &rule.native, &names));
                    self.own.extend(policy);
                }
                (None, _) if group.grpc => self.own.push(client_protocol(gateway, group, routes)),
                (None, _) => {}
            }
        }
    }

    fn retarget_route(&mut self, group: &Group, route: &str, dispatch: &[(String, RuleNames)]) {
        let Some(route) = self.route(group.kind(), &group.namespace, route) else {
            return;
        };
        let mut rules = route.value.spec.rules.iter().flatten();
        let split = rules.any(|rule| rule.backend_refs.iter().flatten().nth(1).is_some());
        for (name, rules) in dispatch {
            let whole = Scope::of_rule(&route.document, None);
            let sections = rules.iter().map(|(rule, section)| {
                let scope = Scope::of_rule(&route.document, Some(rule))
                    .into_iter()
                    .next();
                (scope, Some(section))
            });
            let scopes = whole.into_iter().map(|scope| (Some(scope), None));
            for (scope, section) in scopes.chain(sections).collect::<Vec<_>>() {
                let policy = scope.and_then(|scope| self.traffic.get(&scope).copied());
                let Some(policy) = policy else { continue };
                let document = self.traffic_document(policy);
                if let Some(document) = document.filter(|one| one.namespace() != group.namespace) {
                    let message = format!(
                        "not carried over to {}: only policies of its own namespace can target it",
                        route.document.object()
                    );
                    self.report
                        .ignore(document, "spec", Severity::Error, message);
                    continue;
                }
                if split {
                    self.split.insert(policy);
                }
                let targets = self.targets.entry((policy, group.grpc)).or_default();
                targets.push(target_ref("HTTPRoute", name, section.map(String::as_str)));
            }
        }
    }

    /// What is written of all policies, once every Gateway is.
    pub(super) fn objects(&mut self) -> (Vec<WrittenObject>, Report) {
        let mut objects = std::mem::take(&mut self.own);
        for (index, policy) in self.manifests.traffic_policies.iter().enumerate() {
            objects.extend(self.traffic_objects(index, &policy.document));
        }
        for policy in &self.manifests.client_policies {
            objects.push(client::amended(&policy.document));
        }
        for (namespace, name) in &self.gateways {
            if !self.has_client_policy(namespace, name) {
                objects.push(client::stripping(namespace, name));
            }
        }
        (objects, std::mem::take(&mut self.report))
    }

    fn has_client_policy(&self, namespace: &str, name: &str) -> bool {
        let gateway = find(&self.manifests.gateways, namespace, name);
        gateway.is_some_and(|gateway| {
            let scope = Scope::of_object(&gateway.document);
            self.client.contains_key(&scope)
        })
    }

    /// The policy for what stays as it was, and without its limits for dispatch routes.
    fn traffic_objects(&mut self, index: usize, document: &Document) -> Vec<WrittenObject> {
        let mut objects = Vec::new();
        let limits = document.value().pointer("/spec/rateLimit").is_some();
        let kept = self.kept_part(index, document);
        let has_kept = kept.is_some();
        if limits && self.decided.is_partial() && self.is_for_decided(index) {
            let message = "limits of the Gateway would be counted twice for the routes that the \
                           filters decide: give these a policy of their own";
            self.report.ignore(
                document,
                "spec.rateLimit",
                Severity::Error,
                message.to_owned(),
            );
        }
        objects.extend(kept);
        for grpc in [false, true] {
            let targets = self.targets.remove(&(index, grpc)).unwrap_or_default();
            if targets.is_empty() {
                continue;
            }
            let mut spec = without(document, &TARGETS);
            spec.remove("rateLimit");
            spec.insert("targetRefs".to_owned(), targets.into());
            if self.split.contains(&index) {
                leave_the_cookie(&mut spec);
            }
            let mut name = document.name().to_owned();
            if has_kept {
                name += "-dispatch";
            }
            if grpc {
                spec.insert("useClientProtocol".to_owned(), true.into());
                name += "-grpc";
            }
            objects.push(traffic_policy(document, &name, spec));
        }
        if objects.is_empty() && !settings(Some(document)).is_empty() {
            let fields: Vec<String> = settings(Some(document)).keys().cloned().collect();
            let message = format!("not carried over: {}", fields.join(", "));
            self.report
                .ignore(document, "spec", Severity::Error, message);
        }
        objects
    }

    /// Whether a policy that is not for single routes is in force for some that the filters decide.
    fn is_for_decided(&self, index: usize) -> bool {
        let mut scopes = self.traffic.iter().filter(|(_, policy)| **policy == index);
        scopes.any(|(scope, _)| !scope.is_route())
    }

    /// The policy for Gateways, listeners, and routes that the filters do not decide.
    fn kept_part(&self, index: usize, document: &Document) -> Option<WrittenObject> {
        let limits: &[&str] = match self.decided.is_partial() {
            true => &[],
            false => &["rateLimit"],
        };
        let mut spec = without(document, limits);
        let mut fields = spec.keys().map(String::as_str);
        fields.find(|field| !TARGETS.contains(field) && *field != "mergeType")?;
        let scopes = self.traffic.iter().filter(|(_, policy)| **policy == index);
        let scopes: Vec<&Scope> = scopes.map(|(scope, _)| scope).collect();
        if scopes.iter().any(|scope| self.decided.has(scope)) {
            for field in TARGETS {
                spec.remove(field);
            }
            let kept = scopes.iter().filter(|scope| !self.decided.has(scope));
            let mut targets: Vec<Value> = kept
                .filter(|scope| scope.namespace() == document.namespace())
                .map(|scope| target_ref(scope.kind(), scope.name(), scope.section()))
                .collect();
            targets.sort_by_key(Value::to_string);
            if targets.is_empty() {
                return None;
            }
            spec.insert("targetRefs".to_owned(), targets.into());
        }
        Some(traffic_policy(document, document.name(), spec))
    }
}

/// Where a rule is split by a cookie, the `canary` filter sets it. Envoy, which chooses the pod by the same
/// cookie, would set another one of that name, but not without `ttl`.
fn leave_the_cookie(spec: &mut Map<String, Value>) {
    let hash = spec.get_mut("loadBalancer");
    let cookie = hash.and_then(|hash| hash.pointer_mut("/consistentHash/cookie"));
    if let Some(cookie) = cookie.and_then(Value::as_object_mut) {
        cookie.remove("ttl");
    }
}

/// The fields that name targets.
const TARGETS: [&str; 3] = ["targetRef", "targetRefs", "targetSelectors"];

fn without(document: &Document, fields: &[&str]) -> Map<String, Value> {
    let spec = document.value().get("spec").and_then(Value::as_object);
    let mut spec = spec.cloned().unwrap_or_default();
    for field in fields {
        spec.remove(*field);
    }
    spec
}

fn traffic_policy(document: &Document, name: &str, spec: Map<String, Value>) -> WrittenObject {
    WrittenObject::new(
        "policies.yaml".to_owned(),
        "What Envoy does of this policy; its limits are in the rate-limit filter.",
        (envoy_gateway(), "BackendTrafficPolicy"),
        (document.namespace(), name),
        spec.into(),
    )
}

/// What a policy has Envoy do.
fn settings(document: Option<&Document>) -> Map<String, Value> {
    let spec = document.and_then(|document| document.value().get("spec")?.as_object().cloned());
    let mut spec = spec.unwrap_or_default();
    spec.retain(|field, _| !NOT_SETTINGS.contains(&field.as_str()));
    spec
}

/// Clients of GRPCRoutes speak HTTP/2, and so have their backends to be spoken to.
fn client_protocol(
    gateway: &GatewayBundle,
    group: &Group,
    routes: &[(String, RuleNames)],
) -> WrittenObject {
    let targets = routes.iter();
    let targets: Vec<Value> = targets
        .map(|(name, _)| target_ref("HTTPRoute", name, None))
        .collect();
    let name = format!("{}-dispatch-grpc", prefix(gateway, &group.namespace));
    WrittenObject::new(
        dispatch_file(gateway),
        "Backends of GRPCRoutes are spoken to in the client's protocol, which is HTTP/2.",
        (envoy_gateway(), "BackendTrafficPolicy"),
        (&group.namespace, &name),
        json!({"targetRefs": targets, "mergeType": "StrategicMerge", "useClientProtocol": true}),
    )
}
