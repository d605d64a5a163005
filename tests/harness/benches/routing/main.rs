//! What routing costs: the SDK natively, and the compiled modules in the embedded host, side by
//! side in one run. `cargo bench -p gwf --bench routing [-- --quick] [-- --requests N]`

#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../filter.rs"]
mod filter;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../../tests/filter_bench/mod.rs"]
mod filter_bench;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../measure.rs"]
mod measure;
mod modules;
mod native;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../workload.rs"]
mod workload;

use measure::Measurement;

fn main() -> Measurement<()> {
    native::run()?;
    modules::requests()?;
    modules::sizes()?;
    modules::configuration()?;
    modules::memory(measure::requests(100_000)?)
}
