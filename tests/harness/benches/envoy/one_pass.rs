//! Routes, a limit by tier and client, and a sticky canary: in one pass, and by three filters.

use gateway_filter_modules::{CANARY, GATEWAY, Module, RATE_LIMIT, ROUTE_MATCH};
use gateway_filter_sdk::router::BACKEND_HEADER;
use gateway_harness::model::WasmFilter;
use gateway_harness::wasm_host::WasmCode;

use crate::canaries::Canary;
use crate::limits::Limits;
use crate::{SERVICES, SHAPE, Subject, filtered};

/// Requests an hour, of which no run uses up so many.
const PLENTY: u32 = 100_000_000;
const ROUTES: usize = 10;

pub fn subjects() -> Vec<Subject> {
    let routes = SHAPE.configuration(ROUTES, SERVICES);
    let limits = Limits::Tiers.configuration(PLENTY);
    let canary = Canary::Backends(2).configuration(BACKEND_HEADER);
    let routed = format!(r#"{{"routes": {routes}}}"#);
    let all = format!(r#"{{"routes": {routes}, "limits": {limits}, "canaries": {canary}}}"#);

    let mut chain = filtered(
        "a chain of three for gateway × 1",
        1,
        ROUTE_MATCH,
        routes,
        ROUTES,
    );
    for (module, configuration) in [(RATE_LIMIT, limits), (CANARY, canary)] {
        chain.proxy.filters.push(filter(module, configuration));
    }
    let gateway = |name: &str, in_a_row, configuration: &str, budget| Subject {
        budget,
        ..filtered(name, in_a_row, GATEWAY, configuration.to_owned(), ROUTES)
    };
    vec![
        gateway("gateway × 1, routes", 1, &routed, Some(5.0)),
        gateway("gateway × 10, routes", 10, &routed, None),
        gateway(
            "gateway × 1, routes, tiers, sticky canary",
            1,
            &all,
            Some(6.5),
        ),
        gateway("gateway × 10, routes, tiers, sticky canary", 10, &all, None),
        chain,
    ]
}

fn filter(module: Module, configuration: String) -> WasmFilter {
    WasmFilter {
        name: "bench".into(),
        root_id: String::new(),
        module: WasmCode::from_static(module.name, module.bytes),
        configuration,
        fail_open: false,
    }
}
