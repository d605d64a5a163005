//! Limits that are counted in shared data, beside a filter that does nothing.

use gwf::abi::{HeaderMap, Runtime};
use gwf::modules::{DO_NOTHING, RATE_LIMIT};

use crate::filter::{self, COLUMNS, row};
use crate::limits::{self, Limits};
use crate::measure::{Cell, Outcome, budget, interleaved, is_quick, print_table};

/// A client's requests an hour, of which no run uses up so many.
const PLENTY: u32 = 100_000_000;

struct Subject {
    name: &'static str,
    /// Absent is the filter that does nothing.
    limits: Option<Limits>,
    per_hour: u32,
    clients: usize,
    refuses: bool,
}

impl Subject {
    const fn allowed(name: &'static str, limits: Option<Limits>, clients: usize) -> Self {
        Subject {
            name,
            limits,
            per_hour: PLENTY,
            clients,
            refuses: false,
        }
    }

    fn load(&self, runtime: &Runtime) -> Outcome<gwf::chain::FilterBench> {
        let mut bench = match self.limits {
            None => filter::load(runtime, DO_NOTHING, "")?,
            Some(limits) => {
                filter::load(runtime, RATE_LIMIT, &limits.configuration(self.per_hour))?
            }
        };
        // What a first request makes is there before anything is measured.
        for client in 0..self.clients {
            filter::request(&mut bench, limits::request(client))?;
        }
        Ok(bench)
    }

    fn request(&self, number: usize) -> HeaderMap {
        limits::request(number.wrapping_mul(7919) % self.clients)
    }
}

fn subjects() -> Vec<Subject> {
    use Limits::{AllRules, Rules, Tiers, TiersTold};
    vec![
        Subject::allowed("do-nothing", None, 1),
        Subject::allowed("a tier table, 1 key", Some(Tiers), 1),
        Subject::allowed("a tier table, 10,000 keys", Some(Tiers), 10_000),
        Subject::allowed("a tier table, x-ratelimit headers", Some(TiersTold), 1),
        Subject {
            per_hour: 1,
            refuses: true,
            ..Subject::allowed("a tier table, refused", Some(Tiers), 1)
        },
        Subject::allowed("1 rule", Some(Rules(1)), 1),
        Subject::allowed("16 rules, 1 of them matches", Some(Rules(16)), 1),
        Subject::allowed("16 rules, all match", Some(AllRules(16)), 1),
    ]
}

/// A request through one filter: time, instructions, hostcalls.
pub fn requests() -> Outcome<()> {
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
        let refuses = subject.refuses;
        rows.push(row(
            subject.name,
            &mut bench,
            request,
            refuses,
            samples,
            &base,
        )?);
    }
    print_table(
        "One request through rate-limit, wasmtime (all callbacks, from creation to deletion)",
        COLUMNS,
        &rows,
    );
    Ok(())
}

/// What many requests of as many clients add to linear memory.
pub fn memory(requests: usize) -> Outcome<()> {
    let runtime = filter::timed()?;
    let configuration = Limits::Tiers.configuration(PLENTY);
    let mut bench = filter::load(&runtime, RATE_LIMIT, &configuration)?;
    let configured = bench.vm().memory_size();
    for number in 0..requests {
        filter::request(&mut bench, limits::request(number))?;
    }
    let growth = bench.vm().memory_size() - configured;
    print_table(
        &format!("Linear memory of rate-limit ({requests} requests, a client each)"),
        ["MiB", "growth, bytes", "budget"],
        &[[
            format!("{:.2}", configured as f64 / 1_048_576.0),
            growth.to_string(),
            budget(growth as f64, 0.0, ""),
        ]],
    );
    Ok(())
}
