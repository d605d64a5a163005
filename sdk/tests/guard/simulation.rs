//! A guard in virtual time: two workers, each with its own guard and its own phase of the tick, on one
//! host in memory. Requests come evenly spaced, go to a worker and a side by chance, and are answered
//! at once.

use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::split::guard::Guard;
use gateway_filter_sdk::split::spec::{GuardSpec, Variant};
use std::time::Duration;

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

/// A run, as far as it got.
#[derive(Debug)]
pub struct Simulation {
    pub host: MockHost,
    workers: [Guard; 2],
    setup: Setup,
    chance: u64,
    /// When it is over; the next request comes then.
    elapsed: Duration,
    next_ticks: [Duration; 2],
    sent: u64,
    hurt: u64,
}

impl Simulation {
    pub fn new(setup: &Setup, seed: u64) -> Simulation {
        let host = MockHost::default();
        host.time.set(1_800_000_000_000_000_000);
        let guard = || Guard::new("shop", &setup.guard, 100, &host);
        Simulation {
            workers: [guard().unwrap(), guard().unwrap()],
            next_ticks: [Duration::ZERO, setup.tick / 3],
            setup: setup.clone(),
            host,
            chance: seed,
            elapsed: Duration::ZERO,
            sent: 0,
            hurt: 0,
        }
    }

    /// How long it has run.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The largest share that a worker gives the canary.
    pub fn share(&self) -> f64 {
        let [a, b] = &self.workers;
        let of = |guard: &Guard| guard.allowed(self.setup.share, 0.0);
        of(a).max(of(b))
    }

    /// Lets requests come until this time.
    pub fn run(&mut self, until: Duration, failing: Failing) {
        while self.elapsed < until {
            self.request(failing);
        }
    }

    /// Lets requests come until the canary is backed off, but not for longer than this.
    pub fn until_back_off(&mut self, limit: Duration, failing: Failing) -> Option<BackedOff> {
        let (begin, sent, hurt) = (self.elapsed, self.sent, self.hurt);
        while self.elapsed < begin + limit {
            self.request(failing);
            if self.share() == 0.0 {
                return Some(BackedOff {
                    after: self.elapsed - begin,
                    sent: self.sent - sent,
                    hurt: self.hurt - hurt,
                });
            }
        }
        None
    }

    fn request(&mut self, failing: Failing) {
        self.tick();
        let at = usize::from(self.draw() < 0.5);
        let is_canary = self.draw() < self.workers[at].allowed(self.setup.share, 0.0);
        let (variant, failing) = match is_canary {
            true => (Variant::Canary, failing.canary),
            false => (Variant::Stable, failing.stable),
        };
        let failed = self.draw() < failing;
        self.sent += u64::from(is_canary);
        self.hurt += u64::from(is_canary && failed);
        self.workers[at].observe(variant, failed, None, &self.host);
        self.elapsed += Duration::from_nanos(1_000_000_000 / self.setup.rate);
    }

    fn tick(&mut self) {
        let time = |elapsed: Duration| 1_800_000_000_000_000_000 + elapsed.as_nanos() as u64;
        for (guard, next) in self.workers.iter().zip(&mut self.next_ticks) {
            while *next <= self.elapsed {
                self.host.time.set(time(*next));
                guard.tick(&self.host);
                *next += self.setup.tick;
            }
        }
        self.host.time.set(time(self.elapsed));
    }

    /// SplitMix64, as a number from 0 to 1.
    fn draw(&mut self) -> f64 {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}
