//! Names and targets: rules that are split alike for one reason are one split, and so have one guard.

use super::rule::CanaryIndex;
use crate::load::Manifests;
use gateway_filter_sdk::split::spec::{CanarySpec, RouteTargetSpec};
use std::collections::BTreeMap;

/// Why a rule is split, the first of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SplitSource {
    Canary(CanaryIndex),
    /// Index of a BackendTrafficPolicy.
    Hash(usize),
    /// Name of a rule that has `sessionPersistence`.
    Rule(String),
}

impl SplitSource {
    /// What it is called in its policy, and the policy.
    fn name(&self, manifests: &Manifests) -> (String, String) {
        let found = match self {
            Self::Canary((policy, canary)) => {
                let policy = manifests.extension_policies.get(*policy);
                policy.and_then(|policy| {
                    let extension = policy.value.settings.canary.as_ref()?;
                    let canary = extension.spec.canaries.get(*canary)?;
                    Some((canary.name.clone(), policy.document.full_name()))
                })
            }
            Self::Hash(policy) => {
                let policy = manifests.traffic_policies.get(*policy);
                policy.map(|policy| (policy.document.full_name(), policy.document.full_name()))
            }
            Self::Rule(name) => Some((name.clone(), name.clone())),
        };
        found.unwrap_or_default()
    }
}

/// Splits with neither name nor targets, and the rules that have them.
#[derive(Debug, Default)]
pub(super) struct Choices(BTreeMap<SplitSource, Vec<(CanarySpec, Vec<RouteTargetSpec>)>>);

impl Choices {
    pub(super) fn add(&mut self, source: SplitSource, spec: CanarySpec, target: RouteTargetSpec) {
        let splits = self.0.entry(source).or_default();
        match splits.iter_mut().find(|(known, _)| *known == spec) {
            Some((_, targets)) => targets.push(target),
            None => splits.push((spec, vec![target])),
        }
    }

    /// The splits, each with a name of its own. Those of one source draw clients alike, so that a
    /// client has one answer on all rules.
    pub(super) fn named(self, manifests: &Manifests) -> Vec<CanarySpec> {
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for source in self.0.keys() {
            *uses.entry(source.name(manifests).0).or_default() += 1;
        }
        let mut all = Vec::new();
        for (source, splits) in self.0 {
            let (mut name, policy) = source.name(manifests);
            if uses.get(&name).is_some_and(|uses| *uses > 1) {
                name = format!("{policy}/{name}");
            }
            let alone = splits.len() == 1;
            for (mut spec, targets) in splits {
                spec.name.clone_from(&name);
                if !alone
                    && let Some(RouteTargetSpec {
                        route: Some(route),
                        rule: Some(rule),
                    }) = targets.first()
                {
                    spec.name = format!("{name}/{route}/rule/{rule}");
                    if let Some(sticky) = &mut spec.sticky {
                        sticky.salt.get_or_insert_with(|| name.clone());
                    }
                }
                spec.targets = Some(targets);
                all.push(spec);
            }
        }
        all
    }
}
