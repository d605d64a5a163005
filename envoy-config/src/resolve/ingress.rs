//! Ingress objects, and the canaries that ingress-nginx makes of them.
//!
//! Annotations are read as `internal/ingress/annotations/canary` of ingress-nginx reads them, and
//! decided upon as its `rootfs/etc/nginx/lua/balancer.lua` does. A canary Ingress becomes a second
//! backendRef of the rule that its main Ingress has for the same host and path. What cannot be
//! carried over is remarked upon.

mod annotation;
mod location;

use crate::load::{Document, Manifests};
use crate::report::{Report, Severity};
use annotation::CanaryAnnotations;
use gateway_filter_sdk::route::spec::BackendRefSpec;
use location::Location;

/// The Ingress objects and their canaries, paired.
pub(crate) struct Ingresses<'a> {
    pub(crate) mains: Vec<MainIngress<'a>>,
    pub(crate) canaries: Vec<CanaryIngress<'a>>,
}

/// Finds the rules of Ingress objects, and the canary of each.
pub(crate) fn ingresses<'a>(manifests: &'a Manifests, remarks: &mut Report) -> Ingresses<'a> {
    let mut canaries = Vec::new();
    let mut mains = Vec::new();
    for object in &manifests.ingresses {
        let document = &*object.document;
        let canary = annotation::read(document, remarks);
        let locations = location::of_ingress(manifests, object, remarks);
        match canary {
            Some(settings) => canaries.push((CanaryIngress { document, settings }, locations)),
            None => {
                let planned = |location| PlannedRule {
                    location,
                    canary: None,
                };
                let rules = locations.into_iter().map(planned).collect();
                mains.push(MainIngress { document, rules });
            }
        }
    }
    // ingress-nginx sorts Ingresses by age, and takes the first canary of a rule.
    canaries.sort_by(|(a, _), (b, _)| a.document.seniority().cmp(&b.document.seniority()));
    let mut ingresses = Vec::new();
    for (canary, locations) in canaries {
        for location in &locations {
            if let Err(message) = pair(&mut mains, &canary, ingresses.len(), location) {
                remarks.ignore(canary.document, &location.path, Severity::Error, message);
            }
        }
        ingresses.push(canary);
    }
    shared_upstreams(&mains, remarks);
    Ingresses {
        mains,
        canaries: ingresses,
    }
}

/// An Ingress that takes a share of others' requests.
pub(crate) struct CanaryIngress<'a> {
    pub(crate) document: &'a Document,
    pub(crate) settings: CanaryAnnotations,
}

/// An Ingress that is none, and what its rules become.
pub(crate) struct MainIngress<'a> {
    pub(crate) document: &'a Document,
    pub(crate) rules: Vec<PlannedRule>,
}

/// A rule of an Ingress, and its canary if it has one.
pub(crate) struct PlannedRule {
    pub(crate) location: Location,
    pub(crate) canary: Option<CanaryShare>,
}

/// The share of a rule that a canary takes.
#[derive(Clone, PartialEq)]
pub(crate) struct CanaryShare {
    /// Index of the canary Ingress.
    pub(crate) ingress: usize,
    pub(crate) backend: BackendRefSpec,
}

/// Finds the rule of the same host and path, and gives a share of it to the canary.
fn pair(
    mains: &mut [MainIngress],
    canary: &CanaryIngress,
    ingress: usize,
    location: &Location,
) -> Result<(), String> {
    let namespace = canary.document.namespace();
    let mains = mains
        .iter_mut()
        .filter(|main| main.document.namespace() == namespace);
    let mut rules = mains.flat_map(|main| &mut main.rules);
    let Some(rule) = rules.find(|rule| rule.location.is_at(location)) else {
        return Err("no Ingress has this host and path without being a canary".to_owned());
    };
    if rule.canary.is_some() {
        return Err("this host and path has a canary already".to_owned());
    }
    if rule.location.backend == location.backend {
        return Err("the same Service and port as without the canary".to_owned());
    }
    rule.canary = Some(CanaryShare {
        ingress,
        backend: location.backend.clone(),
    });
    Ok(())
}

/// ingress-nginx gives a canary to a Service, and so to all paths that lead there
/// (`mergeAlternativeBackend` in its `internal/ingress/controller/controller.go`); here it is for the
/// paths that it names.
fn shared_upstreams(mains: &[MainIngress], remarks: &mut Report) {
    let rules = || {
        mains
            .iter()
            .flat_map(|main| main.rules.iter().map(move |rule| (main, rule)))
    };
    for (main, rule) in rules().filter(|(_, rule)| rule.canary.is_none()) {
        let split = rules().any(|(other, one)| {
            one.canary.is_some()
                && one.location.backend == rule.location.backend
                && other.document.namespace() == main.document.namespace()
        });
        if split {
            let message = "without the canary that another path to this Service has; \
                           ingress-nginx has it for all of them";
            let (document, path) = (main.document, &rule.location.path);
            remarks.ignore(document, path, Severity::Warning, message.to_owned());
        }
    }
}
