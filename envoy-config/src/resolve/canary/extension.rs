//! Canaries of EnvoyExtensionPolicies: which one is for a rule, and which of its backends it is.

use super::backend;
use super::rule::AttachedRule;
use crate::load::Object;
use crate::load::policy::{CanaryExtension, Extensions, Policy};
use crate::report::{Condition, Report};
use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::route::spec::BackendRefSpec;
use gateway_filter_sdk::router::BACKEND_HEADER;
use gateway_filter_sdk::split::Canaries;
use gateway_filter_sdk::split::spec::{BackendSpec, CanaryFilterSpec, CanarySpec};
use std::collections::BTreeSet;

/// Reports what cannot be behind `route-match`: the indices of those canaries.
pub(super) fn check(policy: &Object<Policy<Extensions>>, report: &mut Report) -> Vec<usize> {
    let Some(CanaryExtension { path, spec }) = &policy.value.settings.canary else {
        return Vec::new();
    };
    let mut refused = Vec::new();
    for (index, canary) in spec.canaries.iter().enumerate() {
        let before = spec.canaries.iter().take(index);
        let Some((field, message)) = mistake(canary, before) else {
            continue;
        };
        let path = format!("{path}.canaries[{index}].{field}");
        let condition = Condition::accepted("Invalid");
        report.refuse(&policy.document, &path, condition, message);
        refused.push(index);
    }
    refused
}

/// The field and what is wrong with it.
fn mistake<'a>(
    canary: &CanarySpec,
    mut before: impl Iterator<Item = &'a CanarySpec>,
) -> Option<(String, String)> {
    let refuse = |field: &str, message: &str| Some((field.to_owned(), message.to_owned()));
    let of_canary = canary.weight.is_some()
        || canary.weight_total.is_some()
        || canary.ramp.is_some()
        || canary.guard.is_some()
        || !canary.overrides.is_empty();
    if before.any(|other| other.name == canary.name) {
        let message = format!("`{}` is the name of a canary before", canary.name);
        refuse("name", &message)
    } else if !canary.backends.is_empty() {
        refuse(
            "backends",
            "must be empty: they are the backendRefs of the rule",
        )
    } else if canary
        .header
        .as_deref()
        .is_some_and(|header| header != BACKEND_HEADER)
    {
        let message = format!("in a bundle the header is {BACKEND_HEADER}");
        refuse("header", &message)
    } else if canary.canary.is_none() && of_canary {
        refuse("canary", "must name the Service that is the canary")
    } else {
        unusable(canary)
    }
}

/// What the filter would refuse, and with it the configuration of the whole Gateway.
fn unusable(canary: &CanarySpec) -> Option<(String, String)> {
    let named = |name: &str| BackendSpec {
        name: Some(name.to_owned()),
        weight: None,
    };
    let service = canary.canary.as_deref().unwrap_or("canary");
    let tried = CanarySpec {
        targets: None,
        backends: vec![named(&format!("not {service}")), named(service)],
        ..canary.clone()
    };
    let tried = CanaryFilterSpec {
        canaries: vec![tried],
        ..CanaryFilterSpec::default()
    };
    let InvalidConfig { path, reason } = Canaries::new(&tried, &MockHost::default()).err()?;
    let field = path.strip_prefix("canaries[0].").unwrap_or(&path);
    Some((field.to_owned(), reason))
}

/// The index of the first canary whose targets the rule is among.
pub(super) fn fitting(extension: &CanaryExtension, rule: AttachedRule) -> Option<usize> {
    let target = rule.target();
    extension.spec.canaries.iter().position(|canary| {
        let targets = canary.targets.as_ref();
        targets.is_none_or(|targets| {
            targets.iter().any(|one| {
                (one.route.is_none() || one.route == target.route)
                    && (one.rule.is_none() || one.rule == target.rule)
            })
        })
    })
}

/// The canary with the name of the rule's backend that it is. The error says what the Service is to
/// the rule instead.
pub(super) fn resolved(
    canary: &CanarySpec,
    rule: AttachedRule,
) -> Result<CanarySpec, &'static str> {
    let mut spec = canary.clone();
    if let Some(service) = &canary.canary {
        spec.canary = Some(backend_of(service, rule)?);
    }
    Ok(spec)
}

fn backend_of(service: &str, rule: AttachedRule) -> Result<String, &'static str> {
    let own = rule.route.document.namespace();
    let (namespace, service) = service.split_once('/').unwrap_or((own, service));
    let (service, port) = match service.split_once(':') {
        Some((service, port)) => (service, Some(port)),
        None => (service, None),
    };
    let is = |one: &&BackendRefSpec| {
        let ports = one.port.map(|port| port.to_string());
        one.name == service
            && one.namespace.as_deref() == Some(namespace)
            && (port.is_none() || ports.as_deref() == port)
    };
    let mut references = rule.spec.backend_refs.iter().filter(is);
    let first = references.next().ok_or("is no backendRef of")?;
    if references.any(|other| other.port != first.port) {
        return Err("is, with more than one port, a backendRef of");
    }
    let name = backend::name(first).ok_or("cannot be used by")?;
    if rule.spec.backend_refs.iter().all(|one| is(&one)) {
        return Err("is the only backendRef of");
    }
    Ok(name)
}

/// Reports the rules that a canary was for, and is not.
pub(super) fn report_missing(
    policy: &Object<Policy<Extensions>>,
    canary: usize,
    why: &str,
    rules: &BTreeSet<String>,
    report: &mut Report,
) {
    let Some(CanaryExtension { path, spec }) = &policy.value.settings.canary else {
        return;
    };
    let service = spec
        .canaries
        .get(canary)
        .and_then(|one| one.canary.as_deref());
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let message = format!(
        "`{}` {why} {}: left to the weights",
        service.unwrap_or_default(),
        rules.join(", ")
    );
    let path = format!("{path}.canaries[{canary}].canary");
    let condition = Condition::accepted("Invalid");
    report.refuse(&policy.document, &path, condition, message);
}
