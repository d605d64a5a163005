//! Configurations of `rate-limit` and the requests for them.

use gateway_harness::wasm_host::HeaderMap;
use serde_json::{Value, json};

use crate::workload::Shape;

/// What a policy has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    /// A tier table by `x-user-tier`, each client (`x-api-key`) counted for itself.
    Tiers,
    /// The same, told in `x-ratelimit-*`.
    TiersTold,
    /// That many rules on different values of `x-user-tier`, of which one is for the request.
    Rules(usize),
    /// That many rules, all of them for every request with an `x-api-key`.
    AllRules(usize),
}

impl Limits {
    /// A configuration that allows `per_hour` requests to each client.
    pub fn configuration(self, per_hour: u32) -> String {
        let policy = match self {
            Limits::Tiers => tiers("Off", per_hour),
            Limits::TiersTold => tiers("DraftVersion03", per_hour),
            Limits::Rules(rules) => {
                let condition = |rule: usize| json!({"name": "x-user-tier", "value": tier(rule)});
                local((0..rules).map(|at| rule(condition(at), per_hour)).collect())
            }
            Limits::AllRules(rules) => {
                let condition = json!({"name": "x-api-key", "type": "Distinct"});
                let rule = |_| rule(condition.clone(), per_hour);
                local((0..rules).map(rule).collect())
            }
        };
        json!({"policies": [policy]}).to_string()
    }
}

fn tiers(headers: &str, per_hour: u32) -> Value {
    let limit = json!({"requests": per_hour, "unit": "Hour"});
    json!({
        "name": "shop/tiers",
        "xRateLimitHeaders": headers,
        "tiers": [{
            "tier": {"header": "x-user-tier"},
            "key": {"header": "x-api-key"},
            "limits": {"free": {"requests": 10, "unit": "Minute"}, "premium": limit},
            "defaultTier": "free",
        }],
    })
}

fn local(rules: Vec<Value>) -> Value {
    json!({
        "name": "shop/rules",
        "xRateLimitHeaders": "Off",
        "rateLimit": {"local": {"rules": rules}},
    })
}

fn rule(header: Value, per_hour: u32) -> Value {
    json!({
        "clientSelectors": [{"headers": [header]}],
        "limit": {"requests": per_hour, "unit": "Hour"},
        "shared": true,
    })
}

fn tier(rule: usize) -> String {
    match rule {
        0 => "premium".into(),
        rule => format!("tier-{rule}"),
    }
}

/// A request of a premium client, else as [`Shape::request`] has it.
pub fn request(client: usize) -> HeaderMap {
    identified(Shape::Prefixes.request(1), client)
}

/// The same request with a tier and a client.
pub fn identified(mut headers: HeaderMap, client: usize) -> HeaderMap {
    headers.add(b"x-user-tier", b"premium");
    headers.add(b"x-api-key", format!("client-{client:06}").as_bytes());
    headers
}
