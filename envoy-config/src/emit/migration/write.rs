//! HTTPRoutes and EnvoyExtensionPolicies, as YAML.

use super::gateway_name::GatewayName;
use crate::emit::yaml::yaml;
use crate::load::{Document, ENVOY_GATEWAY, GATEWAY_API};
use crate::resolve::ingress::{CanaryIngress, CanaryShare, Ingresses, MainIngress, PlannedRule};
use gateway_filter_sdk::route::spec::{BackendRefSpec, RuleSpec};
use gateway_filter_sdk::split::spec::{CanaryFilterSpec, CanarySpec, RouteTargetSpec};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most rules, and the most hostnames, that an HTTPRoute has.
const MOST: usize = 16;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenManifest<S> {
    api_version: String,
    kind: &'static str,
    metadata: WrittenMetadata,
    spec: S,
}

#[derive(Serialize)]
struct WrittenMetadata {
    name: String,
    namespace: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRouteSpec<'a> {
    parent_refs: [&'a GatewayName; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hostnames: Vec<String>,
    rules: Vec<RuleSpec>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenExtensionSpec {
    target_refs: Vec<WrittenTargetRef>,
    wasm: [WrittenWasm; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenTargetRef {
    group: &'static str,
    kind: &'static str,
    name: String,
    section_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WrittenWasm {
    name: &'static str,
    #[serde(rename = "rootID")]
    root_id: &'static str,
    code: Value,
    config: CanaryFilterSpec,
}

/// A rule of an HTTPRoute that has a canary.
struct CanaryRule {
    route: String,
    namespace: String,
    rule: usize,
    stable: BackendRefSpec,
    taken: CanaryShare,
}

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigratedObject {
    /// What it is for: lines without `#`.
    pub comment: String,
    /// The object as a YAML document.
    pub yaml: String,
}

/// All objects.
pub(super) fn objects(ingresses: &Ingresses, gateway: &GatewayName) -> Vec<MigratedObject> {
    let Ingresses { mains, canaries } = ingresses;
    let mut writer = MigrationWriter {
        canaries,
        gateway,
        names: BTreeSet::new(),
        objects: Vec::new(),
        canary_rules: Vec::new(),
    };
    for main in mains {
        writer.routes(main);
    }
    for (ingress, canary) in canaries.iter().enumerate() {
        writer.extension(ingress, canary);
    }
    writer.objects
}

struct MigrationWriter<'a> {
    canaries: &'a [CanaryIngress<'a>],
    gateway: &'a GatewayName,
    /// Namespaces and names of the HTTPRoutes.
    names: BTreeSet<(String, String)>,
    objects: Vec<MigratedObject>,
    canary_rules: Vec<CanaryRule>,
}

impl MigrationWriter<'_> {
    /// An HTTPRoute for all hosts with the same rules, and more where they are too many.
    fn routes(&mut self, main: &MainIngress) {
        let mut groups: Vec<(Vec<Option<&str>>, Vec<&PlannedRule>)> = Vec::new();
        for rule in &main.rules {
            let host = rule.location.host.as_deref();
            if groups.iter().any(|(hosts, _)| hosts.contains(&host)) {
                continue;
            }
            let of_host = main
                .rules
                .iter()
                .filter(|one| one.location.host.as_deref() == host);
            let rules: Vec<&PlannedRule> = of_host.collect();
            let alike = |(hosts, others): &&mut (Vec<Option<&str>>, Vec<&PlannedRule>)| {
                let both = rules.iter().zip(others.iter());
                host.is_some()
                    && hosts.len() < MOST
                    && !hosts.contains(&None)
                    && others.len() == rules.len()
                    && both.into_iter().all(|(one, other)| one.is_like(other))
            };
            match groups.iter_mut().find(alike) {
                Some((hosts, _)) => hosts.push(host),
                None => groups.push((vec![host], rules)),
            }
        }
        for (hosts, rules) in groups {
            for rules in rules.chunks(MOST) {
                self.route(main.document, &hosts, rules);
            }
        }
    }

    fn route(&mut self, ingress: &Document, hosts: &[Option<&str>], rules: &[&PlannedRule]) {
        let namespace = ingress.namespace().to_owned();
        let name = self.free_name(&namespace, ingress.name());
        let mut canaries = BTreeSet::new();
        let mut specs = Vec::new();
        for (rule, planned) in rules.iter().enumerate() {
            specs.push(self.rule(rule, planned));
            let Some(taken) = planned.canary.clone() else {
                continue;
            };
            canaries.extend(
                self.canaries
                    .get(taken.ingress)
                    .map(|one| one.document.name()),
            );
            self.canary_rules.push(CanaryRule {
                route: name.clone(),
                namespace: namespace.clone(),
                rule,
                stable: planned.location.backend.clone(),
                taken,
            });
        }
        let mut comment = format!("Ingress {}", ingress.full_name());
        for canary in canaries {
            comment += &format!(" and its canary {canary}");
        }
        let hosts = hosts.iter().copied().flatten();
        let spec = WrittenRouteSpec {
            parent_refs: [self.gateway],
            hostnames: hosts.map(str::to_owned).collect(),
            rules: specs,
        };
        let metadata = WrittenMetadata { name, namespace };
        self.object(comment, GATEWAY_API, "v1", "HTTPRoute", metadata, spec);
    }

    fn rule(&self, index: usize, planned: &PlannedRule) -> RuleSpec {
        let canary = planned.canary.as_ref();
        let settings = canary.and_then(|taken| self.canaries.get(taken.ingress));
        let (stable, share) = settings.map(|canary| canary.settings.weights).unzip();
        let weigh = |backend: &BackendRefSpec, weight| BackendRefSpec {
            weight,
            ..backend.clone()
        };
        let backends = [weigh(&planned.location.backend, stable)];
        let canary_backend = canary.map(|taken| weigh(&taken.backend, share));
        RuleSpec {
            name: canary.map(|_| section(index)),
            matches: vec![planned.location.path_match()],
            backend_refs: backends.into_iter().chain(canary_backend).collect(),
            ..RuleSpec::default()
        }
    }

    /// The name, or with a number if it is taken.
    fn free_name(&mut self, namespace: &str, name: &str) -> String {
        let mut number = 1;
        let mut free = name.to_owned();
        while !self.names.insert((namespace.to_owned(), free.clone())) {
            number += 1;
            free = format!("{name}-{number}");
        }
        free
    }

    /// The policy of a canary Ingress, if it has a rule.
    fn extension(&mut self, ingress: usize, canary: &CanaryIngress) {
        let canary_rules = self
            .canary_rules
            .iter()
            .filter(|rule| rule.taken.ingress == ingress);
        let canary_rules: Vec<&CanaryRule> = canary_rules.collect();
        if canary_rules.is_empty() {
            return;
        }
        let target_ref = |rule: &&CanaryRule| WrittenTargetRef {
            group: GATEWAY_API,
            kind: "HTTPRoute",
            name: rule.route.clone(),
            section_name: section(rule.rule),
        };
        let spec = WrittenExtensionSpec {
            target_refs: canary_rules.iter().map(target_ref).collect(),
            wasm: [WrittenWasm {
                name: "canary",
                root_id: "canary",
                code: json!({"type": "Image", "image": {"url": "registry.example.com/canary"}}),
                config: CanaryFilterSpec {
                    canaries: canaries(canary, &canary_rules),
                    ..CanaryFilterSpec::default()
                },
            }],
        };
        let comment = format!(
            "Ingress {}: who goes to the canary; all others go by the weights of the rules.\n\
             Put in the image of canary.wasm.",
            canary.document.full_name()
        );
        let metadata = WrittenMetadata {
            name: canary.document.name().to_owned(),
            namespace: canary.document.namespace().to_owned(),
        };
        self.object(
            comment,
            ENVOY_GATEWAY,
            "v1alpha1",
            "EnvoyExtensionPolicy",
            metadata,
            spec,
        );
    }

    fn object(
        &mut self,
        comment: String,
        group: &str,
        version: &str,
        kind: &'static str,
        metadata: WrittenMetadata,
        spec: impl Serialize,
    ) {
        let manifest = WrittenManifest {
            api_version: format!("{group}/{version}"),
            kind,
            metadata,
            spec,
        };
        let yaml = yaml(&manifest);
        self.objects.push(MigratedObject { comment, yaml });
    }
}

impl PlannedRule {
    /// The same but for the host.
    fn is_like(&self, other: &Self) -> bool {
        self.location.path_match() == other.location.path_match()
            && self.location.backend == other.location.backend
            && self.canary == other.canary
    }
}

/// The name of a rule that has a canary.
fn section(rule: usize) -> String {
    format!("rule-{rule}")
}

/// The settings, once for each Service that the Ingress leads to.
fn canaries(canary: &CanaryIngress, canary_rules: &[&CanaryRule]) -> Vec<CanarySpec> {
    let service = |rule: &CanaryRule| {
        let backend = &rule.taken.backend;
        match backend.port.filter(|_| backend.name == rule.stable.name) {
            Some(port) => format!("{}:{port}", backend.name),
            None => backend.name.clone(),
        }
    };
    let services: BTreeSet<String> = canary_rules.iter().map(|rule| service(rule)).collect();
    let several = services.len() > 1;
    let target = |rule: &&CanaryRule| RouteTargetSpec {
        route: Some(format!("httproute/{}/{}", rule.namespace, rule.route)),
        rule: u32::try_from(rule.rule).ok(),
    };
    let spec = |name: String| {
        let own = canary_rules
            .iter()
            .copied()
            .filter(|rule| service(rule) == name);
        let targets = own.map(|rule| target(&rule)).collect();
        CanarySpec {
            name: match several {
                true => format!("{}-{}", canary.document.name(), name.replace(':', "-")),
                false => canary.document.name().to_owned(),
            },
            targets: several.then_some(targets),
            canary: Some(name),
            overrides: canary.settings.overrides.clone(),
            ..CanarySpec::default()
        }
    };
    services.into_iter().map(spec).collect()
}
