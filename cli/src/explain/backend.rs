//! Which backend, and what the others of the rule are.

use gateway_filter_sdk::route::spec::{BackendRefSpec, FilterSpec, RuleSpec};

use super::canary;
use super::facts::{BackendFacts, ConditionFacts, Share};
use super::source_location::{RuleSource, SourceMap};

/// Who answered in place of a backend, and how.
pub(super) struct Instead<'a> {
    pub(super) filter: Option<&'a str>,
    pub(super) status: u16,
}

/// The backends of a rule, of which one was `chosen`.
pub(super) fn facts(
    rule: &RuleSpec,
    place: Option<RuleSource>,
    sources: SourceMap,
    canary: Option<&canary::Found>,
    chosen: Result<&str, Instead>,
    seed: u64,
) -> BackendFacts {
    let invalid = |at: usize| sources.backend(place?, at);
    let shares = match canary {
        Some(found) => of_canary(found, place, sources),
        None => of_rule(&rule.backend_refs, invalid),
    };
    let usable = shares.iter().filter(|share| share.percent > 0.0).count();
    let because = match (&chosen, canary) {
        (Ok(_), Some(found)) => format!("chosen by canary {}", found.spec.name),
        (Ok(_), None) if usable == 1 => "the only backend with a share".into(),
        (Ok(_), None) => format!("by weight and chance, seed {seed}"),
        (Err(instead), _) => not_reached(rule, &shares, instead),
    };
    BackendFacts {
        chosen: chosen.ok().map(str::to_owned),
        because,
        shares,
    }
}

/// Whether a rule answers by itself.
pub(super) fn answers(rule: &RuleSpec) -> bool {
    let answer =
        |filter: &FilterSpec| filter.request_redirect.is_some() || filter.direct_response.is_some();
    rule.filters.iter().any(answer)
}

fn not_reached(rule: &RuleSpec, shares: &[Share], instead: &Instead) -> String {
    let Instead { filter, status } = instead;
    let lost = filter.is_some() && *status == 500 && !answers(rule);
    if lost && shares.is_empty() {
        return "the rule has no backendRefs".into();
    }
    if lost && shares.iter().all(|share| share.percent == 0.0) {
        return "no backendRef has a weight".into();
    }
    if lost {
        return "the backendRef that was chosen cannot be used: its share is answered 500".into();
    }
    match filter {
        Some(filter) => format!("none is reached: {filter} answers {status}"),
        None => format!("none is reached: the answer is {status}"),
    }
}

fn of_rule(
    references: &[BackendRefSpec],
    invalid: impl Fn(usize) -> Option<ConditionFacts>,
) -> Vec<Share> {
    let weight = |one: &BackendRefSpec| f64::from(one.weight.unwrap_or(1));
    let sum: f64 = references.iter().map(weight).sum();
    let share = |(at, one): (usize, &BackendRefSpec)| Share {
        backend: name(one),
        percent: percent(weight(one), sum),
        invalid: one.invalid.as_ref().and_then(|_| invalid(at)),
    };
    references.iter().enumerate().map(share).collect()
}

/// The canary has its share at that time, the others have the rest by weight; where none of them has
/// one, evenly.
fn of_canary(found: &canary::Found, place: Option<RuleSource>, sources: SourceMap) -> Vec<Share> {
    let spec = found.spec;
    let is_canary = |name: &Option<String>| name.is_some() && *name == spec.canary;
    let canary = found.percent.map(|percent| percent / 100.0);
    let others = spec.backends.iter();
    let others = others.filter(|one| canary.is_none() || !is_canary(&one.name));
    let sum: u32 = others.clone().filter_map(|one| one.weight).sum();
    let count = others.count();
    let references = place.map_or(0, |place| place.backend_refs().len());
    let invalid = || (0..references).find_map(|at| sources.backend(place?, at));
    let share = |backend: &gateway_filter_sdk::split::spec::BackendSpec| {
        let weight = f64::from(backend.weight.unwrap_or(1));
        let of_rest = match sum {
            0 => 1.0 / count as f64,
            sum => weight / f64::from(sum),
        };
        let share = match canary {
            Some(share) if is_canary(&backend.name) => share,
            Some(share) => (1.0 - share) * of_rest,
            None => of_rest,
        };
        let usable = backend.name.clone();
        Share {
            invalid: usable.is_none().then(invalid).flatten(),
            backend: usable.unwrap_or_else(|| "a backendRef that cannot be used".into()),
            percent: rounded(share * 100.0),
        }
    };
    spec.backends.iter().map(share).collect()
}

/// `<namespace>/<name>:<port>`, of what is no Service with its kind.
fn name(reference: &BackendRefSpec) -> String {
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    let port = reference.port.map(|port| format!(":{port}"));
    let kind = reference.kind.as_deref().filter(|kind| *kind != "Service");
    let kind = kind.map(|kind| format!("{kind} ")).unwrap_or_default();
    format!(
        "{kind}{namespace}/{}{}",
        reference.name,
        port.unwrap_or_default()
    )
}

fn percent(part: f64, sum: f64) -> f64 {
    match sum > 0.0 {
        true => rounded(part / sum * 100.0),
        false => 0.0,
    }
}

/// To ten thousandths.
fn rounded(percent: f64) -> f64 {
    (percent * 10_000.0).round() / 10_000.0
}
