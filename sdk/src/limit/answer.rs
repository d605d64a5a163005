//! What an answer of the rate limit service means.

use super::headers::Figures;
use super::policy::Policy;
use super::rls::{Code, DescriptorStatus, HeaderValue, RateLimitResponse};
use super::service::Charge;
use super::spec::Unit;
use crate::header::{HeaderEdit, is_token, is_value};
use std::time::Duration;

/// What the service says of some charges.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// Indices of rules, and whether there is room.
    pub(super) rules: Vec<(usize, bool)>,
    pub(super) refused: bool,
    pub(super) figures: Vec<Figures>,
    pub(super) retry_after: Option<Duration>,
    /// For how many more such requests there is room, and until when.
    pub(super) room: Option<(u32, Duration)>,
    pub(super) raw_body: Vec<u8>,
    pub(super) request_headers: Vec<HeaderEdit<'static>>,
    pub(super) response_headers: Vec<HeaderEdit<'static>>,
}

/// A refusal that is remembered until then: what can still be told of it.
pub(super) fn remembered(charges: &[Charge], until: u64, now: u64) -> Answered {
    let ends = charges
        .iter()
        .map(|charge| charge.window_end(now).unwrap_or(until));
    let end = ends.min().unwrap_or(until).max(until);
    let wait = Duration::from_nanos(end.saturating_sub(now));
    Answered {
        rules: charges.iter().map(|charge| (charge.rule, false)).collect(),
        refused: true,
        retry_after: Some(wait),
        ..Answered::default()
    }
}

/// Hits of a lease: nothing is known of what is left, so no figures are told.
pub(super) fn leased(charges: &[Charge]) -> Answered {
    Answered {
        rules: charges.iter().map(|charge| (charge.rule, true)).collect(),
        ..Answered::default()
    }
}

/// Reads an answer to the charges of one call.
///
/// The service's own verdict is over all descriptors; as it knows of no shadow mode where limits are
/// sent along, the statuses decide. An answer without a status for each descriptor is malformed.
pub(super) fn read(message: &[u8], charges: &[Charge], policy: &Policy) -> Option<Answered> {
    let response = RateLimitResponse::decode(message).ok()?;
    if response.statuses.len() != charges.len() {
        return None;
    }
    let mut answered = Answered {
        raw_body: response.raw_body,
        request_headers: added(&response.request_headers_to_add),
        response_headers: added(&response.response_headers_to_add),
        ..Answered::default()
    };
    let mut start = 0;
    while let Some(first) = charges.get(start) {
        let of_domain = charges.iter().zip(&response.statuses).skip(start);
        let of_domain: Vec<_> = of_domain
            .take_while(|(charge, _)| charge.domain == first.domain)
            .collect();
        start = start.saturating_add(of_domain.len());
        for (charge, status) in &of_domain {
            let Some(rule) = policy.global.get(charge.rule) else {
                continue;
            };
            answered.rules.push((charge.rule, !is_over(status)));
            if is_over(status) && !rule.rule.shadow {
                answered.refused = true;
                answered.retry_after = answered.retry_after.max(Some(status.duration_until_reset));
            }
            let hits = u32::try_from(charge.hits()).unwrap_or(u32::MAX);
            let room = status.limit_remaining.checked_div(hits).unwrap_or(u32::MAX);
            let (least, soonest) = answered.room.unwrap_or((u32::MAX, Duration::MAX));
            if status.current_limit.is_some() {
                answered.room = Some((least.min(room), soonest.min(status.duration_until_reset)));
            }
        }
        let shown = |charge: &Charge| {
            let rule = policy.global.get(charge.rule);
            rule.is_some_and(|global| global.rule.headers.unwrap_or(policy.headers))
        };
        let statuses = of_domain
            .iter()
            .filter(|(charge, _)| shown(charge))
            .map(|(_, status)| *status);
        answered
            .figures
            .extend(figures(&statuses.collect::<Vec<_>>()));
    }
    // In Envoy Gateway each domain is a filter, and the last one sees the response first.
    answered.figures.reverse();
    Some(answered)
}

/// `x-ratelimit-limit: 3, 3;w=3600, 100;w=1;name="nm"`: the limit with the least left, then all of
/// them (Envoy: `source/extensions/filters/http/ratelimit/ratelimit_headers.cc`).
fn figures(statuses: &[&DescriptorStatus]) -> Option<Figures> {
    let limited = || {
        statuses
            .iter()
            .filter_map(|status| Some((status, status.current_limit.as_ref()?)))
    };
    let (least, limit) = limited().min_by_key(|(status, _)| status.limit_remaining)?;
    let mut text = limit.requests_per_unit.to_string();
    for (_, limit) in limited() {
        let window = limit.unit.map_or(0, Unit::seconds);
        text.push_str(&format!(", {};w={window}", limit.requests_per_unit));
        // One that no header can hold would cost the answer all its headers.
        if !limit.name.is_empty() && is_value(limit.name.as_bytes()) {
            text.push_str(&format!(";name=\"{}\"", limit.name));
        }
    }
    Some(Figures {
        limit: text,
        remaining: least.limit_remaining.into(),
        reset: least.duration_until_reset,
    })
}

/// Headers that the service wants added; those that HTTP does not allow are passed over.
fn added(headers: &[HeaderValue]) -> Vec<HeaderEdit<'static>> {
    let sendable =
        |header: &&HeaderValue| is_token(header.key.as_bytes()) && is_value(&header.value);
    let header = |header: &HeaderValue| {
        HeaderEdit::add(header.key.to_ascii_lowercase(), header.value.clone())
    };
    headers.iter().filter(sendable).map(header).collect()
}

fn is_over(status: &DescriptorStatus) -> bool {
    status.code == Code::OverLimit
}
