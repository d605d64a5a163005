//! Limits that the rate limit service counts: the question, and what its answer means.

use super::lease::{Leases, MOST_HITS};
use super::policy::{Global, Policy, RequestScope};
use super::rls::{RateLimitDescriptor, RateLimitRequest};
use super::rule::{Quota, Who, metadata_number};
use super::sets::Seed;
use super::spec::{ServiceSpec, Unit};
use crate::host::{HostError, Properties};
use crate::key::Subject;
use crate::route::InvalidConfig;
use crate::time::duration;
use std::time::Duration;

/// The service, and how it is asked.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) cluster: Box<str>,
    domain: Option<String>,
    entries: Vec<(String, String)>,
    pub(super) timeout: Duration,
    pub(super) fail_closed: bool,
    /// Hits taken in advance and refusals remembered, where either is wanted.
    leases: Option<Leases>,
}

/// A limit that a request falls under.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    /// Envoy Gateway's domain: that of the listener or, if it is shared, the policy's name.
    pub(super) domain: String,
    /// Index of the rule in its policy.
    pub(super) rule: usize,
    descriptor: RateLimitDescriptor,
}

impl Service {
    pub(super) fn new(
        spec: &ServiceSpec,
        max_keys: u32,
        seed: Seed,
    ) -> Result<Self, InvalidConfig> {
        if spec.cluster.is_empty() {
            return Err(InvalidConfig::new("cluster", "the name is empty"));
        }
        if spec.domain.as_deref() == Some("") {
            return Err(InvalidConfig::new(
                "domain",
                "the service refuses an empty domain",
            ));
        }
        let timeout = spec
            .timeout
            .as_deref()
            .map(|text| duration(text, "timeout"));
        let entry = |entry: &super::spec::EntrySpec| (entry.key.clone(), entry.value.clone());
        let hits = spec.lease.map_or(1, |lease| lease.hits);
        if spec.lease.is_some() && !(2..=MOST_HITS).contains(&hits) {
            let reason = format_args!("{hits}: a lease is 2 to {MOST_HITS} hits");
            return Err(InvalidConfig::new("lease.hits", reason));
        }
        let remember = spec.remember_refusals.as_deref();
        let remember = remember
            .map(|text| duration(text, "rememberRefusals"))
            .transpose()?;
        let leases = || {
            Leases::new(
                b"rate_limit/lease/",
                max_keys,
                seed,
                hits,
                remember.unwrap_or_default(),
            )
        };
        Ok(Service {
            leases: (spec.lease.is_some() || remember.is_some()).then(leases),
            cluster: spec.cluster.as_str().into(),
            domain: spec.domain.clone(),
            entries: spec.entries.iter().map(entry).collect(),
            timeout: timeout.transpose()?.unwrap_or(DEFAULT_TIMEOUT),
            fail_closed: spec.fail_closed,
        })
    }

    /// Every global limit that the request falls under, in ascending order of Envoy Gateway's domains.
    pub(super) fn charges(
        &self,
        policy: &Policy,
        subject: &Subject,
        scope: &RequestScope,
        listener: &str,
        host: &dyn Properties,
    ) -> Result<Vec<Charge>, HostError> {
        let mut charges: Vec<Charge> = Vec::new();
        for (rule, global) in policy.global.iter().enumerate() {
            let Some((quota, distinct)) = global.rule.select(subject)? else {
                continue;
            };
            let domain = match &global.shared {
                Some((policy, _)) => &**policy,
                None => listener,
            };
            let mut entries = self.entries.clone();
            if self.domain.is_some() {
                entries.push(entry("domain", domain));
            }
            let name = global
                .shared
                .as_ref()
                .map_or(&*scope.route, |(_, name)| name);
            entries.push(entry(name, name));
            entries.extend(global.entries(quota, &distinct));
            let charge = Charge {
                domain: domain.to_owned(),
                rule,
                descriptor: RateLimitDescriptor {
                    entries,
                    limit: self.limit(quota, host)?,
                    hits_addend: global.rule.cost.of(host)?.map(u64::from),
                },
            };
            let before = |other: &&Charge| *other.domain <= *domain;
            charges.insert(charges.iter().take_while(before).count(), charge);
        }
        Ok(charges)
    }

    /// The charges whose rules count the response too.
    pub(super) fn after(&self, policy: &Policy, charges: &[Charge]) -> Vec<Charge> {
        let counts = |charge: &&Charge| {
            let global = policy.global.get(charge.rule);
            global.is_some_and(|global| global.response.is_some())
        };
        charges.iter().filter(counts).cloned().collect()
    }

    /// The same for what the response costs, now that it is known.
    pub(super) fn response_charges(
        &self,
        policy: &Policy,
        after: &[Charge],
        host: &dyn Properties,
    ) -> Vec<Charge> {
        let cost = |charge: &Charge| {
            let cost = policy.global.get(charge.rule)?.response.as_ref()?;
            cost.of(host).ok().flatten().filter(|cost| *cost > 0)
        };
        let priced = |charge: &Charge| {
            let mut priced = charge.clone();
            priced.descriptor.hits_addend = Some(cost(charge)?.into());
            Some(priced)
        };
        after.iter().filter_map(priced).collect()
    }

    /// The limit to send along: what the request's metadata says, else the rule's own if the service
    /// is not told the limits otherwise.
    fn limit(
        &self,
        quota: &Quota,
        host: &dyn Properties,
    ) -> Result<Option<(u32, Unit)>, HostError> {
        let from_metadata = match &quota.from_metadata {
            Some(spec) => {
                let path = [spec.namespace.as_str(), &spec.key, "requests_per_unit"];
                let requests = metadata_number(host, &path)?;
                let unit = [
                    "metadata",
                    "filter_metadata",
                    &spec.namespace,
                    &spec.key,
                    "unit",
                ];
                let unit = host.property(&unit)?.and_then(|unit| unit_of(&unit));
                requests.map(|requests| (requests, unit.unwrap_or(quota.unit)))
            }
            None => None,
        };
        let own = (quota.requests, quota.unit);
        Ok(from_metadata.or(self.domain.is_some().then_some(own)))
    }

    /// The charges that are asked for in one call: with a domain of its own all of them, else those
    /// of the first domain, as each of Envoy Gateway's domains has a filter of its own.
    pub(super) fn next_call(&self, charges: &mut Vec<Charge>) -> Vec<Charge> {
        let together = match (&self.domain, charges.first()) {
            (None, Some(first)) => {
                let domain = first.domain.clone();
                charges
                    .iter()
                    .take_while(|charge| charge.domain == domain)
                    .count()
            }
            _ => charges.len(),
        };
        charges.drain(..together.min(charges.len())).collect()
    }

    /// Hits taken in advance and refusals remembered, where either is wanted.
    pub(super) fn leases(&self) -> Option<&Leases> {
        self.leases.as_ref()
    }

    /// The message for charges of one call, each `times` over.
    pub(super) fn message(&self, charges: &[Charge], times: u32) -> Vec<u8> {
        let descriptor = |charge: &Charge| RateLimitDescriptor {
            hits_addend: Some(charge.hits().saturating_mul(times.into())),
            ..charge.descriptor.clone()
        };
        let domain = self
            .domain
            .clone()
            .or_else(|| charges.first().map(|charge| charge.domain.clone()));
        let request = RateLimitRequest {
            domain: domain.unwrap_or_default(),
            descriptors: charges.iter().map(descriptor).collect(),
            hits_addend: 1,
        };
        request.encode()
    }
}

impl Policy {
    /// Whether hits for these charges may be taken in advance: a limit in the shadow refuses nobody,
    /// and what costs nothing is not to be had.
    pub(super) fn may_lease(&self, charges: &[Charge]) -> bool {
        charges.iter().all(|charge| {
            let global = self.global.get(charge.rule);
            charge.hits() > 0 && global.is_some_and(|global| !global.rule.shadow)
        })
    }
}

impl Charge {
    pub(super) fn hits(&self) -> u64 {
        self.descriptor.hits_addend.unwrap_or(1)
    }

    /// When the window ends in which the service counts it, if its limit was sent along.
    pub(super) fn window_end(&self, now: u64) -> Option<u64> {
        let (_, unit) = self.descriptor.limit?;
        let window = u64::from(unit.seconds()).saturating_mul(SECOND);
        Some(
            now.checked_div(window)?
                .saturating_add(1)
                .saturating_mul(window),
        )
    }
}

const SECOND: u64 = 1_000_000_000;

impl Global {
    /// The entries after the name, as Envoy Gateway has them.
    fn entries(
        &self,
        quota: &Quota,
        distinct: &[std::borrow::Cow<'_, [u8]>],
    ) -> Vec<(String, String)> {
        let mut values = distinct
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned());
        let selector = match &self.rule.who {
            Who::Selector(selector) => selector,
            Who::Tiers(tiers) => {
                let tier = quota.tier.as_deref().unwrap_or_default();
                let client = values.next().unwrap_or_default();
                return vec![entry(&tiers.name, tier), entry("client", &client)];
            }
        };
        if selector.is_empty() {
            let all = format!("rule-{}-match--1", self.number);
            return vec![entry(&all, &all)];
        }
        let entries = selector
            .conditions()
            .iter()
            .flat_map(|condition| &condition.entries);
        entries
            .map(|(key, value)| {
                let value = value.as_deref().map(str::to_owned);
                (
                    key.to_string(),
                    value.or_else(|| values.next()).unwrap_or_default(),
                )
            })
            .collect()
    }
}

fn entry(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// A unit's name in any case, as metadata has it.
fn unit_of(name: &[u8]) -> Option<Unit> {
    let names: [(&str, Unit); 7] = [
        ("SECOND", Unit::Second),
        ("MINUTE", Unit::Minute),
        ("HOUR", Unit::Hour),
        ("DAY", Unit::Day),
        ("WEEK", Unit::Week),
        ("MONTH", Unit::Month),
        ("YEAR", Unit::Year),
    ];
    let known = names
        .iter()
        .find(|known| known.0.as_bytes().eq_ignore_ascii_case(name));
    known.map(|known| known.1)
}

/// Envoy Gateway's default.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(20);
