//! Which limits a request falls under, and what is left of them.
//!
//! The filter tells its clients of one limit, the one with the least left. To learn of the others, the
//! limiter is asked once more for each rule: alone, at no cost, over what the filter has counted.

use gateway_filter_sdk::header::HeaderEdit;
use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::key::KeySpec;
use gateway_filter_sdk::limit::rls::RateLimitRequest;
use gateway_filter_sdk::limit::spec::{
    CostFrom, CostSourceSpec, CostSpec, LimitRuleSpec, LimitSpec, LimitType, PolicySpec,
    RateLimitFilterSpec, RateLimitSpec, RulesSpec, SelectorSpec, SourceSelectorType, TierTableSpec,
    ValueSelectorSpec, ValueSelectorType, XRateLimitHeaders,
};
use gateway_filter_sdk::limit::{Limiter, Verdict};
use gateway_filter_sdk::request::RequestHead;

use super::facts::text_of;
use super::facts::{Descriptor, LimitFacts, ServiceCall};
use super::source_location::SourceMap;
use gateway_harness::wasm_host::Callout;

/// The request as the filter saw it, and what the filter has counted.
pub(super) struct Seen<'a> {
    pub(super) head: RequestHead<'a>,
    pub(super) host: MockHost,
    /// The name of the match that won.
    pub(super) route: &'a str,
    pub(super) listener: &'a str,
}

/// Where a limit stands.
struct Figures {
    burst: u64,
    remaining: u64,
    reset_seconds: u64,
}

/// The limits that the request falls under and that are counted in Envoy.
pub(super) fn local(
    spec: &RateLimitFilterSpec,
    seen: &Seen,
    sources: SourceMap,
) -> Vec<LimitFacts> {
    let mut facts = Vec::new();
    for (at, policy) in spec.policies.iter().enumerate() {
        facts.extend(rules(spec, at, policy, seen));
        facts.extend(tables(spec, at, policy, seen));
    }
    for limit in &mut facts {
        limit.place = sources.policy("policies", &limit.policy);
    }
    facts
}

fn rules(
    spec: &RateLimitFilterSpec,
    at: usize,
    policy: &PolicySpec,
    seen: &Seen,
) -> Vec<LimitFacts> {
    let local = policy
        .rate_limit
        .as_ref()
        .and_then(|one| one.local.as_ref());
    let rules = local
        .map(|local| local.rules.as_slice())
        .unwrap_or_default();
    let found = rules.iter().enumerate().filter_map(|(index, rule)| {
        let name = rule
            .name
            .clone()
            .unwrap_or_else(|| format!("local-{index}"));
        let alone = LimitRuleSpec {
            name: Some(name.clone()),
            cost: Some(free()),
            x_rate_limit_headers: Some(XRateLimitHeaders::DraftVersion03),
            ..rule.clone()
        };
        let alone = RateLimitSpec {
            local: Some(RulesSpec { rules: vec![alone] }),
            ..RateLimitSpec::default()
        };
        let alone = PolicySpec {
            rate_limit: Some(alone),
            ..without_limits(policy)
        };
        let of = rule.client_selectors.iter();
        let of = of.flat_map(|selector| selected(selector, seen)).collect();
        let limit = (&rule.limit, rule.shadow_mode);
        let figures = figures(spec, at, alone, seen)?;
        Some((is_default(rule), facts(policy, name, limit, of, &figures)))
    });
    let found: Vec<(bool, LimitFacts)> = found.collect();
    // "The one without selectors counts only when no other matches."
    let selected = found.iter().any(|(is_default, _)| !is_default);
    let counted = found
        .into_iter()
        .filter(|(is_default, _)| !(selected && *is_default));
    counted.map(|(_, facts)| facts).collect()
}

fn tables(
    spec: &RateLimitFilterSpec,
    at: usize,
    policy: &PolicySpec,
    seen: &Seen,
) -> Vec<LimitFacts> {
    let local = policy.tiers.iter().enumerate();
    let local = local.filter(|(_, table)| table.kind == LimitType::Local);
    let found = local.filter_map(|(index, table)| {
        let name = table
            .name
            .clone()
            .unwrap_or_else(|| format!("tiers-{index}"));
        let (of, limit) = tier(table, seen)?;
        let alone = TierTableSpec {
            name: Some(name.clone()),
            cost: Some(free()),
            ..table.clone()
        };
        let alone = PolicySpec {
            tiers: vec![alone],
            x_rate_limit_headers: Some(XRateLimitHeaders::DraftVersion03),
            ..without_limits(policy)
        };
        let figures = figures(spec, at, alone, seen)?;
        Some(facts(
            policy,
            name,
            (limit, table.shadow_mode),
            of,
            &figures,
        ))
    });
    found.collect()
}

fn facts(
    policy: &PolicySpec,
    rule: String,
    (limit, shadow_mode): (&LimitSpec, Option<bool>),
    of: Vec<String>,
    figures: &Figures,
) -> LimitFacts {
    LimitFacts {
        policy: policy.name.clone(),
        rule,
        place: None,
        of,
        requests: limit.requests,
        unit: format!("{:?}", limit.unit),
        burst: figures.burst,
        remaining: figures.remaining,
        reset_seconds: figures.reset_seconds,
        shadow_mode: shadow_mode == Some(true),
    }
}

/// What the limiter says with this one limit in place of the policy with that index; none if the
/// request does not fall under it.
fn figures(
    spec: &RateLimitFilterSpec,
    at: usize,
    alone: PolicySpec,
    seen: &Seen,
) -> Option<Figures> {
    // The others stay, as the first that is for a route keeps it from those behind.
    let mut policies: Vec<PolicySpec> = spec.policies.iter().map(without_limits).collect();
    *policies.get_mut(at)? = alone;
    let alone = RateLimitFilterSpec {
        policies,
        ..spec.clone()
    };
    let limiter = Limiter::new(&alone, &seen.host).ok()?;
    let scope = limiter.scope_of(seen.route, seen.listener);
    let verdict = limiter.check(&scope, &seen.head, &seen.host).ok()?;
    let headers: Vec<(&str, &[u8])> = match &verdict {
        Verdict::Pass(pass) => {
            let edits = pass.response_headers.iter();
            edits.filter_map(HeaderEdit::written).collect()
        }
        Verdict::Refuse(reply) => {
            let headers = reply.headers.iter();
            headers.map(|(name, value)| (&**name, &**value)).collect()
        }
        Verdict::Ask(_) => return None,
    };
    let number = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| *name == wanted)?;
        text_of(found.1).parse().ok()
    };
    let figures = Figures {
        burst: number("x-ratelimit-limit")?,
        remaining: number("x-ratelimit-remaining")?,
        reset_seconds: number("x-ratelimit-reset")?,
    };
    // What the filter says of a request that no rule is for.
    (figures.burst != u64::from(u32::MAX)).then_some(figures)
}

fn without_limits(policy: &PolicySpec) -> PolicySpec {
    PolicySpec {
        rate_limit: None,
        tiers: Vec::new(),
        ..policy.clone()
    }
}

/// "Using zero can be used to only check the rate limit counters without reducing them."
fn free() -> CostSpec {
    CostSpec {
        request: Some(CostSourceSpec {
            from: CostFrom::Number,
            number: Some(0),
            metadata: None,
        }),
        response: None,
    }
}

fn is_default(rule: &LimitRuleSpec) -> bool {
    let mut selectors = rule.client_selectors.iter();
    selectors.all(|selector| *selector == SelectorSpec::default())
}

/// Tier and client of a request, and its limit.
fn tier<'t>(table: &'t TierTableSpec, seen: &Seen) -> Option<(Vec<String>, &'t LimitSpec)> {
    let value = |key: &KeySpec| {
        let value = key.value(&seen.head, &seen.host);
        value.map(|value| text_of(&value))
    };
    let client = value(&table.key);
    let key = key_text(&table.key);
    let named = match &client {
        Some(client) => format!("client {client} ({key})"),
        None => format!("all clients without {key}"),
    };
    let own = client.as_ref().and_then(|client| table.clients.get(client));
    if let Some(limit) = own {
        return Some((vec![format!("{named} has a limit of its own")], limit));
    }
    let said = value(&table.tier);
    let known = said
        .as_ref()
        .and_then(|tier| table.limits.get_key_value(tier));
    let (tier, limit) = match (known, &table.default_tier) {
        (Some((tier, limit)), _) => (format!("tier {tier} ({})", key_text(&table.tier)), limit),
        (None, Some(default)) => {
            let why = said.map_or("none is named".to_owned(), |said| {
                format!("{said} is not known")
            });
            let limit = table.limits.get(default)?;
            (format!("tier {default} (default: {why})"), limit)
        }
        (None, None) => return None,
    };
    Some((vec![tier, named], limit))
}

/// Whom a selector counts together.
fn selected(selector: &SelectorSpec, seen: &Seen) -> Vec<String> {
    let named =
        |specs: &[ValueSelectorSpec], what: &str, key: fn(&str) -> KeySpec| -> Vec<String> {
            let text = |spec: &ValueSelectorSpec| {
                let found = key(&spec.name).value(&seen.head, &seen.host);
                let found = found.map(|value| text_of(&value)).unwrap_or_default();
                let is = match (spec.kind, spec.invert == Some(true)) {
                    (ValueSelectorType::Distinct, _) => format!("each on its own, here {found}"),
                    (ValueSelectorType::Exact, true) => {
                        format!("other than {}", spec.value.as_deref().unwrap_or_default())
                    }
                    (ValueSelectorType::RegularExpression, true) => {
                        format!("no match of {}", spec.value.as_deref().unwrap_or_default())
                    }
                    (_, false) => found,
                };
                format!("{what} {}: {is}", spec.name)
            };
            specs.iter().map(text).collect()
        };
    let mut of = named(&selector.headers, "header", |name| key("header", name));
    of.extend(selector.methods.iter().map(|method| match method.invert {
        Some(true) => format!("method other than {}", method.value),
        _ => format!("method {}", method.value),
    }));
    of.extend(selector.path.iter().map(|path| match path.invert {
        Some(true) => format!("path other than {}", path.value),
        _ => format!("path {}", path.value),
    }));
    of.extend(selector.source_cidr.iter().map(|network| {
        let all = match network.invert {
            Some(true) => format!("clients outside of {}", network.value),
            _ => format!("clients in {}", network.value),
        };
        match network.kind {
            SourceSelectorType::Exact => format!("{all} together"),
            SourceSelectorType::Distinct => format!("{all}, each on its own"),
        }
    }));
    of.extend(named(&selector.query_params, "query parameter", |name| {
        key("queryParam", name)
    }));
    of.extend(named(&selector.cookies, "cookie", |name| {
        key("cookie", name)
    }));
    of.extend(named(&selector.jwt_claims, "claim", |name| {
        key("jwtClaim", name)
    }));
    of
}

fn key(field: &str, name: &str) -> KeySpec {
    let mut key = KeySpec::default();
    let place = match field {
        "header" => &mut key.header,
        "queryParam" => &mut key.query_param,
        "cookie" => &mut key.cookie,
        _ => &mut key.jwt_claim,
    };
    *place = Some(name.to_owned());
    key
}

/// `header x-api-key`, `cookie id`, `client address`.
pub(super) fn key_text(key: &KeySpec) -> String {
    let named = [
        ("header", &key.header),
        ("claim", &key.jwt_claim),
        ("cookie", &key.cookie),
        ("query parameter", &key.query_param),
    ];
    let mut named = named.into_iter();
    let found = named.find_map(|(what, name)| Some(format!("{what} {}", name.as_ref()?)));
    found.unwrap_or_else(|| "client address".into())
}

/// A question to the rate limit service, if a call is one.
pub(super) fn question(call: &Callout) -> Option<ServiceCall> {
    let request = RateLimitRequest::decode(&call.body).ok()?;
    let descriptors = request
        .descriptors
        .into_iter()
        .map(|descriptor| Descriptor {
            entries: descriptor.entries,
            limit: descriptor
                .limit
                .map(|(requests, unit)| format!("{requests} per {unit:?}")),
        });
    Some(ServiceCall {
        cluster: call.cluster.clone(),
        domain: request.domain,
        descriptors: descriptors.collect(),
    })
}

/// The answer of a service that has room for all that it is asked.
pub(super) fn room(call: &Callout) -> Vec<u8> {
    let descriptors = question(call).map_or(0, |question| question.descriptors.len());
    // `overall_code: OK`, and `statuses: {code: OK}` for each descriptor.
    let statuses = std::iter::repeat_n([0x12, 2, 8, 1].as_slice(), descriptors);
    std::iter::once([8, 1].as_slice())
        .chain(statuses)
        .flatten()
        .copied()
        .collect()
}
