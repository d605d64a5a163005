//! What limits cost in the embedded host: a local one for each request, a global one in calls to a
//! real rate limit service. `cargo bench -p gwf --bench limiting [-- --quick] [-- --requests N]`

#[path = "../filter.rs"]
mod filter;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../../tests/filter_bench/mod.rs"]
mod filter_bench;
mod global;
#[path = "../limits.rs"]
mod limits;
mod local;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../measure.rs"]
mod measure;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../../tests/rate_limit_service/mod.rs"]
mod rate_limit_service;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../workload.rs"]
mod workload;

use measure::Measurement;

fn main() -> Measurement<()> {
    local::requests()?;
    local::memory(measure::requests(1_000_000)?)?;
    global::run()
}
