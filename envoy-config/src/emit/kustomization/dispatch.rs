//! The dispatch routes: from the backend that the filters chose, to its cluster.
//!
//! A rule for each backend matches `x-gateway-backend`. Where a rule of the manifests leaves something
//! to Envoy (timeouts, retries, mirrors), it has rules of its own that match `x-gateway-route` as
//! well; Envoy Gateway puts what has more headers first. They are HTTPRoutes for GRPCRoutes, too: one
//! listener cannot have routes of both kinds for the same hostnames.

use super::decided::Decided;
use super::group::{Dispatched, Group, RuleNames, dispatch_file};
use super::naming::{envoy_gateway, gateway_api, prefix};
use super::object::{WrittenObject, members};
use super::policy::Policies;
use super::reference::{backend_ref, parents};
use crate::load::model::Timeouts;
use crate::load::{ENVOY_GATEWAY, GATEWAY_API, Manifests};
use crate::resolve::backend;
use crate::resolve::model::{Backend, GatewayBundle, ServedRule};
use gateway_filter_sdk::route::spec::RouteKind;
use gateway_filter_sdk::router::{BACKEND_HEADER, HOST_HEADER, ROUTE_HEADER};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// "rules: MaxItems=16" and "parentRefs: MaxItems=32" of HTTPRoute.
const MOST_RULES: usize = 16;
const MOST_PARENTS: usize = 32;

/// The rules that are dispatched, and what is attached where.
pub(super) struct Plan<'a> {
    rules: Vec<&'a ServedRule>,
    /// By what they have in common, the dispatch rules.
    groups: BTreeMap<Group, Vec<DispatchRule>>,
    /// By namespace, the listeners that its routes are attached to.
    listeners: BTreeMap<String, BTreeSet<String>>,
    /// By namespace, the hostnames of the routes where these alone are decided by the filters; none
    /// where all are.
    hostnames: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone, PartialEq)]
struct DispatchRule {
    /// Which rule of the manifests this is for; absent is any.
    of: Option<(String, Option<String>)>,
    backend: Backend,
    spec: Map<String, Value>,
    host_header: Option<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(gateway: &'a GatewayBundle, policies: &Policies, decided: &Decided) -> Self {
        let rules = gateway.rules.iter().filter(|rule| decided.has_rule(rule));
        let rules: Vec<&ServedRule> = rules.collect();
        let mut plan = Self {
            rules: Vec::new(),
            groups: BTreeMap::new(),
            listeners: BTreeMap::new(),
            hostnames: BTreeMap::new(),
        };
        for rule in &rules {
            if decided.is_partial() {
                let hostnames = plan.hostnames.entry(rule.namespace.clone()).or_default();
                hostnames.extend(rule.hostnames.iter().cloned());
            }
            let listeners = plan.listeners.entry(rule.namespace.clone()).or_default();
            listeners.extend(rule.listeners.iter().cloned());
            let governed = policies.governs(rule);
            let retried = rule.native.retry.is_some() && !governed;
            let group = Group {
                namespace: rule.namespace.clone(),
                grpc: rule.kind == RouteKind::GRPCRoute,
                route: (governed || retried).then(|| rule.name.clone()),
                retried: retried.then_some(rule.rule),
            };
            let dispatched = plan.groups.entry(group.clone()).or_default();
            for id in &rule.backends {
                let Some(backend) = gateway.backends.iter().find(|one| one.id == *id) else {
                    continue;
                };
                let dispatch = dispatch_rule(rule, backend, &group);
                if !dispatched.contains(&dispatch) {
                    dispatched.push(dispatch);
                }
            }
        }
        plan.rules = rules;
        plan
    }

    /// The rules of the manifests.
    pub(super) fn rules(&self) -> &[&'a ServedRule] {
        &self.rules
    }

    /// Single routes are decided by the filters and the others are not.
    pub(super) fn is_partial(&self) -> bool {
        !self.hostnames.is_empty()
    }

    /// By namespace, the listeners that its routes are attached to.
    pub(super) fn listeners(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.listeners
    }

    /// A backend that routes of that namespace may lead to: of HTTPRoutes, if these have any.
    pub(super) fn first_backend(&self, namespace: &str) -> Option<&Backend> {
        let mut groups = self.groups.iter();
        groups.find_map(|(group, rules)| {
            let first = rules.first().filter(|_| group.namespace == namespace);
            first.map(|rule| &rule.backend)
        })
    }

    /// What goes into `spec` of a route in that namespace besides its rules.
    pub(super) fn route_spec(&self, namespace: &str, parents: &[Value], rules: Value) -> Value {
        let hostnames = self.hostnames.get(namespace);
        let spec = members([
            ("parentRefs", Some(json!(parents))),
            ("hostnames", hostnames.map(|hostnames| json!(hostnames))),
            ("rules", Some(rules)),
        ]);
        spec.into()
    }
}

fn dispatch_rule(rule: &ServedRule, backend: &Backend, group: &Group) -> DispatchRule {
    let native = &rule.native;
    let mut filters: Vec<Value> = Vec::new();
    for mirror in &native.mirrors {
        if mirror.of.as_ref().is_none_or(|of| *of == backend.id) {
            filters.push(json!({"type": "RequestMirror", "requestMirror": mirror.filter}));
        }
    }
    let mut timeouts = native.timeouts.clone().unwrap_or_default();
    let mut retry = native.retry.as_ref();
    if group.retried.is_some() {
        (timeouts.backend_request, retry) = (None, None);
    }
    let has_timeouts = timeouts != Timeouts::default();
    let spec = members([
        ("filters", (!filters.is_empty()).then(|| filters.into())),
        ("retry", retry.map(|retry| json!(retry))),
        ("timeouts", has_timeouts.then(|| json!(timeouts))),
    ]);
    let own = group.route.is_some() || !spec.is_empty() || native.host_header.is_some();
    DispatchRule {
        of: own.then(|| (rule.full_name(), rule.rule_name.clone())),
        backend: backend.clone(),
        spec,
        host_header: native.host_header.clone(),
    }
}

/// HTTPRoutes, and what they refer to.
pub(super) fn objects(manifests: &Manifests, gateway: &GatewayBundle, plan: &Plan) -> Dispatched {
    let mut dispatched = Dispatched::default();
    let mut hosts: BTreeSet<(String, String)> = BTreeSet::new();
    let mut grants = BTreeSet::new();
    for (group, rules) in &plan.groups {
        let parents = parents(plan.listeners.get(&group.namespace).into_iter().flatten());
        let mut number = 0;
        for chunk in rules.chunks(MOST_RULES) {
            for parents in parents.chunks(MOST_PARENTS) {
                number += 1;
                let name = group_name(gateway, group, number);
                let (specs, names) = specs(gateway, group, chunk);
                let spec = plan.route_spec(&group.namespace, parents, specs.into());
                let names = (name.clone(), names);
                dispatched.objects.push(WrittenObject::new(
                    dispatch_file(gateway),
                    comment(group),
                    (gateway_api("v1"), "HTTPRoute"),
                    (&group.namespace, &name),
                    spec,
                ));
                dispatched
                    .routes
                    .entry(group.clone())
                    .or_default()
                    .push(names);
            }
        }
        for rule in rules {
            let header = rule.host_header.as_deref().unwrap_or(HOST_HEADER);
            hosts.insert((group.namespace.clone(), header.to_owned()));
            let backend = &rule.backend;
            let from = (GATEWAY_API, "HTTPRoute", group.namespace.as_str());
            let to = ("", "Service", backend.namespace.as_str());
            if group.namespace != backend.namespace
                && !backend::granted(manifests, from, to, &backend.service)
            {
                grants.insert((group.namespace.clone(), backend.clone()));
            }
        }
    }
    let hosts = hosts.iter();
    let referred = hosts.map(|(namespace, header)| host_filter(gateway, namespace, header));
    let granted = grants.iter().map(|(from, to)| grant(gateway, from, to));
    let mut objects: Vec<WrittenObject> = referred.chain(granted).collect();
    objects.append(&mut dispatched.objects);
    dispatched.objects = objects;
    dispatched
}

fn comment(group: &Group) -> String {
    let whose = match (&group.route, group.retried) {
        (Some(route), Some(rule)) => format!("of rule {rule} of route {route}, which has retries"),
        (Some(route), None) => format!("of route {route}, which has a policy of its own"),
        (None, _) if group.grpc => "of GRPCRoutes".to_owned(),
        (None, _) => "of HTTPRoutes".to_owned(),
    };
    format!("Dispatch: to the backends {whose}, as the filters chose.")
}

fn group_name(gateway: &GatewayBundle, group: &Group, number: usize) -> String {
    let prefix = prefix(gateway, &group.namespace);
    let grpc = if group.grpc { "-grpc" } else { "" };
    let retried = group.retried.map(|rule| format!("-retry-{rule}"));
    let retried = retried.unwrap_or_default();
    // The name of a route comes last: no other name can end in it.
    let route = group.route.iter().map(|route| format!("-of-{route}"));
    let route: String = route.collect();
    match number {
        1 => format!("{prefix}-dispatch{grpc}{retried}{route}"),
        _ => format!("{prefix}-dispatch{grpc}{retried}-{number}{route}"),
    }
}

/// The rules of an HTTPRoute, and how those that had a name are called now.
fn specs(
    gateway: &GatewayBundle,
    group: &Group,
    rules: &[DispatchRule],
) -> (Vec<Value>, RuleNames) {
    let mut names = Vec::new();
    let mut specs = Vec::new();
    for rule in rules {
        let mut spec = rule.spec.clone();
        let header = rule.host_header.as_deref().unwrap_or(HOST_HEADER);
        let host = host_filter_name(gateway, &group.namespace, header);
        let host = json!({"type": "ExtensionRef", "extensionRef":
            {"group": ENVOY_GATEWAY, "kind": "HTTPRouteFilter", "name": host}});
        let filters = spec.entry("filters").or_insert_with(|| json!([]));
        if let Some(filters) = filters.as_array_mut() {
            filters.push(host);
        }
        let mut headers = vec![json!({"name": BACKEND_HEADER, "value": rule.backend.id})];
        if let Some((route, name)) = &rule.of {
            let pattern = format!("{}/.*", route.replace('.', r"\."));
            headers
                .push(json!({"name": ROUTE_HEADER, "type": "RegularExpression", "value": pattern}));
            if let Some(name) = name {
                let number = names.iter().filter(|(one, _)| one == name).count();
                let unique = match number {
                    0 => name.clone(),
                    _ => format!("{name}-{number}"),
                };
                spec.insert("name".to_owned(), unique.clone().into());
                names.push((name.clone(), unique));
            }
        }
        let backends = json!([backend_ref(&rule.backend)]);
        spec.insert("matches".to_owned(), json!([{"headers": headers}]));
        spec.insert("backendRefs".to_owned(), backends);
        specs.push(spec.into());
    }
    (specs, names)
}

fn host_filter_name(gateway: &GatewayBundle, namespace: &str, header: &str) -> String {
    let prefix = prefix(gateway, namespace);
    match header {
        HOST_HEADER => format!("{prefix}-host"),
        other => format!("{prefix}-host-{}", other.to_ascii_lowercase()),
    }
}

fn host_filter(gateway: &GatewayBundle, namespace: &str, header: &str) -> WrittenObject {
    WrittenObject::new(
        dispatch_file(gateway),
        format!("The Host that a backend sees: what {header} says, if a filter set it."),
        (envoy_gateway(), "HTTPRouteFilter"),
        (namespace, &host_filter_name(gateway, namespace, header)),
        json!({"urlRewrite": {"hostname": {"type": "Header", "header": header}}}),
    )
}

fn grant(gateway: &GatewayBundle, from: &str, to: &Backend) -> WrittenObject {
    let name = format!("{}-dispatch-{}", prefix(gateway, &to.namespace), to.service);
    WrittenObject::new(
        dispatch_file(gateway),
        format!("What GRPCRoutes of {from} may use, their dispatch may."),
        (gateway_api("v1beta1"), "ReferenceGrant"),
        (&to.namespace, &name),
        json!({
            "from": [{"group": GATEWAY_API, "kind": "HTTPRoute", "namespace": from}],
            "to": [{"group": "", "kind": "Service", "name": to.service}],
        }),
    )
}
