//! From the rules of routes on listeners, one by one, to policies with few targets.

use super::policies::{Limits, Traffic};
use super::{merge, validate};
use crate::load::model::GatewaySpec;
use crate::load::policy::Extensions;
use crate::load::{Document, Object};
use crate::resolve::attach::{AttachedListener, Attachment};
use crate::resolve::target::Scope;
use gateway_filter_sdk::limit::spec::{
    LimitType, PolicySpec, RateLimitFilterSpec, RateLimitSpec, ServiceSpec, TargetSpec,
    XRateLimitHeaders,
};
use gateway_filter_sdk::route::spec::RuleSpec;
use gateway_filter_sdk::target::RouteFrom;
use std::collections::{BTreeMap, BTreeSet};

/// What the policies come to on one Gateway.
#[derive(Debug, Default)]
pub(crate) struct GatewayLimits {
    pub(crate) filter: Option<RateLimitFilterSpec>,
    /// By index of the attachment and of the listener, the rules that are answered 500: "setting
    /// 500 direct response in routes due to errors in BackendTrafficPolicy".
    pub(crate) refused: BTreeMap<(usize, usize), BTreeSet<usize>>,
}

/// What tells the limits of one rule on one listener from another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LimitSource {
    traffic: Option<Traffic>,
    /// Index of an EnvoyExtensionPolicy and of a policy in it.
    extension: Option<(usize, usize)>,
    /// The listener has no `x-ratelimit-*`.
    no_headers: bool,
}

/// By index of the attachment and of the rule, the listeners.
type RuleListeners = BTreeMap<(usize, usize), BTreeSet<usize>>;

impl Limits<'_> {
    /// The limits of one Gateway; `rules` are those of each attachment, as converted.
    pub(crate) fn of_gateway(
        &mut self,
        gateway: &Object<GatewaySpec>,
        listeners: &[AttachedListener],
        routes: &[(&Attachment, &[RuleSpec])],
    ) -> GatewayLimits {
        let mut collector = Collector {
            limits: self,
            gateway: &gateway.document,
            listeners,
            routes,
            sources: Vec::new(),
            extensions: BTreeSet::new(),
            refused: BTreeMap::new(),
        };
        for (route, (attachment, rules)) in routes.iter().enumerate() {
            for (rule, spec) in rules.iter().enumerate() {
                for listener in &attachment.listeners {
                    collector.place(route, rule, spec.name.as_deref(), *listener);
                }
            }
        }
        collector.finish()
    }
}

struct Collector<'a, 'm> {
    limits: &'a mut Limits<'m>,
    gateway: &'a Document,
    listeners: &'a [AttachedListener<'a>],
    routes: &'a [(&'a Attachment<'a>, &'a [RuleSpec])],
    sources: Vec<(LimitSource, RuleListeners)>,
    /// The EnvoyExtensionPolicies that load the filter.
    extensions: BTreeSet<usize>,
    refused: BTreeMap<(usize, usize), BTreeSet<usize>>,
}

impl Collector<'_, '_> {
    /// Finds what applies to a rule on a listener.
    fn place(&mut self, route: usize, rule: usize, name: Option<&str>, index: usize) {
        let (Some((attachment, _)), Some(listener)) =
            (self.routes.get(route), self.listeners.get(index))
        else {
            return;
        };
        let document = &attachment.route.document;
        let of_rule = Scope::of_rule(document, name);
        let of_listener = Scope::of_listener(self.gateway, listener);
        let traffic = self.limits.traffic(&of_rule, &of_listener);
        if traffic.is_some_and(|traffic| self.limits.effective(traffic).is_err()) {
            self.refused.entry((route, index)).or_default().insert(rule);
            return;
        }
        let scopes = of_rule.iter().chain(&of_listener);
        let loads = |settings: &Extensions| settings.rate_limit.is_some();
        let extension = self.limits.extension(scopes, loads);
        let extension = extension.and_then(|(policy, settings)| {
            let config = settings.rate_limit.as_ref()?;
            self.extensions.insert(policy);
            let is = |one: &PolicySpec| covers(one, document, rule, &listener.name);
            Some((policy, config.policies.iter().position(is)?))
        });
        let client = self.limits.client(&of_listener);
        let source = LimitSource {
            traffic,
            extension,
            no_headers: client.disables_rate_limit_headers(),
        };
        let known = self.sources.iter().position(|(one, _)| *one == source);
        let known = known.unwrap_or_else(|| {
            self.sources.push((source, RuleListeners::new()));
            self.sources.len().saturating_sub(1)
        });
        if let Some((_, places)) = self.sources.get_mut(known) {
            places.entry((route, rule)).or_default().insert(index);
        }
    }

    fn finish(mut self) -> GatewayLimits {
        let mut policies = Vec::new();
        for (source, places) in std::mem::take(&mut self.sources) {
            let Some(policy) = self.policy(source) else {
                continue;
            };
            let targets = Some(self.targets(places));
            policies.push(PolicySpec { targets, ..policy });
        }
        let filter = self.filter(policies);
        let refused = self.refused;
        GatewayLimits { filter, refused }
    }

    /// The limits of one source; none if it limits nothing.
    fn policy(&mut self, source: LimitSource) -> Option<PolicySpec> {
        let traffic = source.traffic.and_then(|traffic| {
            let spec = self.limits.effective(traffic).as_ref().ok()?.clone()?;
            Some((self.limits.name(traffic.0), spec))
        });
        let extension = source.extension.and_then(|(index, policy)| {
            let value = &self.limits.manifests.extension_policies.get(index)?.value;
            let config = value.settings.rate_limit.as_ref()?;
            config.policies.get(policy).cloned()
        });
        let mut policy = match (extension, traffic) {
            (Some(extension), Some((name, mut spec))) => {
                if has_default(&extension) && without_default(&mut spec) {
                    let by = format!(
                        "by {} for the local rule without clientSelectors",
                        extension.name
                    );
                    let index = source.traffic?.0;
                    self.limits.relate(index, "Overridden", by);
                }
                joined(extension, merge::written_in(spec, &name))
            }
            (Some(extension), None) => extension,
            (None, Some((name, spec))) => PolicySpec {
                name,
                rate_limit: Some(spec),
                ..PolicySpec::default()
            },
            (None, None) => return None,
        };
        if source.no_headers {
            policy
                .x_rate_limit_headers
                .get_or_insert(XRateLimitHeaders::Off);
            without_default_headers(&mut policy);
        }
        let empty = policy.rate_limit.as_ref().is_none_or(merge::is_empty);
        (!empty || !policy.tiers.is_empty()).then_some(policy)
    }

    /// Whole routes where all rules are the same, all listeners where all of the route's are.
    fn targets(&self, places: RuleListeners) -> Vec<TargetSpec> {
        let mut by_route: BTreeMap<usize, Vec<(usize, BTreeSet<usize>)>> = BTreeMap::new();
        for ((route, rule), listeners) in places {
            by_route.entry(route).or_default().push((rule, listeners));
        }
        let mut targets = Vec::new();
        for (route, rules) in by_route {
            let Some((attachment, all)) = self.routes.get(route) else {
                continue;
            };
            let mut one_of_each = rules.iter().map(|(_, listeners)| listeners);
            let first = one_of_each.next();
            let alike = rules.len() == all.len() && one_of_each.all(|one| Some(one) == first);
            let kept = if alike { 1 } else { rules.len() };
            for (rule, listeners) in rules.into_iter().take(kept) {
                let everywhere = attachment
                    .listeners
                    .iter()
                    .all(|one| listeners.contains(one));
                let names = listeners.iter().filter_map(|one| self.listeners.get(*one));
                let names = || names.map(|listener| listener.name.clone()).collect();
                targets.push(TargetSpec {
                    route: Some(attachment.route.document.route_name()),
                    rule: u32::try_from(rule).ok().filter(|_| !alike),
                    listeners: (!everywhere).then(names),
                });
            }
        }
        targets
    }

    /// The whole configuration; what is not a limit is the oldest EnvoyExtensionPolicy's.
    fn filter(&self, policies: Vec<PolicySpec>) -> Option<RateLimitFilterSpec> {
        let extensions = &self.limits.manifests.extension_policies;
        let found = self
            .extensions
            .iter()
            .filter_map(|index| extensions.get(*index));
        let oldest = found.min_by_key(|one| one.document.seniority());
        let config = oldest
            .and_then(|one| one.value.settings.rate_limit.clone())
            .unwrap_or_default();
        if policies.is_empty() && config.hand_over.is_none() {
            return None;
        }
        let global = |policy: &PolicySpec| {
            let spec = policy.rate_limit.as_ref();
            spec.is_some_and(|spec| !validate::rules(&spec.global).is_empty())
                || policy
                    .tiers
                    .iter()
                    .any(|table| table.kind == LimitType::Global)
        };
        let service = policies.iter().any(global).then(rate_limit_service);
        let serving = self.listeners.iter();
        let serving = serving.filter(|one| one.is_ready() && one.protocol.carries_http());
        let envoy_headers = serving.clone().any(|listener| {
            let scopes = Scope::of_listener(self.gateway, listener);
            self.limits.client(&scopes).enables_envoy_headers()
        });
        Some(RateLimitFilterSpec {
            route_from: RouteFrom::default(),
            listeners: serving.map(|listener| listener.name.clone()).collect(),
            policies,
            service: config.service.clone().or(service),
            enable_envoy_headers: config.enable_envoy_headers || envoy_headers,
            ..config
        })
    }
}

/// The limits are sent along, so that the service needs to know no more than the domain.
fn rate_limit_service() -> ServiceSpec {
    ServiceSpec {
        cluster: "ratelimit".to_owned(),
        domain: Some("gateway-filters".to_owned()),
        entries: Vec::new(),
        timeout: None,
        fail_closed: false,
        lease: None,
        remember_refusals: None,
    }
}

fn covers(policy: &PolicySpec, route: &Document, rule: usize, listener: &str) -> bool {
    let Some(targets) = &policy.targets else {
        return true;
    };
    let name = route.route_name();
    targets.iter().any(|target| {
        let listeners = target.listeners.as_ref();
        target.route.as_ref().is_none_or(|route| *route == name)
            && target
                .rule
                .is_none_or(|one| usize::try_from(one) == Ok(rule))
            && listeners.is_none_or(|names| names.iter().any(|name| name == listener))
    })
}

/// Both count.
fn joined(mut extension: PolicySpec, traffic: RateLimitSpec) -> PolicySpec {
    let own = extension.rate_limit.take().unwrap_or_default();
    extension.rate_limit = Some(RateLimitSpec {
        kind: None,
        local: merge::joined(own.local, traffic.local),
        global: merge::joined(own.global, traffic.global),
    });
    extension
}

fn has_default(policy: &PolicySpec) -> bool {
    let local = policy.rate_limit.as_ref().map(|spec| &spec.local);
    local.is_some_and(|local| validate::rules(local).iter().any(validate::is_default))
}

/// There is one local rule without selectors; whether there was another.
fn without_default(traffic: &mut RateLimitSpec) -> bool {
    let Some(local) = &mut traffic.local else {
        return false;
    };
    let before = local.rules.len();
    local.rules.retain(|rule| !validate::is_default(rule));
    local.rules.len() < before
}

/// A listener without headers has none for what no selector matches, whatever that rule says (Envoy
/// Gateway 1.9, `patchRoute` in `internal/xds/translator/local_ratelimit.go`).
fn without_default_headers(policy: &mut PolicySpec) {
    let spec = policy.rate_limit.as_mut();
    if let Some(local) = spec.and_then(|spec| spec.local.as_mut()) {
        for rule in local
            .rules
            .iter_mut()
            .filter(|rule| validate::is_default(rule))
        {
            rule.x_rate_limit_headers = None;
        }
    }
}
