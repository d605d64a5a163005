//! Which policy is attached to what: references, selectors, and the older of two.

use crate::load::model::{Listener, Route};
use crate::load::policy::{Policy, TargetNamespaceFrom, TargetSelector};
use crate::load::{Document, ENVOY_GATEWAY, GATEWAY_API, Manifests, Object, find};
use crate::report::{Condition, Report};
use crate::resolve::attach::{self, AttachedListener};
use crate::resolve::backend;
use std::collections::HashMap;
use std::fmt;

/// What a policy is attached to: an object, or a listener or named rule of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    kind: String,
    namespace: String,
    name: String,
    section: Option<String>,
}

impl Scope {
    fn of(document: &Document, section: Option<&str>) -> Self {
        Self {
            kind: document.kind().to_owned(),
            namespace: document.namespace().to_owned(),
            name: document.name().to_owned(),
            section: section.map(str::to_owned),
        }
    }

    /// The object as a whole.
    pub(crate) fn of_object(document: &Document) -> Self {
        Self::of(document, None)
    }

    /// `HTTPRoute`, `Gateway`, …
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether it is the object of that kind and name, or a section of it.
    pub(crate) fn is_in(&self, kind: &str, namespace: &str, name: &str) -> bool {
        (&*self.kind, &*self.namespace, &*self.name) == (kind, namespace, name)
    }

    /// Namespace of the object.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Name of the object.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// It is a route or a rule of one.
    pub(crate) fn is_route(&self) -> bool {
        matches!(&*self.kind, "HTTPRoute" | "GRPCRoute")
    }

    /// The listener or rule, if it is one.
    pub(crate) fn section(&self) -> Option<&str> {
        self.section.as_deref()
    }

    /// What a rule of a route is in, the most specific first.
    pub(crate) fn of_rule(route: &Document, rule: Option<&str>) -> Vec<Self> {
        let rule = rule.map(|name| Self::of(route, Some(name)));
        rule.into_iter().chain([Self::of(route, None)]).collect()
    }

    /// What a listener is in, the most specific first. Envoy Gateway takes the policy of a Gateway's
    /// own listener for a sibling of ListenerSets, whatever its name.
    pub(crate) fn of_listener(gateway: &Document, listener: &AttachedListener) -> Vec<Self> {
        let mut scopes = vec![
            Self::of(listener.owner, Some(&listener.spec.name)),
            Self::of(listener.owner, None),
        ];
        if listener.from_set {
            scopes.push(Self::of(gateway, None));
        }
        scopes
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if let Some(section) = &self.section {
            write!(formatter, "`{section}` of ")?;
        }
        write!(formatter, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// By what it is attached to, the index of a policy.
pub(crate) type Attached = HashMap<Scope, usize>;

/// Attaches policies of one kind, the oldest first, then by "{namespace}/{name}" (Envoy Gateway 1.9,
/// `Sort` in `internal/gatewayapi/resource/resource.go`). What has a policy takes no other.
pub(crate) fn attach<T>(
    manifests: &Manifests,
    policies: &[Object<Policy<T>>],
    report: &mut Report,
) -> Attached {
    let mut order: Vec<usize> = (0..policies.len()).collect();
    order.sort_by_key(|index| policies.get(*index).map(|one| one.document.seniority()));
    let mut attached = Attached::new();
    for index in order {
        let Some(policy) = policies.get(index) else {
            continue;
        };
        for (path, scope) in targets(manifests, policy, report) {
            let rival = *attached.entry(scope.clone()).or_insert(index);
            if rival != index
                && let Some(rival) = policies.get(rival)
            {
                let message = format!("{} has attached to {scope}", rival.document.object());
                let condition = Condition::accepted("Conflicted");
                report.refuse(&policy.document, &path, condition, message);
            }
        }
    }
    attached
}

/// The targets that exist, and where they are named.
fn targets<T>(
    manifests: &Manifests,
    policy: &Object<Policy<T>>,
    report: &mut Report,
) -> Vec<(String, Scope)> {
    let document = &policy.document;
    let references = &policy.value.targets;
    let mut targets = Vec::new();
    for (index, selector) in references.target_selectors.iter().enumerate() {
        let path = format!("spec.targetSelectors[{index}]");
        let selected =
            selectable(manifests).filter(|one| selects(manifests, document, selector, one));
        targets.extend(selected.map(|one| (path.clone(), Scope::of(one, None))));
    }
    for (path, reference) in references.references() {
        let (kind, name) = (reference.kind.as_str(), reference.name.as_str());
        // The routes of other protocols carry no HTTP.
        if !matches!(kind, "Gateway" | "ListenerSet" | "HTTPRoute" | "GRPCRoute") {
            continue;
        }
        let section = reference.section_name.as_deref();
        let namespace = document.namespace();
        let found = sections(manifests, kind, namespace, name);
        let message = match (found, section) {
            (Some((target, _)), None) => {
                targets.push((path, Scope::of(target, None)));
                continue;
            }
            (Some((target, sections)), Some(section)) if sections.contains(&section) => {
                targets.push((path, Scope::of(target, Some(section))));
                continue;
            }
            (Some(_), Some(section)) => {
                format!("{kind} {namespace}/{name} has no section `{section}`")
            }
            // Envoy Gateway is silent: another controller may have it. Here is no other.
            (None, _) => format!("there is no {kind} {namespace}/{name}"),
        };
        report.refuse(
            document,
            &path,
            Condition::accepted("TargetNotFound"),
            message,
        );
    }
    targets
}

/// The object, and the names of its listeners or rules.
fn sections<'a>(
    manifests: &'a Manifests,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Option<(&'a Document, Vec<&'a str>)> {
    let listeners =
        |listeners: &'a [Listener]| listeners.iter().map(|one| one.name.as_str()).collect();
    match kind {
        "Gateway" => {
            let found = find(&manifests.gateways, namespace, name)?;
            Some((&found.document, listeners(&found.value.listeners)))
        }
        "ListenerSet" => {
            let found = find(&manifests.listener_sets, namespace, name)?;
            Some((&found.document, listeners(&found.value.listeners)))
        }
        _ => {
            let is =
                |route: &&Object<Route>| route.document.kind() == kind && route.is(namespace, name);
            let found = manifests.routes.iter().find(is)?;
            let rules = found.value.spec.rules.iter().flatten();
            let names = rules.filter_map(|rule| rule.name.as_deref());
            Some((&found.document, names.collect()))
        }
    }
}

/// What a selector can find.
fn selectable(manifests: &Manifests) -> impl Iterator<Item = &Document> {
    let gateways = manifests.gateways.iter().map(|one| &*one.document);
    let sets = manifests.listener_sets.iter().map(|one| &*one.document);
    let routes = manifests.routes.iter().map(|one| &*one.document);
    gateways.chain(sets).chain(routes)
}

/// "Selecting targets across namespaces requires a ReferenceGrant in the target namespace that
/// allows this policy kind to reference the selected target kind. Cross-namespace targets without a
/// matching ReferenceGrant are ignored."
fn selects(
    manifests: &Manifests,
    policy: &Document,
    selector: &TargetSelector,
    target: &Document,
) -> bool {
    let own = policy.namespace() == target.namespace();
    let namespaces = selector.namespaces.as_ref();
    let in_namespace = match namespaces.map(|one| one.from).unwrap_or_default() {
        TargetNamespaceFrom::Same => own,
        TargetNamespaceFrom::All => true,
        TargetNamespaceFrom::Selector => namespaces
            .and_then(|one| one.selector.as_ref())
            .is_some_and(|one| {
                attach::selects(one, &manifests.namespace_labels(target.namespace()))
            }),
    };
    let no_labels = std::collections::BTreeMap::new();
    let labels = target.metadata().labels.as_ref().unwrap_or(&no_labels);
    let granted = || {
        let from = (ENVOY_GATEWAY, policy.kind(), policy.namespace());
        let to = (GATEWAY_API, target.kind(), target.namespace());
        backend::granted(manifests, from, to, target.name())
    };
    selector.is_for(target.kind())
        && in_namespace
        && attach::selects(&selector.labels, labels)
        && (own || granted())
}
