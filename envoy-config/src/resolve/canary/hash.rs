//! BackendTrafficPolicy `loadBalancer` of type `ConsistentHash`: the client's key chooses between the
//! backendRefs of a rule, as Envoy's weighted clusters do with `use_hash_policy` (Envoy Gateway 1.9,
//! `internal/xds/translator/route.go`). Which pod of a Service serves is left to Envoy.

use crate::load::Object;
use crate::load::policy::{
    ConsistentHash, HashCookie, HashType, LoadBalancer, LoadBalancerType, Policy, TrafficSettings,
};
use crate::report::{Report, Severity};
use crate::resolve::limits::{Limits, Traffic};
use gateway_filter_sdk::key::KeySpec;
use gateway_filter_sdk::split::spec::{CookieSpec, SameSite, StickySpec};
use gateway_filter_sdk::time::parse_duration;
use serde_json::Value;

/// Reports the attributes of a cookie that the filter does not set.
pub(super) fn check(policy: &Object<Policy<TrafficSettings>>, report: &mut Report) {
    let value = policy.value.settings.load_balancer.as_ref();
    let cookie = value.and_then(consistent_hash).and_then(|hash| hash.cookie);
    for (name, value) in cookie.iter().flat_map(|cookie| &cookie.attributes) {
        if !set_attribute(&mut CookieSpec::default(), name, value) {
            let path = format!("spec.loadBalancer.consistentHash.cookie.attributes.{name}");
            let message = format!("the attribute {name}={value} is not set");
            report.ignore(&policy.document, &path, Severity::Warning, message);
        }
    }
}

/// The keys that a policy hashes, if it does.
pub(super) fn sticky(limits: &Limits, (own, parent): Traffic) -> Option<StickySpec> {
    let settings = |index| Some(&limits.policy(index)?.value.settings);
    let balancer = |index| settings(index).and_then(|one| one.load_balancer.clone());
    let merges = settings(own)?.merge_type.is_some();
    let inherited = parent.filter(|_| merges).and_then(balancer);
    let value = match (balancer(own), inherited) {
        (Some(own), Some(inherited)) => merged(inherited, own),
        (own, inherited) => own.or(inherited)?,
    };
    Some(keys(consistent_hash(&value)?))
}

/// Both kinds of patch go into objects and replace all else: lists have no keys here.
fn merged(inherited: Value, own: Value) -> Value {
    match (inherited, own) {
        (Value::Object(mut inherited), Value::Object(own)) => {
            for (name, value) in own {
                let before = inherited.remove(&name).unwrap_or_default();
                inherited.insert(name, merged(before, value));
            }
            Value::Object(inherited)
        }
        (_, own) => own,
    }
}

fn consistent_hash(balancer: &Value) -> Option<ConsistentHash> {
    // The shape was checked; what two policies are merged to may lack a member, and hashes nothing.
    let balancer: LoadBalancer = serde_json::from_value(balancer.clone()).ok()?;
    let hashes = balancer.kind == LoadBalancerType::ConsistentHash;
    balancer.consistent_hash.filter(|_| hashes)
}

fn keys(hash: ConsistentHash) -> StickySpec {
    let header = |name: String| KeySpec {
        header: Some(name),
        ..KeySpec::default()
    };
    let keys = match hash.kind {
        HashType::SourceIP => vec![KeySpec {
            source_address: Some(true),
            ..KeySpec::default()
        }],
        HashType::Header => hash
            .header
            .into_iter()
            .map(|one| header(one.name))
            .collect(),
        HashType::Headers => hash
            .headers
            .into_iter()
            .map(|one| header(one.name))
            .collect(),
        HashType::QueryParams => {
            let key = |name| KeySpec {
                query_param: Some(name),
                ..KeySpec::default()
            };
            hash.query_params
                .into_iter()
                .map(|one| key(one.name))
                .collect()
        }
        HashType::Cookie => return hash.cookie.map(cookie).unwrap_or_default(),
    };
    StickySpec {
        keys,
        ..StickySpec::default()
    }
}

/// "If present, a cookie with the TTL will be generated if the cookie is not present. If the TTL is
/// present and zero, the generated cookie will be a session cookie." (Envoy's
/// `RouteAction.HashPolicy.Cookie`)
fn cookie(hash: HashCookie) -> StickySpec {
    let Some(ttl) = hash.ttl else {
        let key = KeySpec {
            cookie: Some(hash.name),
            ..KeySpec::default()
        };
        return StickySpec {
            keys: vec![key],
            ..StickySpec::default()
        };
    };
    let lasting = parse_duration(&ttl).is_some_and(|ttl| !ttl.is_zero());
    let mut cookie = CookieSpec {
        name: hash.name,
        max_age: lasting.then_some(ttl),
        ..CookieSpec::default()
    };
    for (name, value) in &hash.attributes {
        set_attribute(&mut cookie, name, value);
    }
    StickySpec {
        cookie: Some(cookie),
        ..StickySpec::default()
    }
}

/// Whether it is one that the filter sets.
fn set_attribute(cookie: &mut CookieSpec, name: &str, value: &str) -> bool {
    let text = || Some(value.to_owned());
    match (&*name.to_ascii_lowercase(), &*value.to_ascii_lowercase()) {
        ("path", _) => cookie.path = text(),
        ("domain", _) => cookie.domain = text(),
        ("samesite", "strict") => cookie.same_site = Some(SameSite::Strict),
        ("samesite", "lax") => cookie.same_site = Some(SameSite::Lax),
        ("samesite", "none") => cookie.same_site = Some(SameSite::None),
        ("httponly", _) => cookie.http_only = Some(true),
        ("secure", _) => cookie.secure = Some(true),
        _ => return false,
    }
    true
}
