//! A policy, compiled, and what it counts in this Envoy.

use super::bucket::Spent;
use super::headers::Figures;
use super::metrics::{Counters, count};
use super::rule::{Context, Meter, Quota, Rule, is_on};
use super::selector::Distinct;
use super::spec::{LimitRuleSpec, LimitType, PolicySpec, TierTableSpec};
use crate::host::{Host, HostError};
use crate::key::Subject;
use crate::route::InvalidConfig;
use std::borrow::Cow;
use std::time::Duration;

/// The route and the listener of a request: they find its policy, and keep apart the counters that are
/// not shared.
#[derive(Debug, Clone, Default)]
pub struct RequestScope<'a> {
    /// Envoy Gateway's name of the route, with match and host.
    pub(super) route: Cow<'a, str>,
    /// Number of the listener, where there are several.
    pub(super) listener: Option<u16>,
}

/// The limits of one policy.
#[derive(Debug)]
pub(super) struct Policy {
    /// Those with selectors, and the tier tables.
    local: Vec<Rule<Meter>>,
    /// The one without: for requests that no other is for.
    default: Option<Rule<Meter>>,
    /// There are local rules: a request that none is for has a default bucket without bounds.
    has_local_rules: bool,
    pub(super) global: Vec<Global>,
    pub(super) headers: bool,
}

/// A rule or tier table that the service counts.
#[derive(Debug)]
pub(super) struct Global {
    pub(super) rule: Rule<Quota>,
    /// Of a shared one, the policy and the name that it is counted under.
    pub(super) shared: Option<(Box<str>, Box<str>)>,
    pub(super) response: Option<super::rule::Cost>,
    /// Number in Envoy Gateway's descriptors.
    pub(super) number: usize,
}

/// What the local limits say.
#[derive(Debug)]
pub(super) enum Local {
    /// All had room.
    Passed(Option<Figures>),
    /// This one had none.
    Refused {
        figures: Option<Figures>,
        retry_after: Option<Duration>,
    },
}

/// A local limit that a request falls under.
struct Match<'s> {
    rule: &'s Rule<Meter>,
    meter: &'s Meter,
    distinct: Distinct<'s>,
}

/// "4294967295 per second" is Envoy Gateway's default bucket.
const UNLIMITED: u32 = u32::MAX;

impl Policy {
    pub(super) fn new(spec: &PolicySpec, context: &Context) -> Result<Self, InvalidConfig> {
        let mut policy = Policy {
            local: Vec::new(),
            default: None,
            has_local_rules: false,
            global: Vec::new(),
            headers: spec.x_rate_limit_headers.is_none_or(is_on),
        };
        let rate_limit = spec.rate_limit.as_ref();
        let rules = |rules: Option<&super::spec::RulesSpec>| {
            rules.map(|rules| rules.rules.clone()).unwrap_or_default()
        };
        let mut names = Vec::new();
        for (at, rule) in rules(rate_limit.and_then(|spec| spec.local.as_ref()))
            .iter()
            .enumerate()
        {
            let place =
                |error: InvalidConfig| error.within(format_args!("rateLimit.local.rules[{at}]"));
            let name = unique(&mut names, rule.name.as_deref(), "local", at).map_err(place)?;
            policy.add_local(rule, at, &name, context).map_err(place)?;
        }
        for (at, rule) in rules(rate_limit.and_then(|spec| spec.global.as_ref()))
            .iter()
            .enumerate()
        {
            let place =
                |error: InvalidConfig| error.within(format_args!("rateLimit.global.rules[{at}]"));
            let name = unique(&mut names, rule.name.as_deref(), "global", at).map_err(place)?;
            policy.add_global(rule, at, &name, context).map_err(place)?;
        }
        for (at, table) in spec.tiers.iter().enumerate() {
            let place = |error: InvalidConfig| error.within(format_args!("tiers[{at}]"));
            let name = unique(&mut names, table.name.as_deref(), "tiers", at).map_err(place)?;
            policy.add_tiers(table, &name, context).map_err(place)?;
        }
        Ok(policy)
    }

    fn add_local(
        &mut self,
        spec: &LimitRuleSpec,
        at: usize,
        name: &str,
        context: &Context,
    ) -> Result<(), InvalidConfig> {
        if spec
            .cost
            .as_ref()
            .is_some_and(|cost| cost.response.is_some())
        {
            return Err(InvalidConfig::new(
                "cost.response",
                "for global limits only",
            ));
        }
        let origin = spec
            .merged_from
            .as_ref()
            .filter(|_| spec.shared == Some(true));
        let own = Context {
            policy: origin.map_or(context.policy, |from| &from.policy),
            ..*context
        };
        let table = origin.map_or_else(|| name.to_owned(), |from| format!("local-{}", from.rule));
        let rule = Rule::new(spec, at, name, context, |limit| {
            Meter::new(limit, &table, &own)
        })?;
        self.has_local_rules = true;
        if !rule.is_for_all() {
            self.local.push(rule);
        } else if self.default.replace(rule).is_some() {
            let reason = "only one local rule may have no selectors: it is the default bucket";
            return Err(InvalidConfig::new("clientSelectors", reason));
        }
        Ok(())
    }

    fn add_global(
        &mut self,
        spec: &LimitRuleSpec,
        at: usize,
        name: &str,
        context: &Context,
    ) -> Result<(), InvalidConfig> {
        let is_shared = spec.shared == Some(true);
        let alike = |global: &&Global| global.shared.is_some() == is_shared;
        let number = self.global.iter().filter(alike).count();
        let rule = Rule::new(spec, number, name, context, |limit| Quota::new(limit, None))?;
        let from = spec.merged_from.as_ref();
        let policy = from.map_or(context.policy, |from| &from.policy);
        let index = from.map_or(at, |from| from.rule as usize);
        let response = spec.cost.as_ref().and_then(|cost| cost.response.as_ref());
        let response = response.map(|cost| super::rule::Cost::new(Some(cost), "cost.response"));
        self.global.push(Global {
            rule,
            shared: is_shared.then(|| (policy.into(), format!("{policy}/rule/{index}").into())),
            response: response.transpose()?,
            number,
        });
        Ok(())
    }

    fn add_tiers(
        &mut self,
        spec: &TierTableSpec,
        name: &str,
        context: &Context,
    ) -> Result<(), InvalidConfig> {
        let response = spec.cost.as_ref().and_then(|cost| cost.response.as_ref());
        if spec.kind == LimitType::Local {
            if response.is_some() {
                return Err(InvalidConfig::new(
                    "cost.response",
                    "for global limits only",
                ));
            }
            let meter = |of: &str, limit: &_| Meter::new(limit, &format!("{name}\0{of}"), context);
            self.local.push(Rule::tiers(spec, name, context, meter)?);
            return Ok(());
        }
        let rule = Rule::tiers(spec, name, context, |of, limit| Quota::new(limit, Some(of)))?;
        let shared = (
            context.policy.into(),
            format!("{}/{name}", context.policy).into(),
        );
        let response = response.map(|cost| super::rule::Cost::new(Some(cost), "cost.response"));
        self.global.push(Global {
            shared: rule.shared.then_some(shared),
            rule,
            response: response.transpose()?,
            number: 0,
        });
        Ok(())
    }

    /// Whether counters are kept apart by route or listener.
    pub(super) fn needs_scope(&self) -> bool {
        let local = self
            .local
            .iter()
            .chain(&self.default)
            .any(|rule| !rule.shared);
        local || self.global.iter().any(|global| global.shared.is_none())
    }

    /// Whether anything is asked of the service.
    pub(super) fn is_global(&self) -> bool {
        !self.global.is_empty()
    }

    /// All counters, to be flushed.
    pub(super) fn counters(&self) -> impl Iterator<Item = &Counters> {
        let local = self
            .local
            .iter()
            .chain(&self.default)
            .map(|rule| &rule.counters);
        local.chain(self.global.iter().map(|global| &global.rule.counters))
    }

    /// Charges every local limit that the request falls under, the strictest first, as Envoy does:
    /// the first that has no room refuses, those before it stay charged and those after it are not.
    /// Otherwise the figures are those of the limit with the least left.
    pub(super) fn charge(
        &self,
        subject: &Subject,
        scope: &RequestScope,
        host: &dyn Host,
    ) -> Result<Local, HostError> {
        let matched = self.matched(subject)?;
        if matched.is_empty() {
            let unlimited = self.has_local_rules && self.headers;
            return Ok(Local::Passed(unlimited.then(|| Figures {
                limit: UNLIMITED.to_string(),
                remaining: (UNLIMITED - 1).into(),
                reset: Duration::ZERO,
            })));
        }
        let now = host.now()?;
        let mut binding: Option<Figures> = None;
        for Match {
            rule,
            meter,
            distinct,
        } in matched
        {
            let spent = rule.spend(meter, &key(rule, scope, &distinct), now, host)?;
            let figures = rule.headers.unwrap_or(self.headers).then(|| Figures {
                limit: meter.rate.burst().to_string(),
                remaining: spent.remaining.into(),
                reset: spent.reset,
            });
            if !spent.admitted && !rule.shadow {
                let retry_after = spent.retry_after;
                return Ok(Local::Refused {
                    figures,
                    retry_after,
                });
            }
            let least = binding.as_ref().map_or(u64::MAX, |least| least.remaining);
            binding = figures
                .filter(|figures| figures.remaining < least)
                .or(binding);
        }
        Ok(Local::Passed(binding))
    }

    /// The local limits that the request falls under, the strictest first.
    fn matched<'s>(&'s self, subject: &Subject<'s>) -> Result<Vec<Match<'s>>, HostError> {
        let mut matched: Vec<Match> = Vec::new();
        let mut put = |rule, (meter, distinct): (&'s Meter, _)| {
            let goes_before = |other: &&Match| !meter.rate.is_stricter(&other.meter.rate);
            let at = matched.iter().take_while(goes_before).count();
            matched.insert(
                at,
                Match {
                    rule,
                    meter,
                    distinct,
                },
            );
        };
        let mut selected = false;
        for rule in &self.local {
            if let Some(found) = rule.select(subject)? {
                selected |= !rule.is_tiers();
                put(rule, found);
            }
        }
        if let (false, Some(rule)) = (selected, &self.default)
            && let Some(found) = rule.select(subject)?
        {
            put(rule, found);
        }
        Ok(matched)
    }
}

impl Rule<Meter> {
    /// Takes a request's cost from its client's bucket, and counts what came of it.
    fn spend(
        &self,
        meter: &Meter,
        key: &[u8],
        now: u64,
        host: &dyn Host,
    ) -> Result<Spent, HostError> {
        let cost = self.cost.of(host)?.unwrap_or(1);
        let charged = meter.table.charge(host, key, &meter.rate, now, cost)?;
        let counters = &self.counters;
        for (happened, counter) in [
            (charged.evicted, counters.evictions),
            (charged.overflowed, counters.overflow),
            (charged.exhausted, counters.errors),
        ] {
            if happened {
                count(host, counter);
            }
        }
        match (charged.spent.admitted, self.shadow) {
            (true, _) => counters.allowed(),
            (false, true) => count(host, counters.shadowed),
            (false, false) => count(host, counters.limited),
        }
        Ok(charged.spent)
    }
}

/// What a counter is kept under. Lengths part the values, so that no two sets of values are alike.
fn key<L>(rule: &Rule<L>, scope: &RequestScope, distinct: &Distinct) -> Vec<u8> {
    let mut key = Vec::with_capacity(128);
    if !rule.shared {
        key.extend_from_slice(&scope.listener.unwrap_or(u16::MAX).to_le_bytes());
        key.extend_from_slice(scope.route.as_bytes());
        key.push(0);
    }
    for value in distinct {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        key.extend_from_slice(&length.to_le_bytes());
        key.extend_from_slice(value);
    }
    key
}

/// The name of a rule or table: what it says, or its kind and index. Counters and tables are named
/// after it, so that two must not share one.
fn unique(
    names: &mut Vec<String>,
    name: Option<&str>,
    kind: &str,
    at: usize,
) -> Result<String, InvalidConfig> {
    let name = name.map_or_else(|| format!("{kind}-{at}"), str::to_owned);
    if name.is_empty() || name.contains('\0') || names.contains(&name) {
        return Err(InvalidConfig::new(
            "name",
            format_args!("`{name}`: empty, with a NUL, or another rule of the policy has it"),
        ));
    }
    names.push(name.clone());
    Ok(name)
}
