//! Where a guard stands, and when it moves on: functions of the state, the counts and the clock.

use super::counts::{Counts, Window};
use super::evidence::Finding;
use super::settings::{Depth, Settings};

/// A clock that is further back than this was set back; less, and another worker read it first.
const STEP_BACK: u64 = 1_000_000_000;

/// What a canary may have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    /// What is planned.
    #[default]
    Watching,
    /// So little.
    BackedOff(Depth),
    /// A small share, and no less than before.
    Trial(Depth),
}

/// All that workers share of a guard.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// When the phase began, nanoseconds since 1970.
    pub(super) since: u64,
    /// Responses of the canary in this phase.
    pub(super) seen: u64,
    /// What came in this phase.
    pub(super) window: Window,
}

/// From one phase to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Change {
    pub(super) to: Phase,
    /// Responses of the canary in the phase that ended.
    pub(super) seen: u64,
    pub(super) alarm: Option<Alarm>,
}

/// What the canary did too much of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Alarm {
    /// It failed.
    Failures(Finding),
    /// It was slow.
    Slow(Finding),
}

impl Phase {
    /// The share that a canary may have, of what is planned for it and of the ramp's step before.
    pub(super) fn allowed(self, planned: f64, step_before: f64, trial: f64) -> f64 {
        let held = |depth| match depth {
            Depth::Zero => 0.0,
            Depth::StepBefore => step_before,
        };
        match self {
            Phase::Watching => planned,
            Phase::BackedOff(depth) => planned.min(held(depth)),
            Phase::Trial(depth) => planned.min(trial.max(held(depth))),
        }
    }
}

impl State {
    /// Counts what came and moves on if it is time. The counts begin anew with each phase, so that what
    /// led to one does not lead out of it.
    ///
    /// The canary is judged only when something bad came from it: a look at what has not got worse would
    /// be one more chance to be wrong.
    pub(super) fn advance(
        &mut self,
        settings: &Settings,
        now: u64,
        added: Counts,
    ) -> Option<Change> {
        if self.since > now.saturating_add(STEP_BACK) {
            self.since = now;
        }
        let number = now.checked_div(settings.bucket).unwrap_or(0);
        if added != Counts::default() {
            self.window.add(number, added);
            self.seen = self.seen.saturating_add(added.canary.responses);
        }
        let alarm = self.alarm(settings, number, added);
        let to = self.next(settings, now, alarm.is_some())?;
        let change = Change {
            to,
            seen: self.seen,
            alarm,
        };
        *self = State {
            phase: to,
            since: now,
            ..State::default()
        };
        Some(change)
    }

    fn alarm(&self, settings: &Settings, number: u64, added: Counts) -> Option<Alarm> {
        let judge = |bad, margin| settings.level.judge(self.window.until(number), bad, margin);
        let failures = (added.canary.failures > 0)
            .then(|| judge(|tally| tally.failures, settings.failures))
            .flatten();
        let slow = || {
            let (_, margin) = settings.slow.filter(|_| added.canary.slow > 0)?;
            judge(|tally| tally.slow, margin)
        };
        failures
            .map(Alarm::Failures)
            .or_else(|| slow().map(Alarm::Slow))
    }

    fn next(&self, settings: &Settings, now: u64, alarm: bool) -> Option<Phase> {
        let lasted = |duration| now.saturating_sub(self.since) >= duration;
        match self.phase {
            Phase::Watching => alarm.then_some(Phase::BackedOff(settings.depth)),
            Phase::BackedOff(Depth::StepBefore) | Phase::Trial(_) if alarm => {
                Some(Phase::BackedOff(Depth::Zero))
            }
            Phase::BackedOff(depth) => lasted(settings.hold).then_some(Phase::Trial(depth)),
            Phase::Trial(_) => {
                let enough = self.seen >= settings.level.min_requests;
                (enough && lasted(settings.trial_duration)).then_some(Phase::Watching)
            }
        }
    }
}
