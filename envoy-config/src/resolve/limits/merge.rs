//! `mergeType`: the limits of a route's policy with those of its parent's, after
//! `translateBackendTrafficPolicyForRouteWithMerge` in Envoy Gateway 1.9
//! (`internal/gatewayapi/backendtrafficpolicy.go`).

use super::validate::{Remark, effective, is_default, rules};
use crate::load::policy::MergeType;
use gateway_filter_sdk::limit::spec::{LimitRuleSpec, MergedFromSpec, RateLimitSpec, RulesSpec};

/// The limits of a route's policy merged into those of its parent's, `parent`. As in Envoy Gateway it is the merged
/// document that is refused, while what takes effect is merged from the rules of both, so that each
/// keeps its name.
pub(super) fn merged(
    own: Option<&RateLimitSpec>,
    inherited: Option<&RateLimitSpec>,
    parent: &str,
    how: MergeType,
) -> Result<Option<RateLimitSpec>, Remark> {
    let Some(inherited) = inherited else {
        return own.map(effective).transpose();
    };
    let Some(own) = own else {
        return Ok(Some(written_in(effective(inherited)?, parent)));
    };
    // Neither kind of patch has a key for the rules in the document: a list replaces a list.
    let document = RateLimitSpec {
        kind: own.kind.or(inherited.kind),
        local: own.local.clone().or_else(|| inherited.local.clone()),
        global: own.global.clone().or_else(|| inherited.global.clone()),
    };
    let document = effective(&document)?;
    let (Ok(own), Ok(inherited)) = (effective(own), effective(inherited)) else {
        return Ok(Some(document));
    };
    let inherited = written_in(inherited, parent);
    Ok(Some(RateLimitSpec {
        kind: None,
        local: both(own.local, inherited.local, |own, inherited| {
            local(own, inherited, how)
        }),
        global: both(own.global, inherited.global, |own, inherited| {
            list(own, inherited, how)
        }),
    }))
}

/// The rules, each with the policy that it was written in.
pub(super) fn written_in(mut spec: RateLimitSpec, policy: &str) -> RateLimitSpec {
    for kind in [&mut spec.local, &mut spec.global].into_iter().flatten() {
        for (index, rule) in (0..).zip(&mut kind.rules) {
            rule.merged_from.get_or_insert_with(|| MergedFromSpec {
                policy: policy.to_owned(),
                rule: index,
            });
        }
    }
    spec
}

fn both(
    own: Option<RulesSpec>,
    inherited: Option<RulesSpec>,
    merge: impl Fn(Vec<LimitRuleSpec>, Vec<LimitRuleSpec>) -> Vec<LimitRuleSpec>,
) -> Option<RulesSpec> {
    match (own, inherited) {
        (Some(own), Some(inherited)) => Some(RulesSpec {
            rules: merge(own.rules, inherited.rules),
        }),
        (own, inherited) => own.or(inherited),
    }
}

/// A strategic merge has the patch's rules first and then those that only the parent has, which are
/// all: a rule's key is its policy and index. A JSON merge replaces the list, but an empty one is
/// left out of the patch.
fn list(
    mut own: Vec<LimitRuleSpec>,
    inherited: Vec<LimitRuleSpec>,
    how: MergeType,
) -> Vec<LimitRuleSpec> {
    if how == MergeType::StrategicMerge || own.is_empty() {
        own.extend(inherited);
    }
    own
}

/// The rule without selectors is not in the list but a field of its own: the route's replaces the
/// parent's even where the route has none, while the option of its headers is kept.
fn local(
    own: Vec<LimitRuleSpec>,
    inherited: Vec<LimitRuleSpec>,
    how: MergeType,
) -> Vec<LimitRuleSpec> {
    let (default, own): (Vec<_>, Vec<_>) = own.into_iter().partition(is_default);
    let (parents, inherited): (Vec<_>, Vec<_>) = inherited.into_iter().partition(is_default);
    let headers = parents.first().and_then(|rule| rule.x_rate_limit_headers);
    let default = default.into_iter().map(|rule| LimitRuleSpec {
        x_rate_limit_headers: rule.x_rate_limit_headers.or(headers),
        ..rule
    });
    default.chain(list(own, inherited, how)).collect()
}

/// What applies where both say something; also used for an EnvoyExtensionPolicy's rules.
pub(super) fn joined(first: Option<RulesSpec>, second: Option<RulesSpec>) -> Option<RulesSpec> {
    both(first, second, |first, second| {
        list(first, second, MergeType::StrategicMerge)
    })
}

/// Whether there is anything to count.
pub(super) fn is_empty(spec: &RateLimitSpec) -> bool {
    rules(&spec.local).is_empty() && rules(&spec.global).is_empty()
}
