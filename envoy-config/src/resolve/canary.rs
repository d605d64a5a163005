//! What the canary stage decides on one Gateway: it chooses among the backendRefs of the matched rule.
//!
//! A rule is given to it for a canary of an EnvoyExtensionPolicy ([`extension`]), for its
//! `sessionPersistence` ([`session`]) or for a BackendTrafficPolicy that hashes consistently
//! ([`hash`]), and all three together are one split. The route stage then draws nothing for that rule.

mod backend;
mod extension;
mod hash;
mod name;
mod rule;
mod session;

use crate::load::policy::Extensions;
use crate::load::{Document, Manifests};
use crate::report::{Report, Severity};
use crate::resolve::attach::{AttachedListener, Attachment};
use crate::resolve::convert::Converted;
use crate::resolve::limits::Limits;
use crate::resolve::target::Scope;
use gateway_filter_sdk::router::BACKEND_HEADER;
use gateway_filter_sdk::split::spec::{BackendSpec, CanaryFilterSpec, CanarySpec, StickySpec};
use name::{Choices, SplitSource};
use rule::{AttachedRule, CanaryIndex};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use backend::hand_over;

/// The canaries of all policies.
pub(crate) struct Canaries<'m> {
    manifests: &'m Manifests,
    /// Those that no rule can have.
    refused: BTreeSet<CanaryIndex>,
    /// By canary and by what is wrong, the rules that it is not for.
    missing: BTreeMap<(CanaryIndex, &'static str), BTreeSet<String>>,
    /// What was found of rules, of some once for every Gateway.
    found: Report,
}

/// A Gateway, as far as it is known.
pub(crate) struct ServedGateway<'a> {
    pub(crate) gateway: &'a Document,
    pub(crate) listeners: &'a [AttachedListener<'a>],
    pub(crate) routes: &'a [(&'a Attachment<'a>, &'a Converted)],
    /// By index of the route and of the listener, the rules that are answered 500.
    pub(crate) refused: &'a BTreeMap<(usize, usize), BTreeSet<usize>>,
}

/// What the filter does on one Gateway.
#[derive(Debug, Default)]
pub(crate) struct GatewayCanaries {
    pub(crate) filter: Option<CanaryFilterSpec>,
    /// By index of the route and of the rule, what it decides on.
    pub(crate) decided: BTreeSet<(usize, usize)>,
}

/// What the policies say of a rule on a listener.
struct Settings {
    canary: Option<CanaryIndex>,
    /// Of which BackendTrafficPolicy, and what it is.
    hash: Option<(usize, StickySpec)>,
}

impl Settings {
    fn split_alike(&self, other: &Self) -> bool {
        let sticky = |one: &Self| one.hash.as_ref().map(|(_, sticky)| sticky.clone());
        self.canary == other.canary && sticky(self) == sticky(other)
    }
}

impl<'m> Canaries<'m> {
    /// Checks the policies, each by itself.
    pub(crate) fn check(manifests: &'m Manifests, report: &mut Report) -> Self {
        let policies = manifests.extension_policies.iter().enumerate();
        let refused = policies.flat_map(|(policy, object)| {
            let refused = extension::check(object, report).into_iter();
            refused.map(move |canary| (policy, canary))
        });
        let refused = refused.collect();
        for policy in &manifests.traffic_policies {
            hash::check(policy, report);
        }
        Self {
            manifests,
            refused,
            missing: BTreeMap::new(),
            found: Report::default(),
        }
    }

    /// The rules of one Gateway that are split, and how.
    pub(crate) fn of_gateway(
        &mut self,
        limits: &mut Limits,
        served: &ServedGateway,
    ) -> GatewayCanaries {
        let mut choices = Choices::default();
        let mut decided = BTreeSet::new();
        for (route, (attachment, converted)) in served.routes.iter().enumerate() {
            for (index, spec) in converted.spec.rules.iter().enumerate() {
                let rule = AttachedRule {
                    route: attachment.route,
                    index,
                    spec,
                };
                if let Some(settings) = self.settings(limits, served, route, rule)
                    && let Some((source, spec)) = self.choice(settings, rule)
                {
                    decided.insert((route, index));
                    choices.add(source, spec, rule.target());
                }
            }
        }
        let canaries = choices.named(self.manifests);
        let filter = (!canaries.is_empty()).then_some(CanaryFilterSpec {
            canaries,
            ..CanaryFilterSpec::default()
        });
        GatewayCanaries { filter, decided }
    }

    /// What applies to a rule; none where it asks no backend. It is split in one way: where its
    /// listeners disagree, as on the first.
    fn settings(
        &mut self,
        limits: &mut Limits,
        served: &ServedGateway,
        route: usize,
        rule: AttachedRule,
    ) -> Option<Settings> {
        if rule.answers_by_itself() || backend::usable(rule.spec).next().is_none() {
            return None;
        }
        let (attachment, _) = served.routes.get(route)?;
        let refused = |listener: &usize| {
            let refused = served.refused.get(&(route, *listener));
            refused.is_some_and(|rules| rules.contains(&rule.index))
        };
        let serving = attachment.listeners.iter().filter(|one| !refused(one));
        let mut serving = serving.filter_map(|listener| served.listeners.get(*listener));
        let first = serving.next()?;
        let settings = on_listener(limits, served.gateway, first, rule);
        let differs = |listener| {
            let other = on_listener(limits, served.gateway, listener, rule);
            !other.split_alike(&settings)
        };
        if serving.any(differs) {
            let message = format!(
                "split on all listeners as the policies for {} say",
                first.name
            );
            let document = &rule.route.document;
            self.found
                .ignore(document, &rule.path(), Severity::Warning, message);
        }
        Some(settings)
    }

    /// How a rule is split, but for name and targets; none if that is left to its weights.
    fn choice(
        &mut self,
        settings: Settings,
        rule: AttachedRule,
    ) -> Option<(SplitSource, CanarySpec)> {
        let canary = settings
            .canary
            .and_then(|index| Some((index, self.canary(index, rule)?)));
        let session = session::of_rule(rule);
        if canary.is_none() && session.is_none() && settings.hash.is_none() {
            return None;
        }
        let mut usable = backend::usable(rule.spec);
        let several = usable.clone().nth(1).is_some();
        if several && usable.any(|one| !one.filters.is_empty()) {
            let message =
                "left to its weights: the filters of a backendRef are applied before the split";
            let (document, path) = (&rule.route.document, rule.path());
            self.found
                .ignore(document, &path, Severity::Warning, message.to_owned());
            return None;
        }
        let source = match (&canary, &settings.hash) {
            (Some((index, _)), _) => SplitSource::Canary(*index),
            (None, Some((policy, _))) => SplitSource::Hash(*policy),
            (None, None) => SplitSource::Rule(rule.name()),
        };
        let own = canary.map(|(_, spec)| spec).unwrap_or_default();
        let spec = CanarySpec {
            header: Some(BACKEND_HEADER.to_owned()),
            backends: backend::specs(rule.spec),
            sticky: own.sticky.or(settings.hash.map(|(_, sticky)| sticky)),
            session_persistence: own.session_persistence.or(session),
            ..own
        };
        let weighs = |one: &BackendSpec| one.weight != Some(0);
        let served =
            spec.weight.is_some() || spec.ramp.is_some() || spec.backends.iter().any(weighs);
        served.then_some((source, spec))
    }

    /// The settings of a canary with its backend's name, if it is one of the rule's.
    fn canary(&mut self, index: CanaryIndex, rule: AttachedRule) -> Option<CanarySpec> {
        let (policy, canary) = index;
        let settings = &self
            .manifests
            .extension_policies
            .get(policy)?
            .value
            .settings;
        let spec = settings.canary.as_ref()?.spec.canaries.get(canary)?;
        if self.refused.contains(&index) {
            return None;
        }
        match extension::resolved(spec, rule) {
            Ok(spec) => Some(spec),
            Err(why) => {
                let rules = self.missing.entry((index, why)).or_default();
                rules.insert(rule.name());
                None
            }
        }
    }

    /// Reports what was found of rules.
    pub(crate) fn finish(self, report: &mut Report) {
        for entry in self.found.entries {
            if !report.entries.contains(&entry) {
                report.entries.push(entry);
            }
        }
        for (((policy, canary), why), rules) in &self.missing {
            if let Some(policy) = self.manifests.extension_policies.get(*policy) {
                extension::report_missing(policy, *canary, why, rules, report);
            }
        }
    }
}

fn on_listener(
    limits: &mut Limits,
    gateway: &Document,
    listener: &AttachedListener,
    rule: AttachedRule,
) -> Settings {
    let of_rule = Scope::of_rule(&rule.route.document, rule.spec.name.as_deref());
    let of_listener = Scope::of_listener(gateway, listener);
    let loads = |settings: &Extensions| settings.canary.is_some();
    let scopes = of_rule.iter().chain(&of_listener);
    let canary = limits.extension(scopes, loads).and_then(|(policy, found)| {
        let canary = extension::fitting(found.canary.as_ref()?, rule)?;
        Some((policy, canary))
    });
    let several = backend::usable(rule.spec).nth(1).is_some();
    let traffic = several.then(|| limits.traffic(&of_rule, &of_listener));
    let hash = traffic
        .flatten()
        .and_then(|traffic| Some((traffic.0, hash::sticky(limits, traffic)?)));
    Settings { canary, hash }
}
