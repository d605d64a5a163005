//! The service that a test starts for itself, and what is in front of it.

use std::io::Write as _;
use std::net::SocketAddr;

use crate::rate_limit_service::RateLimitService;
use gateway_harness::exchange::{Answer, Exchange};
use gateway_harness::model::{Proxy, ServiceCluster};
use serde_json::{Value, json};

use crate::rate_limited;

/// A service that knows these domains; absent where it is not installed.
pub(crate) fn service(domains: &[&str]) -> Option<RateLimitService> {
    let started = RateLimitService::start(domains).unwrap_or_else(|error| panic!("{error}"));
    if started.is_none() {
        let required = std::env::var_os("GWF_REQUIRE_RATELIMIT").is_some_and(|v| v == "1");
        assert!(
            !required,
            "no rate limit service: `just ratelimit-tools` installs one"
        );
        // Not by a macro: those are captured, and a test that did nothing must say so.
        let _ = writeln!(
            std::io::stderr(),
            "passed over: no rate limit service, `just ratelimit-tools` installs one"
        );
    }
    started
}

/// The domain that the filter asks in.
pub(crate) const DOMAIN: &str = "gateway-filters";

/// A policy `n/p` with these global rules, and further members of `service`.
pub(crate) fn limited(rules: &Value, service: Value) -> String {
    let mut spec = json!({"cluster": CLUSTER, "domain": DOMAIN, "timeout": "30s"});
    if let (Value::Object(spec), Value::Object(service)) = (&mut spec, service) {
        spec.extend(service);
    }
    let policy = json!({"name": "n/p", "rateLimit": {"global": {"rules": rules}}});
    json!({"policies": [policy], "service": spec}).to_string()
}

const CLUSTER: &str = "ratelimit";

/// The filter in front of the routes `/a` and `/b`.
pub(crate) fn proxy(configuration: &str, service: Option<SocketAddr>) -> Proxy {
    Proxy {
        services: vec![ServiceCluster {
            name: CLUSTER.into(),
            address: service,
        }],
        ..rate_limited::proxy(configuration, &[("a", "/a"), ("b", "/b")])
    }
}

pub(crate) fn get(path: &str) -> Exchange {
    Exchange::get("x.example", path)
}

/// The value of a response header.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(n, _)| n == name.as_bytes());
    found.and_then(|(_, value)| std::str::from_utf8(value).ok())
}
