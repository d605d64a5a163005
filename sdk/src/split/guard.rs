//! Takes a canary's share away while it does worse than stable.
//!
//! A guard counts the responses of both sides and, by the test of `guard/evidence.rs`, *watches*
//! whether the canary fails more often, or is slow more often. If so it is *backed off* for a hold
//! time, then *on trial* with a small share, then watched again. A trial that does worse is backed off
//! again.
//!
//! All workers of an Envoy count together, in one value of shared data for each canary. It outlives a
//! change of the configuration. Counts are kept in the worker and written each [`Guard::TICK`], and at
//! once when the canary failed or was slow, so that a bad canary is noticed in requests and not in
//! ticks. A write reads, changes and writes if nobody wrote since; a change of the phase is part of it,
//! so one worker makes it, and that one logs and counts it. The others follow when they next read.
//!
//! - key in shared data: `canary/`, name of the canary
//! - value: version of the layout, length of a bucket, phase, when it began, the canary's responses since;
//!   then 11 buckets of number, stable's responses, failures and slow ones, and the canary's
//!
//! All are numbers of 8 bytes, little-endian; times are in nanoseconds. A value that is malformed or has
//! another version counts as absent. If the length of a bucket is another, the configuration has
//! another window: the phase stays, the counts begin anew.

mod counts;
mod evidence;
mod metrics;
mod record;
mod settings;
mod state;
#[cfg(test)]
mod tests;

use self::counts::Counts;
use self::metrics::GuardMetrics;
use self::settings::{Depth, Settings};
use self::state::{Alarm, Change, Phase};
use crate::host::{CREATE, Clock, Host, Log, LogLevel, Metrics, SharedData};
use crate::route::InvalidConfig;
use crate::split::spec::{GuardSpec, Variant};
use std::cell::Cell;
use std::time::Duration;

/// Attempts to write before what was counted is left for the next time. Each failure is another
/// worker's success.
const ATTEMPTS: u32 = 16;

/// Takes a canary's share away while it does worse than stable.
#[derive(Debug)]
pub struct Guard {
    name: Box<str>,
    key: Vec<u8>,
    settings: Settings,
    metrics: GuardMetrics,
    /// What was found when shared data was last read.
    phase: Cell<Phase>,
    /// What has not been written yet.
    unwritten: Cell<Counts>,
}

impl Guard {
    /// How often [`Guard::tick`] is to be called: the longest that a worker does not know what another
    /// one found.
    pub const TICK: Duration = Duration::from_millis(100);

    /// The guard of the canary with this name, which goes on where the one before was.
    /// `weight_total` is what the weight of a trial is a share of.
    ///
    /// # Errors
    /// A value that is not allowed, or the host has no metrics.
    pub fn new(
        name: &str,
        spec: &GuardSpec,
        weight_total: u32,
        host: &dyn Host,
    ) -> Result<Guard, InvalidConfig> {
        let settings = Settings::new(spec, weight_total)?;
        let metrics = GuardMetrics::define(name, settings.slow.is_some(), host)
            .map_err(|error| InvalidConfig::new("", error))?;
        let guard = Guard {
            name: name.into(),
            key: format!("canary/{name}").into_bytes(),
            settings,
            metrics,
            phase: Cell::default(),
            unwritten: Cell::default(),
        };
        guard.synchronise(host);
        guard.metrics.show(guard.phase.get(), host);
        Ok(guard)
    }

    /// The share (0 to 1) that the canary may have now, of the share that is planned for it and that of
    /// the ramp's step before: by what was last read or found, without a hostcall.
    pub fn allowed(&self, planned: f64, step_before: f64) -> f64 {
        let (weight, total) = self.settings.trial;
        let trial = f64::from(weight) / f64::from(total);
        self.phase.get().allowed(planned, step_before, trial)
    }

    /// Whether the time to the first byte is wanted, so that clocks have to be read.
    pub fn measures_time(&self) -> bool {
        self.settings.slow.is_some()
    }

    /// Whether an HTTP status is a failure of the server: 5xx.
    pub fn is_failure(&self, status: u16) -> bool {
        (500..600).contains(&status)
    }

    /// Whether a gRPC status is one of the configured ones.
    pub fn is_grpc_failure(&self, status: u8) -> bool {
        self.settings.is_grpc_failure(status)
    }

    /// Counts a response. Without a time to the first byte it is not slow.
    pub fn observe(
        &self,
        variant: Variant,
        failed: bool,
        time_to_first_byte: Option<Duration>,
        host: &dyn Host,
    ) {
        let slow = self.settings.slow.zip(time_to_first_byte);
        let slow = slow.is_some_and(|((threshold, _), time)| time > threshold);
        let counts = Counts::one(variant, failed, slow);
        self.unwritten.set(self.unwritten.get().plus(counts));
        self.metrics.count(counts);
        if variant == Variant::Canary && (failed || slow) {
            self.synchronise(host);
        }
    }

    /// Writes what was counted, judges, moves on where it is time, and reads what other workers did.
    /// Call it every [`Guard::TICK`].
    pub fn tick(&self, host: &dyn Host) {
        self.synchronise(host);
        self.metrics.report(host);
    }

    /// Where the host cannot tell the time or has no shared data, all stays as it is.
    fn synchronise<H>(&self, host: &H)
    where
        H: Clock + SharedData + Metrics + Log + ?Sized,
    {
        let Ok(now) = host.now() else {
            return;
        };
        for _ in 0..ATTEMPTS {
            let Ok(held) = host.shared(&self.key) else {
                return;
            };
            let (bytes, cas) = held.unwrap_or((Vec::new(), CREATE));
            let mut state = record::read(&bytes, self.settings.bucket);
            let before = state;
            self.phase.set(state.phase);
            let change = state.advance(&self.settings, now, self.unwritten.get());
            if state == before {
                return;
            }
            let bytes = record::write(&state, self.settings.bucket);
            if host.set_shared(&self.key, &bytes, cas).is_ok() {
                self.unwritten.take();
                self.phase.set(state.phase);
                if let Some(change) = change {
                    self.metrics.entered(change.to, host);
                    self.log(&change, host);
                }
                return;
            }
        }
    }

    fn log(&self, change: &Change, host: &(impl Log + ?Sized)) {
        let name = &self.name;
        let settings = &self.settings;
        let time = Duration::from_nanos;
        let (level, what) = match (change.to, change.alarm) {
            (Phase::BackedOff(depth), alarm) => {
                let to = match depth {
                    Depth::Zero => "nothing",
                    Depth::StepBefore => "the step before",
                };
                let why = alarm.map(|alarm| self.why(alarm)).unwrap_or_default();
                let hold = time(settings.hold);
                let what = format!("backed off to {to} for {hold:?}: {why}");
                (LogLevel::Warn, what)
            }
            (Phase::Trial(_), _) => {
                let ((weight, total), hold) = (settings.trial, time(settings.hold));
                let what = format!("on trial with {weight} of {total} after {hold:?}");
                (LogLevel::Info, what)
            }
            (Phase::Watching, _) => {
                let seen = change.seen;
                let what = format!("back to its share after a trial of {seen} responses");
                (LogLevel::Info, what)
            }
        };
        host.log(level, &format!("canary `{name}`: {what}"));
    }

    fn why(&self, alarm: Alarm) -> String {
        let (finding, what) = match alarm {
            Alarm::Failures(finding) => (finding, "failed"),
            Alarm::Slow(finding) => (finding, "were slow"),
        };
        let ((bad, responses), (stable_bad, stable)) = (finding.canary, finding.stable);
        // Whole numbers: the code that prints others is large.
        let (evidence, needed) = (finding.evidence as u64, self.settings.level.needed as u64);
        format!(
            "{bad} of {responses} responses {what}, of stable's {stable_bad} of {stable} \
             (evidence {evidence}, needed {needed})"
        )
    }
}
