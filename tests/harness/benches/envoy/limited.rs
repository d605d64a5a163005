//! Limits per tier and client, by `rate-limit` and by Envoy's own `local_ratelimit`.

use gateway_filter_modules::RATE_LIMIT;
use serde_json::{Value, json};

use crate::limits::Limits;
use crate::{DO_NOTHING, Subject, filtered, with_filters};

/// Requests an hour, of which no run uses up so many.
const PLENTY: u32 = 100_000_000;

pub fn subjects() -> Vec<Subject> {
    let limited = |in_a_row, limits: Limits, told| {
        let name = format!("rate-limit × {in_a_row}{told}");
        let configuration = limits.configuration(PLENTY);
        let subject = filtered(&name, in_a_row, RATE_LIMIT, configuration, 10);
        let budget = (in_a_row == 10).then_some(4.0);
        Subject { budget, ..subject }
    };
    vec![
        limited(1, Limits::Tiers, ""),
        limited(10, Limits::Tiers, ""),
        limited(10, Limits::TiersTold, ", x-ratelimit headers"),
        local_ratelimit(1),
        local_ratelimit(10),
    ]
}

fn local_ratelimit(in_a_row: usize) -> Subject {
    let name = format!("local_ratelimit × {in_a_row}");
    Subject {
        filters: in_a_row,
        native: (0..in_a_row).map(native).collect(),
        ..with_filters(&name, 0, DO_NOTHING, 10)
    }
}

/// The limits of [`Limits::Tiers`] as Envoy Gateway writes them: a descriptor without a value is one
/// bucket for each value.
fn native(index: usize) -> Value {
    let bucket = |tokens: u32, interval: &str| json!({"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": interval});
    let limit = |tier: &str, bucket: Value| {
        json!({
            "entries": [{"key": "tier", "value": tier}, {"key": "client"}],
            "token_bucket": bucket,
        })
    };
    let action = |header: &str, key: &str| json!({"request_headers": {"header_name": header, "descriptor_key": key}});
    let always = json!({"default_value": {"numerator": 100, "denominator": "HUNDRED"}});
    json!({
        "name": format!("envoy.filters.http.local_ratelimit/{index}"),
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "bench",
            "token_bucket": bucket(PLENTY, "3600s"),
            "filter_enabled": always,
            "filter_enforced": always,
            "rate_limits": [{"actions": [action("x-user-tier", "tier"), action("x-api-key", "client")]}],
            "descriptors": [limit("free", bucket(10, "60s")), limit("premium", bucket(PLENTY, "3600s"))],
        },
    })
}
