//! What a rule chooses from.

use gateway_filter_sdk::route::spec::{BackendRefSpec, RuleSpec};
use gateway_filter_sdk::split::spec::BackendSpec;

/// The backendRefs that lead to a backend.
pub(super) fn usable(rule: &RuleSpec) -> impl Iterator<Item = &BackendRefSpec> + Clone {
    let references = rule.backend_refs.iter();
    references.filter(|one| one.invalid.is_none())
}

/// `<namespace>/<service>:<port>`, what `route-match` writes; none of a backend that is not usable.
pub(super) fn name(reference: &BackendRefSpec) -> Option<String> {
    let namespace = reference.namespace.as_deref()?;
    let port = reference.port.filter(|_| reference.invalid.is_none())?;
    Some(format!("{namespace}/{}:{port}", reference.name))
}

/// The backends by name, each once.
pub(super) fn specs(rule: &RuleSpec) -> Vec<BackendSpec> {
    let mut specs: Vec<BackendSpec> = Vec::new();
    for reference in &rule.backend_refs {
        let (name, weight) = (name(reference), reference.weight.unwrap_or(1));
        match specs.iter_mut().find(|spec| spec.name == name) {
            Some(spec) => {
                let sum = spec.weight.unwrap_or_default().saturating_add(weight);
                spec.weight = Some(sum);
            }
            None => specs.push(BackendSpec {
                name,
                weight: Some(weight),
            }),
        }
    }
    specs
}

/// Leaves `route-match` nothing to choose: the rule keeps one usable backendRef, whatever its weight.
pub(crate) fn hand_over(rule: &mut RuleSpec) {
    let kept = usable(rule).next().cloned();
    rule.backend_refs = kept
        .into_iter()
        .map(|reference| BackendRefSpec {
            weight: None,
            ..reference
        })
        .collect();
}
