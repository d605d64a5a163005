//! The service that a test starts for itself.

use std::io::Write as _;

use gwf::rate_limit_service::RateLimitService;

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
