//! Routes to listeners: parentRefs, what listeners allow, hostnames, and the peace between
//! HTTPRoutes and GRPCRoutes.

use super::hostname;
use super::listener::AttachedListener;
use crate::load::model::{GatewaySpec, ParentRef, Route};
use crate::load::{Document, Manifests, Object, find};
use crate::report::{Condition, Report, Severity};
use gateway_filter_sdk::route::spec::RouteKind;
use std::collections::{BTreeMap, BTreeSet};

/// A route that one Gateway serves.
#[derive(Debug)]
pub(crate) struct Attachment<'a> {
    pub(crate) route: &'a Object<Route>,
    /// Indices of the listeners that it is attached to, ascending.
    pub(crate) listeners: Vec<usize>,
}

/// One accepted parentRef of a route.
struct Claim<'a> {
    route: &'a Object<Route>,
    /// Index of the parentRef.
    parent: usize,
    listeners: Vec<usize>,
}

/// The routes that attach to the Gateway with these listeners, in the order of the files.
pub(crate) fn attach<'a>(
    manifests: &'a Manifests,
    gateway: &Object<GatewaySpec>,
    listeners: &[AttachedListener<'a>],
    report: &mut Report,
) -> Vec<Attachment<'a>> {
    let mut claims = Vec::new();
    for route in &manifests.routes {
        for (parent, parent_ref) in parents(route).enumerate() {
            let Some(owner) = owner(manifests, gateway, listeners, &route.document, parent_ref)
            else {
                continue;
            };
            match accept(manifests, listeners, owner, route, parent_ref) {
                Ok(listeners) => claims.push(Claim {
                    route,
                    parent,
                    listeners,
                }),
                Err((reason, message)) => {
                    let path = format!("spec.parentRefs[{parent}]");
                    report.refuse(&route.document, &path, Condition::accepted(reason), message);
                }
            }
        }
    }
    let claims = keep_kinds_apart(claims, listeners, report);
    collect(manifests, &claims)
}

/// Reports the parentRefs that lead to none of the `owners`: the Gateways and the ListenerSets
/// attached to them.
pub(crate) fn missing_parents(manifests: &Manifests, owners: &[&Document], report: &mut Report) {
    for route in &manifests.routes {
        let document = &route.document;
        for (index, parent) in parents(route).enumerate() {
            let path = format!("spec.parentRefs[{index}]");
            let namespace = parent.namespace.as_deref().unwrap_or(document.namespace());
            let name = &parent.name;
            let Some(kind @ ("Gateway" | "ListenerSet")) = parent.gateway_api_kind() else {
                let kind = parent.kind.as_deref().unwrap_or("Gateway");
                let message = format!("a parent of kind {kind} is not served here");
                report.ignore(document, &path, Severity::Note, message);
                continue;
            };
            let served = |owner: &&Document| {
                (owner.kind(), owner.namespace(), owner.name()) == (kind, namespace, name.as_str())
            };
            if !owners.iter().any(served) {
                let set = find(&manifests.listener_sets, namespace, name);
                let message = match set.filter(|_| kind == "ListenerSet") {
                    Some(_) => format!("{kind} {namespace}/{name} is not attached to a Gateway"),
                    None => format!("there is no {kind} {namespace}/{name}"),
                };
                report.refuse(
                    document,
                    &path,
                    Condition::accepted("NoMatchingParent"),
                    message,
                );
            }
        }
    }
}

fn parents(route: &Object<Route>) -> impl Iterator<Item = &ParentRef> {
    route.value.spec.parent_refs.iter().flatten()
}

/// The Gateway, or the ListenerSet attached to it, that the reference names.
fn owner<'a>(
    manifests: &'a Manifests,
    gateway: &'a Object<GatewaySpec>,
    listeners: &[AttachedListener],
    route: &Document,
    parent: &ParentRef,
) -> Option<&'a Document> {
    let namespace = parent.namespace.as_deref().unwrap_or(route.namespace());
    match parent.gateway_api_kind()? {
        "Gateway" => gateway
            .is(namespace, &parent.name)
            .then_some(&*gateway.document),
        "ListenerSet" => {
            let set = &*find(&manifests.listener_sets, namespace, &parent.name)?.document;
            listeners
                .iter()
                .any(|one| std::ptr::eq(one.owner, set))
                .then_some(set)
        }
        _ => None,
    }
}

/// The listeners of `owner` that the parentRef attaches the route to, or the reason why none.
fn accept(
    manifests: &Manifests,
    listeners: &[AttachedListener],
    owner: &Document,
    route: &Object<Route>,
    parent: &ParentRef,
) -> Result<Vec<usize>, (&'static str, String)> {
    let mut chosen: Vec<(usize, &AttachedListener)> = listeners.iter().enumerate().collect();
    chosen.retain(|(_, one)| std::ptr::eq(one.owner, owner) && refers(parent, one));
    if chosen.is_empty() {
        let message = format!("{} has no listener{}", owner.object(), wanted(parent));
        return Err(("NoMatchingParent", message));
    }
    let (kind, namespace) = (route.document.kind(), route.document.namespace());
    chosen.retain(|(_, one)| one.allows(manifests, kind, namespace));
    if chosen.is_empty() {
        let message = format!(
            "{}: no listener{} allows {kind}s from namespace {namespace}",
            owner.object(),
            wanted(parent)
        );
        return Err(("NotAllowedByListeners", message));
    }
    chosen.retain(|(_, one)| one.is_ready());
    if chosen.is_empty() {
        let message = format!(
            "{}: its listeners are in conflict with others",
            owner.object()
        );
        return Err(("NoMatchingParent", message));
    }
    chosen.retain(|(_, one)| !hosts(one, route).is_empty());
    if chosen.is_empty() {
        let hosts = route.value.spec.hostnames.iter().flatten();
        let hosts: Vec<&str> = hosts.map(String::as_str).collect();
        let message = format!(
            "no listener of {} serves {}",
            owner.object(),
            hosts.join(", ")
        );
        return Err(("NoMatchingListenerHostname", message));
    }
    Ok(chosen.into_iter().map(|(index, _)| index).collect())
}

/// The parentRef means this listener of its parent. "When both Port and SectionName are specified,
/// the name and port of the selected listener must match both specified values."
fn refers(parent: &ParentRef, listener: &AttachedListener) -> bool {
    let section = parent.section_name.as_ref();
    section.is_none_or(|section| *section == listener.spec.name)
        && parent.port.is_none_or(|port| port == listener.spec.port)
}

/// How a parentRef narrows its listeners down, for messages.
fn wanted(parent: &ParentRef) -> String {
    let section = parent
        .section_name
        .as_ref()
        .map(|name| format!(" `{name}`"));
    let port = parent.port.map(|port| format!(" on port {port}"));
    format!(
        "{}{}",
        section.unwrap_or_default(),
        port.unwrap_or_default()
    )
}

/// Hostnames that a route serves on a listener; absent is every host.
type Hosts<'a> = Vec<Option<&'a str>>;

/// A route on a listener, and the hosts that it has there.
type ServedHosts<'a> = (&'a Object<Route>, Hosts<'a>);

fn hosts<'a>(listener: &AttachedListener<'a>, route: &'a Object<Route>) -> Hosts<'a> {
    let hostnames = route.value.spec.hostnames.as_deref();
    hostname::effective(listener.spec.hostname.as_deref(), hostnames)
}

/// "If a Route (A) of type HTTPRoute or GRPCRoute is attached to a AttachedListener and that listener
/// already has another Route (B) of the other type attached and the intersection of the hostnames
/// of A and B is non-empty, then the implementation MUST accept exactly one of these two routes":
/// the oldest, then the first by "{namespace}/{name}".
fn keep_kinds_apart<'a>(
    mut claims: Vec<Claim<'a>>,
    listeners: &[AttachedListener<'a>],
    report: &mut Report,
) -> Vec<Claim<'a>> {
    claims.sort_by(|a, b| {
        let key = |claim: &Claim<'a>| {
            (
                claim.route.document.seniority(),
                claim.route.document.kind(),
            )
        };
        key(a).cmp(&key(b))
    });
    // Per listener and kind: the routes there, and the hosts that they have taken.
    let mut taken: BTreeMap<(usize, bool), Vec<ServedHosts>> = BTreeMap::new();
    let mut kept = Vec::with_capacity(claims.len());
    for claim in claims {
        let grpc = claim.route.value.kind == RouteKind::GRPCRoute;
        let wanted: Vec<(usize, Hosts)> = claim
            .listeners
            .iter()
            .filter_map(|index| Some((*index, hosts(listeners.get(*index)?, claim.route))))
            .collect();
        let rival = wanted.iter().find_map(|(index, wanted)| {
            let others = taken.get(&(*index, !grpc))?;
            others
                .iter()
                .find(|(_, taken)| hostname::meet(wanted, taken))
        });
        if let Some((rival, _)) = rival {
            let path = format!("spec.parentRefs[{}]", claim.parent);
            let message = format!(
                "{} serves the same hostnames on the same listener and comes first",
                rival.document.object()
            );
            let condition = Condition::accepted("HostnameConflict");
            report.refuse(&claim.route.document, &path, condition, message);
            continue;
        }
        for (index, wanted) in wanted {
            taken
                .entry((index, grpc))
                .or_default()
                .push((claim.route, wanted));
        }
        kept.push(claim);
    }
    kept
}

/// The claims of each route together.
fn collect<'a>(manifests: &'a Manifests, claims: &[Claim<'a>]) -> Vec<Attachment<'a>> {
    let mut listeners: BTreeMap<*const Object<Route>, BTreeSet<usize>> = BTreeMap::new();
    for claim in claims {
        listeners
            .entry(claim.route)
            .or_default()
            .extend(&claim.listeners);
    }
    let attachment = |route: &'a Object<Route>| {
        let listeners = listeners
            .get(&std::ptr::from_ref(route))?
            .iter()
            .copied()
            .collect();
        Some(Attachment { route, listeners })
    };
    manifests.routes.iter().filter_map(attachment).collect()
}
