//! A guard in virtual time: two workers, each with its own guard and its own phase of the tick, on one
//! host in memory. Requests come evenly spaced, go to a worker and a side by chance, and are answered
//! at once.

use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::split::guard::Guard;
use gateway_filter_sdk::split::spec::{GuardSpec, Variant};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// When runs begin, nanoseconds since 1970.
const BEGIN: u64 = 1_800_000_000_000_000_000;

/// How often stable and the canary fail.
#[derive(Debug, Clone, Copy)]
pub struct Failing {
    pub stable: f64,
    pub canary: f64,
}

/// Both at 0.1 %.
pub const HEALTHY: Failing = Failing {
    stable: 0.001,
    canary: 0.001,
};

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Requests in a second.
    pub rate: u64,
    /// The canary's planned share.
    pub share: f64,
    pub guard: GuardSpec,
    /// How often workers tick.
    pub tick: Duration,
}

impl Setup {
    /// A canary with 10 % and a guard with all its defaults.
    pub fn new(rate: u64) -> Setup {
        Setup {
            rate,
            share: 0.1,
            guard: GuardSpec::default(),
            tick: Guard::TICK,
        }
    }
}

/// What it took until no worker sent the canary anything.
#[derive(Debug, Clone, Copy)]
pub struct BackedOff {
    pub after: Duration,
    /// Requests that the canary got.
    pub sent: u64,
    /// Those of them that it failed.
    pub hurt: u64,
}

/// Runs that found the canary out.
#[derive(Debug)]
pub struct Found {
    runs: Vec<BackedOff>,
    /// All that were made.
    pub of: usize,
}

impl Found {
    /// Many runs of one setup: so long healthy, then failing.
    pub fn new(
        setup: &Setup,
        count: u64,
        healthy: Duration,
        failing: Failing,
        limit: Duration,
    ) -> Result<Found, InvalidConfig> {
        let run = |seed| {
            let mut simulation = Simulation::new(setup, seed << 32)?;
            simulation.run(healthy, HEALTHY);
            Ok(simulation.until_back_off(limit, failing))
        };
        let all = in_parallel(count, run).into_iter();
        let runs: Vec<BackedOff> = all
            .filter_map(Result::transpose)
            .collect::<Result<_, _>>()?;
        let of = count as usize;
        Ok(Found { runs, of })
    }

    pub fn count(&self) -> usize {
        self.runs.len()
    }

    /// The median of a figure and the largest; none where nothing was found.
    pub fn spread(&self, figure: impl Fn(&BackedOff) -> f64) -> Option<(f64, f64)> {
        let mut figures: Vec<f64> = self.runs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let median = figures.get(figures.len() / 2)?;
        Some((*median, *figures.last()?))
    }
}

/// What each number gives.
fn in_parallel<T: Send>(count: u64, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let (run, results) = (&run, Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for first in 0..threads {
            let numbers = (first..count).step_by(threads as usize);
            let results = &results;
            scope.spawn(move || {
                let some: Vec<T> = numbers.map(run).collect();
                results
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(some);
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A run, as far as it got. Times are in nanoseconds since it began.
#[derive(Debug)]
pub struct Simulation {
    pub host: MockHost,
    workers: [Guard; 2],
    share: f64,
    /// From one request to the next.
    gap: u64,
    tick: u64,
    chance: u64,
    now: u64,
    next_ticks: [u64; 2],
    sent: u64,
    hurt: u64,
}

impl Simulation {
    pub fn new(setup: &Setup, seed: u64) -> Result<Simulation, InvalidConfig> {
        let host = MockHost::default();
        host.time.set(BEGIN);
        let guard = || Guard::new("shop", &setup.guard, 100, &host);
        let tick = setup.tick.as_nanos() as u64;
        Ok(Simulation {
            workers: [guard()?, guard()?],
            host,
            share: setup.share,
            gap: 1_000_000_000 / setup.rate,
            tick,
            chance: seed,
            now: 0,
            next_ticks: [tick / 3, tick],
            sent: 0,
            hurt: 0,
        })
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now)
    }

    /// The largest share that a worker gives the canary.
    pub fn share(&self) -> f64 {
        let [a, b] = &self.workers;
        a.allowed(self.share, 0.0).max(b.allowed(self.share, 0.0))
    }

    /// Lets requests come until this time.
    pub fn run(&mut self, until: Duration, failing: Failing) {
        while self.elapsed() < until {
            self.request(failing);
        }
    }

    /// Lets requests come until the canary is backed off, but not for longer than this.
    pub fn until_back_off(&mut self, limit: Duration, failing: Failing) -> Option<BackedOff> {
        let (begin, sent, hurt) = (self.now, self.sent, self.hurt);
        let end = begin + limit.as_nanos() as u64;
        while self.now < end {
            if self.request(failing) && self.share() == 0.0 {
                return Some(BackedOff {
                    after: Duration::from_nanos(self.now - begin),
                    sent: self.sent - sent,
                    hurt: self.hurt - hurt,
                });
            }
        }
        None
    }

    /// Whether a guard may have found something: workers ticked, or the canary failed.
    fn request(&mut self, failing: Failing) -> bool {
        let ticked = self.tick();
        // One number is enough for all three: a bit, 31 bits and 32 bits of it.
        let drawn = self.draw();
        let of_side = (drawn << 32 >> 33) as f64 / (1u64 << 31) as f64;
        let of_answer = (drawn >> 32) as f64 / (1u64 << 32) as f64;
        let [a, b] = &self.workers;
        let guard = if drawn & 1 == 0 { a } else { b };
        let is_canary = of_side < guard.allowed(self.share, 0.0);
        let (variant, failing) = match is_canary {
            true => (Variant::Canary, failing.canary),
            false => (Variant::Stable, failing.stable),
        };
        let failed = of_answer < failing;
        self.sent += u64::from(is_canary);
        self.hurt += u64::from(is_canary && failed);
        guard.observe(variant, failed, None, &self.host);
        self.now += self.gap;
        ticked || (is_canary && failed)
    }

    fn tick(&mut self) -> bool {
        let [a, b] = self.next_ticks;
        let ticks = self.now >= a.min(b);
        if ticks {
            for (guard, next) in self.workers.iter().zip(&mut self.next_ticks) {
                while *next <= self.now {
                    self.host.time.set(BEGIN + *next);
                    guard.tick(&self.host);
                    *next += self.tick;
                }
            }
        }
        self.host.time.set(BEGIN + self.now);
        ticks
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
