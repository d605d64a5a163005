//! What a request costs the compiled filters, exactly: executed Wasm instructions (fuel) and
//! hostcalls. They do not depend on the machine, only on the code, the compiler and the `wasm`
//! profile; so a change for the worse shows here and nowhere sooner.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

#[allow(dead_code, reason = "each target uses a part of it")]
mod built;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../benches/canaries.rs"]
mod canaries;
#[allow(dead_code, reason = "each target uses a part of it")]
mod filter_bench;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../benches/limits.rs"]
mod limits;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../benches/workload.rs"]
mod workload;

use crate::filter_bench::FilterBench;
use canaries::Canary;
use gateway_filter_modules::{CANARY, DO_NOTHING, GATEWAY, Module, RATE_LIMIT, ROUTE_MATCH};
use gateway_filter_sdk::router::BACKEND_HEADER;
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, HeaderMap, Runtime};
use limits::Limits;
use workload::Shape;

/// Fuel of a request through `do-nothing`.
const DO_NOTHING_FUEL: u64 = 971;
/// Fuel of a request through `route-match`, at 10 and at 1,000 routes alike.
const ROUTE_MATCH_FUEL: u64 = 14_647;
/// Fuel of a request that a tier table allows in `rate-limit`.
const RATE_LIMIT_FUEL: u64 = 10_116;
/// Fuel of a request that `canary` splits by a header.
const CANARY_FUEL: u64 = 8_492;
/// Fuel of a request through `gateway` with routes alone.
const GATEWAY_ROUTES_FUEL: u64 = 17_200;
/// Fuel of a request that `gateway` routes, a tier table allows and a canary splits by a header.
const GATEWAY_FUEL: u64 = 26_257;
/// How far from these a request may be, in per cent.
const TOLERANCE: u64 = 3;

/// Requests that are averaged.
const REQUESTS: usize = 200;

/// Fuel of an average request, and the hostcalls of each.
fn measure(
    module: Module,
    configuration: &str,
    request: impl Fn(usize) -> HeaderMap,
) -> (u64, Vec<(&'static str, u32)>) {
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap();
    let mut bench = FilterBench::load(&runtime, &built::code(module), configuration).unwrap();
    let mut request = |number: usize| {
        let mut measured = bench.request(request(number)).unwrap();
        assert_eq!(measured.reply, None, "request {number}");
        measured.hostcalls.sort_unstable();
        measured
    };
    let hostcalls = request(0).hostcalls;
    let fuel: u64 = (0..REQUESTS)
        .map(|number| {
            let measured = request(number);
            assert_eq!(measured.hostcalls, hostcalls, "request {number}");
            measured.fuel
        })
        .sum();
    (fuel / REQUESTS as u64, hostcalls)
}

/// Of requests spread over all routes.
fn measure_routing(module: Module, routes: usize) -> (u64, Vec<(&'static str, u32)>) {
    let configuration = Shape::Mixed.configuration(routes, 10);
    measure(module, &configuration, |number| {
        Shape::Mixed.request(number * 37 % routes)
    })
}

#[track_caller]
fn assert_fuel(constant: &str, pinned: u64, fuel: u64) {
    assert!(
        fuel.abs_diff(pinned) * 100 <= pinned * TOLERANCE,
        "a request takes {fuel} instructions, not {pinned}. If that is meant, write in \
         tests/harness/tests/fuel.rs: const {constant}: u64 = {fuel};"
    );
}

#[test]
fn a_filter_that_does_nothing_costs_little_and_calls_nobody() {
    let (fuel, hostcalls) = measure_routing(DO_NOTHING, 10);
    assert_fuel("DO_NOTHING_FUEL", DO_NOTHING_FUEL, fuel);
    assert_eq!(hostcalls, []);
}

#[test]
fn routing_costs_the_same_at_10_and_at_1_000_routes() {
    let (few, hostcalls) = measure_routing(ROUTE_MATCH, 10);
    assert_fuel("ROUTE_MATCH_FUEL", ROUTE_MATCH_FUEL, few);
    assert_eq!(
        hostcalls,
        [
            ("proxy_get_header_map_pairs", 1),
            ("proxy_replace_header_map_value", 2),
        ]
    );
    let (many, hostcalls_of_many) = measure_routing(ROUTE_MATCH, 1_000);
    assert_eq!(hostcalls_of_many, hostcalls);
    assert!(
        many * 100 <= few * (100 + TOLERANCE),
        "{many} instructions at 1,000 routes, {few} at 10"
    );
}

#[test]
fn a_limit_per_tier_and_client_takes_four_hostcalls() {
    let configuration = Limits::Tiers.configuration(1_000_000);
    // The first request of a client makes its bucket; all later ones cost the same.
    let (fuel, hostcalls) = measure(RATE_LIMIT, &configuration, |_| limits::request(7));
    assert_eq!(
        hostcalls,
        [
            ("proxy_get_current_time_nanoseconds", 1),
            ("proxy_get_header_map_pairs", 1),
            ("proxy_get_shared_data", 1),
            ("proxy_set_shared_data", 1),
        ]
    );
    assert_fuel("RATE_LIMIT_FUEL", RATE_LIMIT_FUEL, fuel);
}

#[test]
fn a_sticky_choice_takes_two_hostcalls() {
    let configuration = Canary::Sticky.configuration("x-gateway-canary");
    let request = |client| Canary::Sticky.request(client);
    let (fuel, hostcalls) = measure(CANARY, &configuration, request);
    assert_eq!(
        hostcalls,
        [
            ("proxy_get_header_map_pairs", 1),
            ("proxy_replace_header_map_value", 1),
        ]
    );
    assert_fuel("CANARY_FUEL", CANARY_FUEL, fuel);
}

#[test]
fn one_pass_reads_the_headers_once_and_writes_each_header_once() {
    let routes = Shape::Mixed.configuration(10, 10);
    let routed = format!(r#"{{"routes": {routes}}}"#);
    let request = |number: usize| limits::identified(Shape::Mixed.request(number % 10), 7);
    let (fuel, hostcalls) = measure(GATEWAY, &routed, request);
    assert_eq!(
        hostcalls,
        [
            ("proxy_get_header_map_pairs", 1),
            ("proxy_replace_header_map_value", 2),
        ]
    );
    assert_fuel("GATEWAY_ROUTES_FUEL", GATEWAY_ROUTES_FUEL, fuel);

    let limits = Limits::Tiers.configuration(1_000_000);
    let canary = Canary::Backends(2).configuration(BACKEND_HEADER);
    let all = format!(r#"{{"routes": {routes}, "limits": {limits}, "canaries": {canary}}}"#);
    let (fuel, hostcalls) = measure(GATEWAY, &all, request);
    assert_eq!(
        hostcalls,
        [
            ("proxy_get_current_time_nanoseconds", 1),
            ("proxy_get_header_map_pairs", 1),
            ("proxy_get_shared_data", 1),
            ("proxy_replace_header_map_value", 2),
            ("proxy_set_shared_data", 1),
        ]
    );
    assert_fuel("GATEWAY_FUEL", GATEWAY_FUEL, fuel);
}
