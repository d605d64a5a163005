//! The policies that are attached, and what each rule gets of them.

use super::validate::Remark;
use super::{merge, validate};
use crate::load::policy::{ClientSettings, Extensions, Policy, TrafficSettings};
use crate::load::{Document, Manifests, Object};
use crate::report::{Condition, Report, Severity};
use crate::resolve::attach::AttachedListener;
use crate::resolve::target::{self, Attached, Scope};
use gateway_filter_sdk::limit::spec::RateLimitSpec;
use std::collections::{BTreeMap, BTreeSet};

/// The BackendTrafficPolicy that applies, and the one that it is merged into.
pub(crate) type Traffic = (usize, Option<usize>);

/// All policies, attached.
pub(crate) struct Limits<'a> {
    pub(crate) manifests: &'a Manifests,
    traffic: Attached,
    client: Attached,
    extension: Attached,
    /// What was asked for already.
    effective: BTreeMap<Traffic, Result<Option<RateLimitSpec>, Remark>>,
    /// By policy and condition, what it is merged with or overridden for.
    relations: BTreeMap<(usize, &'static str), BTreeSet<String>>,
}

impl<'a> Limits<'a> {
    /// Attaches the policies; reports those that cannot be, and what is wrong with the others.
    pub(crate) fn attach(manifests: &'a Manifests, report: &mut Report) -> Self {
        let limits = Self {
            manifests,
            traffic: target::attach(manifests, &manifests.traffic_policies, report),
            client: target::attach(manifests, &manifests.client_policies, report),
            extension: target::attach(manifests, &manifests.extension_policies, report),
            effective: BTreeMap::new(),
            relations: BTreeMap::new(),
        };
        let attached: BTreeSet<usize> = limits.traffic.values().copied().collect();
        for policy in attached {
            limits.check(policy, report);
        }
        limits
    }

    pub(crate) fn policy(&self, index: usize) -> Option<&'a Object<Policy<TrafficSettings>>> {
        self.manifests.traffic_policies.get(index)
    }

    /// `<namespace>/<name>` of a policy.
    pub(super) fn name(&self, index: usize) -> String {
        self.policy(index)
            .map_or_else(String::new, |policy| policy.document.full_name())
    }

    fn check(&self, index: usize, report: &mut Report) {
        let Some(policy) = self.policy(index) else {
            return;
        };
        let Some(spec) = &policy.value.settings.rate_limit else {
            return;
        };
        if let Err(Remark { path, message }) = validate::effective(spec) {
            report.refuse(
                &policy.document,
                &path,
                Condition::accepted("Invalid"),
                message,
            );
        }
        for Remark { path, message } in validate::untranslated(spec) {
            report.ignore(&policy.document, &path, Severity::Note, message);
        }
    }

    /// What applies to a rule of a route on a listener.
    pub(crate) fn traffic(&mut self, rule: &[Scope], listener: &[Scope]) -> Option<Traffic> {
        let find = |scope: &Scope| Some((scope.clone(), *self.traffic.get(scope)?));
        let of_rule: Vec<(Scope, usize)> = rule.iter().filter_map(find).collect();
        let parents: Vec<(Scope, usize)> = listener.iter().filter_map(find).collect();
        let (scope, winner) = of_rule.first().or(parents.first())?.clone();
        let merges = self.policy(winner)?.value.settings.merge_type.is_some();
        // A rule's policy is merged with the Gateway's, never with the route's.
        let parent = parents.first().filter(|_| merges && !of_rule.is_empty());
        let parent = parent.map(|(_, parent)| *parent);
        let merged = parent.filter(|_| self.effective((winner, parent)).is_ok());
        let by = format!("by {} for {scope}", self.name(winner));
        if let Some(merged) = merged {
            self.relate(winner, "Merged", format!("with {}", self.name(merged)));
            self.relate(merged, "Merged", by.clone());
        }
        for (_, other) in of_rule.iter().chain(&parents) {
            if *other != winner && Some(*other) != merged {
                self.relate(*other, "Overridden", by.clone());
            }
        }
        Some((winner, parent))
    }

    /// The most specific EnvoyExtensionPolicy that loads a filter.
    pub(crate) fn extension<'s>(
        &self,
        scopes: impl IntoIterator<Item = &'s Scope>,
        loads: impl Fn(&Extensions) -> bool,
    ) -> Option<(usize, &'a Extensions)> {
        let policies = &self.manifests.extension_policies;
        scopes.into_iter().find_map(|scope| {
            let index = *self.extension.get(scope)?;
            let settings = &policies.get(index)?.value.settings;
            loads(settings).then_some((index, settings))
        })
    }

    pub(super) fn relate(&mut self, policy: usize, condition: &'static str, text: String) {
        self.relations
            .entry((policy, condition))
            .or_default()
            .insert(text);
    }

    /// The limits of a policy, or why Envoy Gateway answers 500 instead.
    pub(super) fn effective(&mut self, traffic: Traffic) -> &Result<Option<RateLimitSpec>, Remark> {
        let known = self.effective.remove(&traffic);
        let found = known.unwrap_or_else(|| self.merged(traffic));
        self.effective.entry(traffic).or_insert(found)
    }

    fn merged(&self, (index, parent): Traffic) -> Result<Option<RateLimitSpec>, Remark> {
        let settings = |index| self.policy(index).map(|policy| &policy.value.settings);
        let limits = |index| settings(index).and_then(|own| own.rate_limit.as_ref());
        let how = settings(index).and_then(|own| own.merge_type);
        let (Some(how), Some(parent)) = (how, parent) else {
            return limits(index).map(validate::effective).transpose();
        };
        let parent_name = self.name(parent);
        merge::merged(limits(index), limits(parent), &parent_name, how)
    }

    pub(super) fn client(&self, listener: &[Scope]) -> ClientSettings {
        let index = listener.iter().find_map(|scope| self.client.get(scope));
        let policy = index.and_then(|index| self.manifests.client_policies.get(*index));
        policy
            .map(|policy| policy.value.settings.clone())
            .unwrap_or_default()
    }

    /// What the ClientTrafficPolicy of a listener says.
    pub(crate) fn client_of(
        &self,
        gateway: &Document,
        listener: &AttachedListener,
    ) -> ClientSettings {
        self.client(&Scope::of_listener(gateway, listener)).clone()
    }

    /// Reports what became of policies beside others.
    pub(crate) fn finish(self, report: &mut Report) {
        for ((winner, parent), result) in &self.effective {
            let (Some(policy), Some(parent), Err(remark)) = (self.policy(*winner), parent, result)
            else {
                continue;
            };
            let own = policy.value.settings.rate_limit.as_ref();
            if own.is_none_or(|own| validate::effective(own).is_ok()) {
                let message = format!("merged with {}: {}", self.name(*parent), remark.message);
                let condition = Condition::accepted("Invalid");
                report.refuse(&policy.document, "spec.mergeType", condition, message);
            }
        }
        for ((index, condition), texts) in &self.relations {
            if let Some(policy) = self.policy(*index) {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                let condition = Condition::related(condition);
                report.tell(&policy.document, "spec", condition, texts.join(", "));
            }
        }
    }
}
