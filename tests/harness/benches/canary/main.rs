//! What a choice of `canary` costs in the embedded host, beside a filter that does nothing.
//! `cargo bench -p gwf --bench canary [-- --quick] [-- --requests N]`

#[path = "../canaries.rs"]
mod canaries;
#[path = "../filter.rs"]
mod filter;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../../tests/filter_bench/mod.rs"]
mod filter_bench;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../limits.rs"]
mod limits;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../measure.rs"]
mod measure;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../workload.rs"]
mod workload;

use crate::filter_bench::FilterBench;
use canaries::Canary;
use gateway_filter_modules::{CANARY, DO_NOTHING};
use gateway_harness::wasm_host::{HeaderMap, Runtime};
use measure::Measurement;

/// Clients that take turns.
const CLIENTS: usize = 10_000;

struct Subject {
    name: &'static str,
    /// Absent is the filter that does nothing.
    canary: Option<Canary>,
}

impl filter::Subject for Subject {
    fn name(&self) -> &str {
        self.name
    }

    fn load(&self, runtime: &Runtime) -> Measurement<FilterBench> {
        match self.canary {
            None => filter::load(runtime, DO_NOTHING, ""),
            Some(canary) => {
                filter::load(runtime, CANARY, &canary.configuration("x-gateway-canary"))
            }
        }
    }

    fn request(&self, number: usize) -> HeaderMap {
        let client = number.wrapping_mul(7919) % CLIENTS;
        self.canary.unwrap_or(Canary::Chance).request(client)
    }
}

fn subjects() -> Vec<Subject> {
    let subject = |name, canary| Subject { name, canary };
    vec![
        subject("do-nothing", None),
        subject("by chance", Some(Canary::Chance)),
        subject("sticky by header", Some(Canary::Sticky)),
        subject("sticky by cookie", Some(Canary::Cookie)),
        subject("a new cookie", Some(Canary::NewCookie)),
        subject("a new session", Some(Canary::NewSession)),
        subject("sticky, 1 override", Some(Canary::Overrides(1))),
        subject("sticky, 10 overrides", Some(Canary::Overrides(10))),
        subject("sticky, a linear ramp", Some(Canary::Ramp)),
        subject("sticky, a guard", Some(Canary::Guard)),
        subject("sticky, 10 backends", Some(Canary::Backends(10))),
    ]
}

fn main() -> Measurement<()> {
    filter::requests("canary", &subjects())?;
    let configuration = Canary::Guard.configuration("x-gateway-canary");
    let bench = filter::load(&filter::timed()?, CANARY, &configuration)?;
    let requests = measure::requests(1_000_000)?;
    filter::memory("canary", bench, requests, |client| {
        Canary::Guard.request(client)
    })
}
