//! Ingress objects, and the canaries that ingress-nginx makes of them, as Gateway API objects.
//!
//! Annotations are read as `internal/ingress/annotations/canary` of ingress-nginx reads them, and
//! decided upon as its `rootfs/etc/nginx/lua/balancer.lua` does. A canary Ingress becomes a second
//! backendRef of the rule that its main Ingress has for the same host and path. What cannot be
//! carried over is remarked upon.

mod annotation;
mod location;
mod write;

use crate::load::{Document, Manifests};
use crate::report::{Report, Severity};
use annotation::Canary;
use gateway_filter_sdk::route::spec::BackendRefSpec;
use location::Location;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What takes the place of some Ingress objects. As text it is the objects' YAML, each after a comment
/// that says what it is for.
#[derive(Debug, Clone)]
pub struct Migration {
    /// HTTPRoutes, then EnvoyExtensionPolicies.
    pub objects: Vec<MigratedObject>,
    /// What was not carried over, by file and line.
    pub remarks: Report,
}

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigratedObject {
    /// What it is for: lines without `#`.
    pub comment: String,
    /// The object as a YAML document.
    pub yaml: String,
}

impl fmt::Display for Migration {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for object in &self.objects {
            formatter.write_str("---\n")?;
            for line in object.comment.lines() {
                writeln!(formatter, "# {line}")?;
            }
            writeln!(formatter, "{}", object.yaml.trim_end())?;
        }
        Ok(())
    }
}

/// The Gateway that the routes are attached to, parsed from `<namespace>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for GatewayName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// Not the name of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not NAMESPACE/NAME")]
pub struct InvalidGatewayName(String);

impl FromStr for GatewayName {
    type Err = InvalidGatewayName;

    fn from_str(text: &str) -> Result<Self, InvalidGatewayName> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(InvalidGatewayName(text.to_owned())),
        }
    }
}

/// Writes HTTPRoutes for the Ingress objects, and EnvoyExtensionPolicies for their canaries.
#[must_use]
pub fn migrate(manifests: &Manifests, gateway: &GatewayName) -> Migration {
    let mut remarks = Report::default();
    let mut canaries = Vec::new();
    let mut mains = Vec::new();
    for object in &manifests.ingresses {
        let document = &*object.document;
        let canary = annotation::read(document, &mut remarks);
        let locations = location::of_ingress(manifests, object, &mut remarks);
        match canary {
            Some(settings) => canaries.push((CanaryIngress { document, settings }, locations)),
            None => {
                let planned = |location| Planned {
                    location,
                    canary: None,
                };
                let rules = locations.into_iter().map(planned).collect();
                mains.push(Main { document, rules });
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
    shared_upstreams(&mains, &mut remarks);
    let objects = write::objects(&mains, &ingresses, gateway);
    remarks
        .entries
        .sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Migration { objects, remarks }
}

/// An Ingress that takes a share of others' requests.
struct CanaryIngress<'a> {
    document: &'a Document,
    settings: Canary,
}

/// An Ingress that is none, and what its rules become.
struct Main<'a> {
    document: &'a Document,
    rules: Vec<Planned>,
}

struct Planned {
    location: Location,
    canary: Option<Taken>,
}

/// The share of a rule that a canary takes.
#[derive(Clone, PartialEq)]
struct Taken {
    /// Index of the canary Ingress.
    ingress: usize,
    backend: BackendRefSpec,
}

/// Finds the rule of the same host and path, and gives a share of it to the canary.
fn pair(
    mains: &mut [Main],
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
    rule.canary = Some(Taken {
        ingress,
        backend: location.backend.clone(),
    });
    Ok(())
}

/// ingress-nginx gives a canary to a Service, and so to all paths that lead there
/// (`mergeAlternativeBackend` in its `internal/ingress/controller/controller.go`); here it is for the
/// paths that it names.
fn shared_upstreams(mains: &[Main], remarks: &mut Report) {
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
