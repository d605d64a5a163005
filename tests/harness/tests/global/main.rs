//! Tests against a real rate limit service on a real Redis (`just ratelimit-tools`): the service
//! itself, and the compiled `rate-limit` module that asks it. Without them these tests are passed over
//! and say so, unless `GWF_REQUIRE_RATELIMIT=1`.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod embedded;
#[cfg(test)]
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../embedded_host/mod.rs"]
mod embedded_host;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod outage;
#[cfg(test)]
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../rate_limit_service/mod.rs"]
mod rate_limit_service;
#[cfg(test)]
#[path = "../rate_limited/mod.rs"]
mod rate_limited;
#[cfg(test)]
mod real;
#[cfg(test)]
#[path = "../required_envoy/mod.rs"]
mod required_envoy;
#[cfg(test)]
mod service;
#[cfg(test)]
mod service_counters;
