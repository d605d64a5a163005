//! The module in front of one backend, and requests for it.

use std::sync::Arc;

use crate::filter_bench::{FilterBench, Measured};
use gateway_filter_modules::RATE_LIMIT;
use gateway_harness::chain::{Admission, EmbeddedEnvoy};
use gateway_harness::wasm_host::{Clock, HeaderMap, MapKind, Module, Plugin, Process, WasmCode};

pub(crate) use crate::embedded_host::get;
use crate::embedded_host::{self, RUNTIME};
use crate::rate_limited::proxy;

/// Compiled once for all tests.
pub(crate) fn module() -> Arc<Module> {
    let code = WasmCode::from_static(RATE_LIMIT.name, RATE_LIMIT.bytes);
    RUNTIME.load(&code).unwrap()
}

/// A policy `n/p` with one local tier table `clients`: a single tier, clients by the header `x-client`.
/// `limit` and `rest`, further members of the configuration, are JSON.
pub(crate) fn by_client(limit: &str, rest: &str) -> String {
    let tiers = format!(
        r#"{{"name": "clients", "tier": {{"header": "x-tier"}}, "key": {{"header": "x-client"}},
             "limits": {{"free": {limit}}}, "defaultTier": "free"}}"#
    );
    format!(
        r#"{{"policies": [{{"name": "n/p", "xRateLimitHeaders": "Off", "tiers": [{tiers}]}}] {rest}}}"#
    )
}

/// A metric of that table.
pub(crate) fn metric(process: &Process, what: &str) -> u64 {
    let name = format!("rate_limit.n/p.clients.{what}");
    process.metric(&name).unwrap()
}

pub(crate) fn plugin(configuration: &str) -> Plugin {
    Plugin {
        name: "rate-limit".into(),
        configuration: configuration.into(),
        ..Plugin::default()
    }
}

/// The filter alone, in a process of its own.
pub(crate) fn bench(configuration: &str) -> (FilterBench, Arc<Process>) {
    let process = Arc::new(Process::default());
    let bench = FilterBench::start(&module(), &process, plugin(configuration)).unwrap();
    (bench, process)
}

/// One request of a client.
pub(crate) fn ask(bench: &mut FilterBench, client: &[u8]) -> Measured {
    let headers = [
        (&b":authority"[..], &b"x.example"[..]),
        (b":path", b"/"),
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b"x-client", client),
    ];
    let headers = HeaderMap::from_pairs(MapKind::Request, headers);
    bench.request(headers).unwrap()
}

/// An Envoy with the filter in front of one route.
pub(crate) fn envoy(
    configuration: &str,
    workers: usize,
    admission: Admission,
) -> (EmbeddedEnvoy, Arc<Clock>) {
    embedded_host::envoy(&proxy(configuration, &[("r", "/")]), workers, admission)
}
