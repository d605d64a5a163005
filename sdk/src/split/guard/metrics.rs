//! What a guard tells Prometheus: `canary.<name>.guard_<what>`.

use super::counts::Counts;
use super::state::Phase;
use crate::host::{HostError, MetricType, Metrics};
use std::cell::Cell;

#[derive(Debug)]
pub(super) struct GuardMetrics {
    /// Gauge: 0 watching, 1 backed off, 2 on trial.
    state: u32,
    back_offs: u32,
    trials: u32,
    recoveries: u32,
    /// Responses, failures and, where they are told, slow ones: of stable, then of the canary.
    counters: [Option<u32>; 6],
    /// What the counters have not been told yet.
    unreported: Cell<Counts>,
}

impl GuardMetrics {
    pub(super) fn define(
        name: &str,
        with_slow: bool,
        host: &(impl Metrics + ?Sized),
    ) -> Result<GuardMetrics, HostError> {
        let metric =
            |kind, what: &str| host.define_metric(kind, &format!("canary.{name}.guard_{what}"));
        let counter = |what| metric(MetricType::Counter, what);
        let slow = |what| with_slow.then(|| counter(what)).transpose();
        Ok(GuardMetrics {
            state: metric(MetricType::Gauge, "state")?,
            back_offs: counter("back_offs")?,
            trials: counter("trials")?,
            recoveries: counter("recoveries")?,
            counters: [
                Some(counter("stable_responses")?),
                Some(counter("stable_failures")?),
                slow("stable_slow")?,
                Some(counter("canary_responses")?),
                Some(counter("canary_failures")?),
                slow("canary_slow")?,
            ],
            unreported: Cell::default(),
        })
    }

    /// Shows the phase.
    pub(super) fn show(&self, phase: Phase, host: &(impl Metrics + ?Sized)) {
        let state = match phase {
            Phase::Watching => 0,
            Phase::BackedOff(_) => 1,
            Phase::Trial(_) => 2,
        };
        // Metrics that the host refuses must not keep the guard from its work.
        let _ = host.record_metric(self.state, state);
    }

    /// Shows a phase that has just begun and counts it.
    pub(super) fn entered(&self, phase: Phase, host: &(impl Metrics + ?Sized)) {
        self.show(phase, host);
        let counter = match phase {
            Phase::Watching => self.recoveries,
            Phase::BackedOff(_) => self.back_offs,
            Phase::Trial(_) => self.trials,
        };
        let _ = host.increment_metric(counter, 1);
    }

    /// Remembers what came, for [`GuardMetrics::report`].
    pub(super) fn count(&self, counts: Counts) {
        self.unreported.set(self.unreported.get().plus(counts));
    }

    /// Adds what came since the last time.
    pub(super) fn report(&self, host: &(impl Metrics + ?Sized)) {
        let Counts { stable, canary } = self.unreported.take();
        let figures = [stable, canary]
            .into_iter()
            .flat_map(|tally| [tally.responses, tally.failures, tally.slow]);
        for (counter, figure) in self.counters.iter().zip(figures) {
            if let (Some(counter), 1..) = (counter, figure) {
                let _ = host.increment_metric(*counter, i64::try_from(figure).unwrap_or(i64::MAX));
            }
        }
    }
}
