//! A rule or a tier table, compiled.

use super::bucket::{InvalidLimit, Rate};
use super::key_table::KeyTable;
use super::metrics::Counters;
use super::selector::{Distinct, Selector};
use super::sets::Seed;
use super::spec::{
    CostFrom, CostSourceSpec, LimitRuleSpec, LimitSpec, MetadataSpec, TierTableSpec, Unit,
    XRateLimitHeaders,
};
use crate::host::{Host, HostError, Properties};
use crate::key::{Key, Subject};
use crate::route::InvalidConfig;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::borrow::Cow;

/// Something that limits, with limits of kind `L`.
#[derive(Debug)]
pub(super) struct Rule<L> {
    pub(super) who: Who,
    limits: Vec<L>,
    pub(super) cost: Cost,
    pub(super) shared: bool,
    pub(super) shadow: bool,
    /// Whether its figures go into answers; absent, the policy says.
    pub(super) headers: Option<bool>,
    pub(super) counters: Counters,
}

/// Which requests, and how clients are told apart.
#[derive(Debug)]
pub(super) enum Who {
    Selector(Selector),
    Tiers(Tiers),
}

/// A tier table: which of the rule's limits is for whom.
#[derive(Debug)]
pub(super) struct Tiers {
    pub(super) name: Box<str>,
    tier: Key,
    key: Key,
    by_tier: HashMap<Box<[u8]>, usize, FxBuildHasher>,
    by_client: HashMap<Box<[u8]>, usize, FxBuildHasher>,
    default: Option<usize>,
}

/// A limit that is counted here.
#[derive(Debug)]
pub(super) struct Meter {
    pub(super) rate: Rate,
    pub(super) table: KeyTable,
}

/// A limit that the service counts.
#[derive(Debug, Clone)]
pub(super) struct Quota {
    pub(super) requests: u32,
    pub(super) unit: Unit,
    pub(super) from_metadata: Option<MetadataSpec>,
    /// The tier that it is for.
    pub(super) tier: Option<Box<str>>,
}

/// How much a request or a response counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cost {
    Number(u32),
    Metadata(MetadataSpec),
}

/// What a rule is compiled with.
pub(super) struct Context<'a> {
    pub(super) policy: &'a str,
    pub(super) max_keys: u32,
    pub(super) seed: Seed,
    pub(super) host: &'a dyn Host,
}

impl<L> Rule<L> {
    /// The limit for this request and what tells its client apart; none if the rule is not for it.
    pub(super) fn select<'s>(
        &self,
        subject: &Subject<'s>,
    ) -> Result<Option<(&L, Distinct<'s>)>, HostError> {
        let selected = match &self.who {
            Who::Selector(selector) => selector.select(subject)?.map(|distinct| (0, distinct)),
            Who::Tiers(tiers) => tiers.select(subject)?,
        };
        Ok(selected.and_then(|(at, distinct)| Some((self.limits.get(at)?, distinct))))
    }

    /// Whether it is a rule without selectors.
    pub(super) fn is_for_all(&self) -> bool {
        matches!(&self.who, Who::Selector(selector) if selector.is_empty())
    }

    /// Whether it is a tier table.
    pub(super) fn is_tiers(&self) -> bool {
        matches!(self.who, Who::Tiers(_))
    }

    /// Compiles a rule; `number` is the one that Envoy Gateway's descriptors have.
    pub(super) fn new(
        spec: &LimitRuleSpec,
        number: usize,
        name: &str,
        context: &Context,
        limit: impl FnOnce(&LimitSpec) -> Result<L, InvalidConfig>,
    ) -> Result<Self, InvalidConfig> {
        let place = |error: InvalidConfig| error.within("limit");
        let request = spec.cost.as_ref().and_then(|cost| cost.request.as_ref());
        Ok(Rule {
            who: Who::Selector(Selector::new(&spec.client_selectors, number)?),
            limits: vec![limit(&spec.limit).map_err(place)?],
            cost: Cost::new(request, "cost.request")?,
            shared: spec.shared.unwrap_or(false),
            shadow: spec.shadow_mode.unwrap_or(false),
            headers: spec.x_rate_limit_headers.map(is_on),
            counters: counters(context, name)?,
        })
    }

    /// Compiles a tier table. `limit` is told `tier/<name>` or, of a single client, `client/<key>`.
    pub(super) fn tiers(
        spec: &TierTableSpec,
        name: &str,
        context: &Context,
        limit: impl Fn(&str, &LimitSpec) -> Result<L, InvalidConfig>,
    ) -> Result<Self, InvalidConfig> {
        let place = |field: &'static str| move |error: InvalidConfig| error.within(field);
        let mut tiers = Tiers {
            name: name.into(),
            tier: Key::try_from(&spec.tier).map_err(place("tier"))?,
            key: Key::try_from(&spec.key).map_err(place("key"))?,
            by_tier: HashMap::default(),
            by_client: HashMap::default(),
            default: None,
        };
        let mut limits = Vec::new();
        for (tier, spec) in &spec.limits {
            tiers.by_tier.insert(tier.as_bytes().into(), limits.len());
            let place = |error: InvalidConfig| error.within(format_args!("limits.{tier}"));
            limits.push(limit(&format!("tier/{tier}"), spec).map_err(place)?);
        }
        for (client, spec) in &spec.clients {
            tiers
                .by_client
                .insert(client.as_bytes().into(), limits.len());
            let place = |error: InvalidConfig| error.within(format_args!("clients.{client}"));
            limits.push(limit(&format!("client/{client}"), spec).map_err(place)?);
        }
        if let Some(default) = &spec.default_tier {
            let known = tiers.by_tier.get(default.as_bytes()).copied();
            let unknown = || {
                InvalidConfig::new(
                    "defaultTier",
                    format_args!("`{default}` has no limit in `limits`"),
                )
            };
            tiers.default = Some(known.ok_or_else(unknown)?);
        }
        let request = spec.cost.as_ref().and_then(|cost| cost.request.as_ref());
        Ok(Rule {
            who: Who::Tiers(tiers),
            limits,
            cost: Cost::new(request, "cost.request")?,
            shared: spec.shared.unwrap_or(true),
            shadow: spec.shadow_mode.unwrap_or(false),
            headers: None,
            counters: counters(context, name)?,
        })
    }
}

fn counters(context: &Context, name: &str) -> Result<Counters, InvalidConfig> {
    Counters::define(context.host, context.policy, name)
        .map_err(|error| InvalidConfig::new("name", error))
}

pub(super) fn is_on(headers: XRateLimitHeaders) -> bool {
    headers == XRateLimitHeaders::DraftVersion03
}

impl Tiers {
    fn select<'s>(
        &self,
        subject: &Subject<'s>,
    ) -> Result<Option<(usize, Distinct<'s>)>, HostError> {
        let client = self.key.value(subject)?.unwrap_or(Cow::Borrowed(b""));
        let limit = match self.by_client.get(&*client) {
            Some(limit) => Some(*limit),
            None => {
                let tier = self.tier.value(subject)?;
                let known = tier.and_then(|tier| self.by_tier.get(&*tier));
                known.copied().or(self.default)
            }
        };
        Ok(limit.map(|limit| (limit, vec![client])))
    }
}

impl Meter {
    /// A limit that is counted under `rule` of a policy.
    pub(super) fn new(
        spec: &LimitSpec,
        rule: &str,
        context: &Context,
    ) -> Result<Self, InvalidConfig> {
        if spec.from_metadata.is_some() {
            return Err(InvalidConfig::new("fromMetadata", "for global limits only"));
        }
        let refused = |error: InvalidLimit| {
            let field = match error {
                InvalidLimit::Requests => "requests",
                InvalidLimit::Burst | InvalidLimit::Slow => "burst",
            };
            InvalidConfig::new(field, error)
        };
        let rate = Rate::new(spec.requests, spec.unit, spec.burst).map_err(refused)?;
        // No name has a NUL, so that no two rules have one table.
        let prefix = format!("rate_limit/{}\0{rule}\0", context.policy);
        Ok(Meter {
            rate,
            table: KeyTable::new(prefix.as_bytes(), context.max_keys, context.seed),
        })
    }
}

impl Quota {
    pub(super) fn new(spec: &LimitSpec, tier: Option<&str>) -> Result<Self, InvalidConfig> {
        if spec.burst.is_some() {
            let reason = "for local limits only: the service counts in fixed windows";
            return Err(InvalidConfig::new("burst", reason));
        }
        Ok(Quota {
            requests: spec.requests,
            unit: spec.unit,
            from_metadata: spec.from_metadata.clone(),
            tier: tier.map(Into::into),
        })
    }
}

impl Cost {
    pub(super) fn new(spec: Option<&CostSourceSpec>, place: &str) -> Result<Self, InvalidConfig> {
        let missing =
            |field: &str| InvalidConfig::new(format_args!("{place}.{field}"), "it is missing");
        Ok(match spec {
            None => Cost::Number(1),
            Some(spec) => match spec.from {
                CostFrom::Number => Cost::Number(spec.number.ok_or_else(|| missing("number"))?),
                CostFrom::Metadata => {
                    Cost::Metadata(spec.metadata.clone().ok_or_else(|| missing("metadata"))?)
                }
            },
        })
    }

    /// The cost; absent where the request has no such metadata, or no number that can be a cost there.
    pub(super) fn of(&self, host: &(impl Properties + ?Sized)) -> Result<Option<u32>, HostError> {
        match self {
            Cost::Number(number) => Ok(Some(*number)),
            Cost::Metadata(spec) => Ok(metadata_number(host, &[&spec.namespace, &spec.key])?),
        }
    }
}

/// A number in dynamic metadata, which Envoy hands over as the eight bytes of a double. Part of a
/// hit counts as a whole one.
pub(super) fn metadata_number(
    host: &(impl Properties + ?Sized),
    path: &[&str],
) -> Result<Option<u32>, HostError> {
    let path: Vec<&str> = ["metadata", "filter_metadata"]
        .iter()
        .chain(path)
        .copied()
        .collect();
    let bytes = host
        .property(&path)?
        .and_then(|value| <[u8; 8]>::try_from(value).ok());
    let number = bytes.map(f64::from_le_bytes);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, as checked"
    )]
    let whole = |number: f64| {
        (0.0..=f64::from(u32::MAX))
            .contains(&number)
            .then(|| number.ceil() as u32)
    };
    Ok(number.and_then(whole))
}
