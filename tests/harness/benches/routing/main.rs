//! What routing costs: the SDK natively, and the compiled modules in the embedded host, side by
//! side in one run. `cargo bench -p gwf --bench routing [-- --quick] [-- --requests N]`

#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../measure.rs"]
mod measure;
mod modules;
mod native;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../workload.rs"]
mod workload;

use measure::Outcome;

fn main() -> Outcome<()> {
    native::run()?;
    modules::requests()?;
    modules::sizes()?;
    modules::configuration()?;
    modules::memory(requests()?)
}

/// How many requests memory must not grow over.
fn requests() -> Outcome<usize> {
    let given = std::env::args()
        .skip_while(|argument| argument != "--requests")
        .nth(1);
    match given {
        Some(number) => Ok(number
            .parse()
            .map_err(|error| format!("--requests {number}: {error}"))?),
        None if measure::is_quick() => Ok(1_000),
        None => Ok(100_000),
    }
}
