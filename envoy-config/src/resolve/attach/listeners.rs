//! The listeners of a Gateway: its own and those of its ListenerSets.

use super::listener::{AttachedListener, Protocol};
use super::{conflict, namespaces};
use crate::load::model::{FromNamespaces, GatewaySpec, Listener, ListenerSetSpec};
use crate::load::{Document, GATEWAY_API, Manifests, Object};
use crate::report::{Condition, Report};

/// All listeners of a Gateway in the order that gives them precedence: "1. 'parent' Gateway
/// 2. ListenerSet ordered by creation time (oldest first) 3. ListenerSet ordered alphabetically
/// by '{namespace}/{name}'". Those of an unknown protocol are left out and reported.
pub(crate) fn listeners<'a>(
    manifests: &'a Manifests,
    gateway: &'a Object<GatewaySpec>,
    report: &mut Report,
) -> Vec<AttachedListener<'a>> {
    let own = &gateway.document;
    let prefix = format!("{}/{}", own.namespace(), own.name());
    let mut listeners = read(&prefix, own, false, &gateway.value.listeners, report);
    let mut sets: Vec<_> = manifests
        .listener_sets
        .iter()
        .filter(|set| is_parent(gateway, set))
        .collect();
    sets.sort_by_cached_key(|set| owned(set.document.seniority()));
    for set in sets {
        let document = &set.document;
        if admits(manifests, gateway, document) {
            let prefix = format!("{prefix}/{}/{}", document.namespace(), document.name());
            listeners.extend(read(&prefix, document, true, &set.value.listeners, report));
        } else {
            let message = format!(
                "Gateway {}/{} does not allow ListenerSets of this namespace",
                own.namespace(),
                own.name()
            );
            report.refuse(
                document,
                "spec.parentRef",
                Condition::accepted("NotAllowed"),
                message,
            );
        }
    }
    conflict::mark(&mut listeners, report);
    listeners
}

fn owned((age, created, namespace, name): (bool, Option<String>, &str, &str)) -> impl Ord + use<> {
    (age, created, namespace.to_owned(), name.to_owned())
}

fn is_parent(gateway: &Object<GatewaySpec>, set: &Object<ListenerSetSpec>) -> bool {
    let parent = &set.value.parent_ref;
    let namespace = parent
        .namespace
        .as_deref()
        .unwrap_or(set.document.namespace());
    parent.gateway_api_kind() == Some("Gateway") && gateway.is(namespace, &parent.name)
}

/// Reports the ListenerSets whose Gateway is not there.
pub(crate) fn missing_gateways(manifests: &Manifests, report: &mut Report) {
    for set in &manifests.listener_sets {
        if !manifests
            .gateways
            .iter()
            .any(|gateway| is_parent(gateway, set))
        {
            let parent = &set.value.parent_ref;
            let namespace = parent
                .namespace
                .as_deref()
                .unwrap_or(set.document.namespace());
            let message = format!("there is no Gateway {namespace}/{}", parent.name);
            let condition = Condition::accepted("ParentNotAccepted");
            report.refuse(&set.document, "spec.parentRef", condition, message);
        }
    }
}

/// "AllowedListeners defines which ListenerSets can be attached to this Gateway. The default value
/// is to allow no ListenerSets."
fn admits(manifests: &Manifests, gateway: &Object<GatewaySpec>, set: &Document) -> bool {
    let allowed = gateway.value.allowed_listeners.as_ref();
    let filter = allowed.and_then(|allowed| allowed.namespaces.as_ref());
    let own = gateway.document.namespace();
    namespaces::allowed(
        manifests,
        filter,
        FromNamespaces::None,
        own,
        set.namespace(),
    )
}

fn read<'a>(
    prefix: &str,
    owner: &'a Document,
    from_set: bool,
    specs: &'a [Listener],
    report: &mut Report,
) -> Vec<AttachedListener<'a>> {
    let mut listeners = Vec::new();
    for (index, spec) in specs.iter().enumerate() {
        let path = format!("spec.listeners[{index}]");
        let Some(protocol) = Protocol::parse(&spec.protocol) else {
            let message = format!("listener {}: protocol {}", spec.name, spec.protocol);
            let condition = Condition::accepted("UnsupportedProtocol");
            report.refuse(owner, &format!("{path}.protocol"), condition, message);
            continue;
        };
        let kinds = kinds(owner, spec, protocol, &path, report);
        let name = format!("{prefix}/{}", spec.name);
        let conflicted = false;
        listeners.push(AttachedListener {
            name,
            owner,
            from_set,
            spec,
            protocol,
            path,
            conflicted,
            kinds,
        });
    }
    listeners
}

/// The kinds of route that the listener takes. "Kinds: when unspecified or empty, the kinds of
/// Routes selected are determined using the AttachedListener protocol"; a kind that the protocol has not
/// is left out: "Implementations MUST set ResolvedRefs to False with InvalidRouteKinds".
fn kinds(
    owner: &Document,
    spec: &Listener,
    protocol: Protocol,
    path: &str,
    report: &mut Report,
) -> Vec<&'static str> {
    let possible = protocol.route_kinds();
    let asked = spec
        .allowed_routes
        .as_ref()
        .and_then(|allowed| allowed.kinds.as_deref());
    let Some(asked) = asked.filter(|kinds| !kinds.is_empty()) else {
        return possible.to_vec();
    };
    let mut kinds = Vec::new();
    for (index, entry) in asked.iter().enumerate() {
        let group = entry.group.as_deref().unwrap_or(GATEWAY_API);
        match possible
            .iter()
            .find(|kind| **kind == entry.kind && group == GATEWAY_API)
        {
            Some(kind) => kinds.push(*kind),
            None => {
                let path = format!("{path}.allowedRoutes.kinds[{index}]");
                let message = format!(
                    "listener {}: {} does not take routes of kind {group}/{}",
                    spec.name, spec.protocol, entry.kind
                );
                let condition = Condition::resolved_refs("InvalidRouteKinds");
                report.refuse(owner, &path, condition, message);
            }
        }
    }
    kinds
}
