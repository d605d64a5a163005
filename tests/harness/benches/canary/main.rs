//! What a choice of `canary` costs in the embedded host, beside a filter that does nothing.
//! `cargo bench -p gwf --bench canary [-- --quick] [-- --requests N]`

#[path = "../canaries.rs"]
mod canaries;
#[path = "../filter.rs"]
mod filter;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../limits.rs"]
mod limits;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../measure.rs"]
mod measure;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../workload.rs"]
mod workload;

use canaries::Canary;
use filter::{COLUMNS, row};
use gwf::abi::{HeaderMap, Runtime};
use gwf::chain::FilterBench;
use gwf::modules::{CANARY, DO_NOTHING};
use measure::{Cell, Outcome, budget, interleaved, is_quick, print_table};

/// Clients that take turns.
const CLIENTS: usize = 10_000;

struct Subject {
    name: &'static str,
    /// Absent is the filter that does nothing.
    canary: Option<Canary>,
}

impl Subject {
    fn load(&self, runtime: &Runtime) -> Outcome<FilterBench> {
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

fn main() -> Outcome<()> {
    requests()?;
    memory(measure::requests(1_000_000)?)
}

/// A request through one filter: time, instructions, hostcalls.
fn requests() -> Outcome<()> {
    let (timed, counted) = (filter::timed()?, filter::counted()?);
    let subjects = subjects();
    let mut cells = Vec::new();
    for subject in &subjects {
        let cell: Cell = filter::time(subject.load(&timed)?, |number| subject.request(number));
        cells.push(cell);
    }
    let samples = interleaved(if is_quick() { 3 } else { 41 }, &mut cells)?;
    let base = samples.first().cloned().unwrap_or_default();
    let mut rows = Vec::with_capacity(subjects.len());
    for (subject, samples) in subjects.iter().zip(&samples) {
        let mut bench = subject.load(&counted)?;
        let request = |number| subject.request(number);
        rows.push(row(
            subject.name,
            &mut bench,
            request,
            false,
            samples,
            &base,
        )?);
    }
    print_table(
        "One request through canary, wasmtime (all callbacks, from creation to deletion)",
        COLUMNS,
        &rows,
    );
    Ok(())
}

/// What many requests of as many clients add to linear memory.
fn memory(requests: usize) -> Outcome<()> {
    let runtime = filter::timed()?;
    let configuration = Canary::Guard.configuration("x-gateway-canary");
    let mut bench = filter::load(&runtime, CANARY, &configuration)?;
    let configured = bench.vm().memory_size();
    for number in 0..requests {
        filter::request(&mut bench, Canary::Guard.request(number))?;
    }
    let growth = bench.vm().memory_size() - configured;
    print_table(
        &format!("Linear memory of canary ({requests} requests, a client each)"),
        ["MiB", "growth, bytes", "budget"],
        &[[
            format!("{:.2}", configured as f64 / 1_048_576.0),
            growth.to_string(),
            budget(growth as f64, 0.0, ""),
        ]],
    );
    Ok(())
}
