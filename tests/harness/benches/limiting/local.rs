//! Limits that are counted in shared data, beside a filter that does nothing.

use crate::filter_bench::FilterBench;
use gateway_filter_modules::{DO_NOTHING, RATE_LIMIT};
use gateway_harness::wasm_host::{HeaderMap, Runtime};

use crate::filter;
use crate::limits::{self, Limits};
use crate::measure::Measurement;

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
}

impl filter::Subject for Subject {
    fn name(&self) -> &str {
        self.name
    }

    fn load(&self, runtime: &Runtime) -> Measurement<FilterBench> {
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

    fn refuses(&self) -> bool {
        self.refuses
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
pub fn requests() -> Measurement<()> {
    filter::requests("rate-limit", &subjects())
}

/// What many requests of as many clients add to linear memory.
pub fn memory(requests: usize) -> Measurement<()> {
    let configuration = Limits::Tiers.configuration(PLENTY);
    let bench = filter::load(&filter::timed()?, RATE_LIMIT, &configuration)?;
    filter::memory("rate-limit", bench, requests, limits::request)
}
