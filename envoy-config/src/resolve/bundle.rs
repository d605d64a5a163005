//! Manifests to the configurations of the filters, per Gateway.

mod route;

use super::model::{Backend, Bundle, GatewayBundle, ListenerInfo, SecretName, ServedRule};
use crate::load::model::{GatewaySpec, Route, SecretRef};
use crate::load::policy::ClientSettings;
use crate::load::{Document, Manifests, Object, ObjectKind, policy};
use crate::report::{Report, Severity};
use crate::resolve::attach::{self, AttachedListener, Attachment, Protocol};
use crate::resolve::canary::{Canaries, GatewayCanaries, ServedGateway};
use crate::resolve::convert::{Converted, convert};
use crate::resolve::limits::{GatewayLimits, Limits};
use gateway_filter_sdk::route::spec::{ListenerSpec, RouteMatchSpec, RouteSpec, RuleSpec};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Attaches, resolves and converts. It always succeeds: what cannot be served is left out, or
/// answered 500 where the Gateway API says so, and reported.
#[must_use]
pub fn bundle(manifests: &Manifests) -> Bundle {
    let mut report = Report::default();
    report_unused(manifests, &mut report);
    attach::missing_gateways(manifests, &mut report);
    let mut owners: Vec<&Document> = Vec::new();
    let mut attached = Vec::new();
    for gateway in &manifests.gateways {
        let listeners = attach::listeners(manifests, gateway, &mut report);
        let routes = attach::attach(manifests, gateway, &listeners, &mut report);
        owners.push(&gateway.document);
        owners.extend(listeners.iter().map(|listener| listener.owner));
        attached.push((gateway, listeners, routes));
    }
    attach::missing_parents(manifests, &owners, &mut report);
    // A route is converted once, however many Gateways it is attached to: what is wrong with it is
    // reported once.
    let mut converted = HashMap::new();
    for route in attached
        .iter()
        .flat_map(|(_, _, routes)| routes)
        .map(|one| one.route)
    {
        let key = std::ptr::from_ref(route);
        converted
            .entry(key)
            .or_insert_with(|| convert(manifests, route, &mut report));
    }
    let mut limits = Limits::attach(manifests, &mut report);
    let mut canaries = Canaries::check(manifests, &mut report);
    let gateways = attached
        .iter()
        .map(|(gateway, listeners, routes)| {
            let policies = (&mut limits, &mut canaries);
            gateway_bundle(gateway, listeners, routes, &converted, policies)
        })
        .collect();
    limits.finish(&mut report);
    canaries.finish(&mut report);
    report
        .entries
        .sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Bundle { gateways, report }
}

fn report_unused(manifests: &Manifests, report: &mut Report) {
    for document in manifests.documents() {
        match document.object_kind() {
            ObjectKind::SecurityPolicy => {
                let message = "left to Envoy".to_owned();
                report.ignore(document, "", Severity::Native, message);
            }
            ObjectKind::Kept => {
                let message = "of a kind that is only passed on".to_owned();
                report.ignore(document, "", Severity::Note, message);
            }
            ObjectKind::Ingress => {
                let message = "not served here: `gwf migrate` writes HTTPRoutes for it".to_owned();
                report.ignore(document, "", Severity::Note, message);
            }
            ObjectKind::BackendTrafficPolicy
            | ObjectKind::ClientTrafficPolicy
            | ObjectKind::EnvoyExtensionPolicy => {
                if let Some(message) = policy::left_to_envoy(document) {
                    report.ignore(document, "spec", Severity::Native, message);
                }
            }
            ObjectKind::Unknown => {
                let group = document.group();
                let message = format!("ignored: the kind {group}/{} is not known", document.kind());
                report.ignore(document, "", Severity::Warning, message);
            }
            _ => {}
        }
    }
}

fn gateway_bundle(
    gateway: &Object<GatewaySpec>,
    listeners: &[AttachedListener],
    routes: &[Attachment],
    converted: &HashMap<*const Object<Route>, Converted>,
    (limits, canaries): (&mut Limits, &mut Canaries),
) -> GatewayBundle {
    let routes: Vec<(&Attachment, &Converted)> = routes
        .iter()
        .filter_map(|one| Some((one, converted.get(&std::ptr::from_ref(one.route))?)))
        .collect();
    let rules: Vec<(&Attachment, &[RuleSpec])> = routes
        .iter()
        .map(|(attachment, converted)| (*attachment, converted.spec.rules.as_slice()))
        .collect();
    let GatewayLimits { filter, refused } = limits.of_gateway(gateway, listeners, &rules);
    let served = ServedGateway {
        gateway: &gateway.document,
        listeners,
        routes: &routes,
        refused: &refused,
    };
    let GatewayCanaries {
        filter: canary,
        decided,
    } = canaries.of_gateway(limits, &served);
    let (specs, served_rules) = specs_and_rules(&routes, listeners, &refused, &decided);
    let listeners: Vec<ListenerInfo> = listeners
        .iter()
        .filter_map(|listener| serving(listener, &limits.client_of(&gateway.document, listener)))
        .collect();
    let listener_specs = listeners.iter().map(listener_spec).collect();
    GatewayBundle {
        namespace: gateway.document.namespace().to_owned(),
        name: gateway.document.name().to_owned(),
        route_match: RouteMatchSpec {
            listeners: listener_specs,
            routes: specs,
        },
        rate_limit: filter,
        canary,
        listeners,
        backends: backends(&routes),
        rules: served_rules,
    }
}

/// The routes as the route-match filter reads them, and their rules.
fn specs_and_rules(
    routes: &[(&Attachment, &Converted)],
    listeners: &[AttachedListener],
    refused: &BTreeMap<(usize, usize), BTreeSet<usize>>,
    decided: &BTreeSet<(usize, usize)>,
) -> (Vec<RouteSpec>, Vec<ServedRule>) {
    let mut specs = Vec::new();
    let mut served_rules = Vec::new();
    for (index, (attachment, converted)) in routes.iter().enumerate() {
        let refused = |listener| refused.get(&(index, listener)).cloned().unwrap_or_default();
        let decided = |rule| decided.contains(&(index, rule));
        specs.extend(route::specs(
            attachment, listeners, converted, refused, decided,
        ));
        served_rules.extend(route::served(attachment, listeners, converted, decided));
    }
    (specs, served_rules)
}

/// The backends of all routes, by name.
fn backends(routes: &[(&Attachment, &Converted)]) -> Vec<Backend> {
    let mut backends: BTreeMap<String, Backend> = BTreeMap::new();
    for resolved in routes
        .iter()
        .flat_map(|(_, converted)| converted.backends())
    {
        let id = resolved.id();
        let backend = backends.entry(id).or_insert_with_key(|id| Backend {
            namespace: resolved.namespace.clone(),
            service: resolved.service.clone(),
            port: resolved.port,
            http2: false,
            id: id.clone(),
        });
        backend.http2 |= resolved.http2;
    }
    backends.into_values().collect()
}

/// The listener, if it is served and carries HTTP.
fn serving(listener: &AttachedListener, client: &ClientSettings) -> Option<ListenerInfo> {
    let served = listener.is_ready() && listener.protocol.carries_http();
    served.then(|| ListenerInfo {
        name: listener.name.clone(),
        section: listener.spec.name.clone(),
        port: listener.spec.port,
        protocol: listener.spec.protocol.clone(),
        hostname: listener.spec.hostname.clone(),
        tls: listener.protocol == Protocol::Https,
        certificates: certificates(listener),
        trusted_hops: client.trusted_hops(),
        removed_request_headers: client.removed_request_headers().to_vec(),
    })
}

fn certificates(listener: &AttachedListener) -> Vec<SecretName> {
    let tls = listener.spec.tls.as_ref();
    let references = tls.map(|tls| tls.certificate_refs.iter());
    let own = listener.owner.namespace();
    let references = references.into_iter().flatten();
    let name = |reference: &SecretRef| SecretName {
        namespace: reference.namespace.as_deref().unwrap_or(own).to_owned(),
        name: reference.name.clone(),
    };
    references.map(name).collect()
}

fn listener_spec(listener: &ListenerInfo) -> ListenerSpec {
    ListenerSpec {
        name: listener.name.clone(),
        port: listener.port,
        protocol: Some(listener.protocol.clone()),
        hostname: listener.hostname.clone(),
    }
}
