//! What limits cost in the embedded host: a local one for each request, a global one in calls to a
//! real rate limit service. `cargo bench -p gwf --bench limiting [-- --quick] [-- --requests N]`

#[path = "../filter.rs"]
mod filter;
mod global;
#[path = "../limits.rs"]
mod limits;
mod local;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../measure.rs"]
mod measure;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../workload.rs"]
mod workload;

use measure::Outcome;

fn main() -> Outcome<()> {
    local::requests()?;
    local::memory(measure::requests(1_000_000)?)?;
    global::run()
}
