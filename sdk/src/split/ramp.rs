//! The canary's share as a function of time.

use super::spec::{Finish, RampMode, RampSpec, StepSpec};
use crate::route::InvalidConfig;
use crate::time::{duration, parse_rfc3339};

/// A ramp, compiled. Times are nanoseconds, since 1970 or since the start.
#[derive(Debug)]
pub(super) struct Ramp {
    start: u64,
    linear: bool,
    steps: Vec<Step>,
    pauses: Vec<(u64, u64)>,
    finish: Option<Finish>,
}

#[derive(Debug)]
struct Step {
    share: f64,
    begin: u64,
    end: u64,
}

/// What a ramp says at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Planned {
    /// The canary's share, from 0 to 1.
    pub(super) share: f64,
    /// That of the step before.
    pub(super) step_before: f64,
}

impl Ramp {
    pub(super) fn new(spec: &RampSpec, total: u32) -> Result<Self, InvalidConfig> {
        let mut steps: Vec<Step> = Vec::with_capacity(spec.steps.len());
        for (at, step) in spec.steps.iter().enumerate() {
            let is_last = at.saturating_add(1) == spec.steps.len();
            let step = Step::after(steps.last(), step, is_last, total);
            steps.push(step.map_err(|error| error.within(format_args!("steps[{at}]")))?);
        }
        if steps.is_empty() {
            return Err(InvalidConfig::new("steps", "at least one step"));
        }
        Ok(Ramp {
            start: time(&spec.start, "start")?,
            linear: spec.mode == RampMode::Linear,
            steps,
            pauses: pauses(spec)?,
            finish: spec.finish,
        })
    }

    /// The share at a time, in nanoseconds since 1970: of nothing else, so that all Envoys agree.
    pub(super) fn at(&self, now: u64) -> Planned {
        let constant = |share| Planned {
            share,
            step_before: share,
        };
        match self.finish {
            Some(Finish::Promote) => return constant(1.0),
            Some(Finish::Abort) => return constant(0.0),
            None => {}
        }
        let Some(elapsed) = self.elapsed(now) else {
            return constant(0.0);
        };
        let mut before = 0.0;
        for step in &self.steps {
            if elapsed < step.end {
                let share = match self.linear {
                    true => step.on_the_way(before, elapsed),
                    false => step.share,
                };
                return Planned {
                    share,
                    step_before: before,
                };
            }
            before = step.share;
        }
        let [.., Step { share: before, .. }, last] = self.steps.as_slice() else {
            return Planned {
                share: before,
                step_before: 0.0,
            };
        };
        Planned {
            share: last.share,
            step_before: *before,
        }
    }

    /// Time since the start, without that of pauses; `None` before the start.
    fn elapsed(&self, now: u64) -> Option<u64> {
        let elapsed = now.checked_sub(self.start)?;
        let paused = self.pauses.iter().map(|&(from, to)| {
            let from = from.max(self.start);
            to.min(now).saturating_sub(from)
        });
        Some(elapsed.saturating_sub(paused.sum()))
    }
}

impl Step {
    fn after(
        before: Option<&Step>,
        spec: &StepSpec,
        is_last: bool,
        total: u32,
    ) -> Result<Self, InvalidConfig> {
        if spec.weight > total {
            let reason = format_args!("{} is more than weightTotal, {total}", spec.weight);
            return Err(InvalidConfig::new("weight", reason));
        }
        let share = f64::from(spec.weight) / f64::from(total);
        if before.is_some_and(|before| before.share > share) {
            let reason = "a ramp does not go down; `finish: Abort` ends it";
            return Err(InvalidConfig::new("weight", reason));
        }
        let begin = before.map_or(0, |before| before.end);
        let lasts = match &spec.duration {
            Some(text) => duration(text, "duration")?.as_nanos(),
            None if is_last => 0,
            None => {
                let reason = "only the last step may be without";
                return Err(InvalidConfig::new("duration", reason));
            }
        };
        let lasts = u64::try_from(lasts).unwrap_or(u64::MAX);
        Ok(Step {
            share,
            begin,
            end: begin.saturating_add(lasts),
        })
    }

    /// Between the share before and this step's own. It never exceeds the latter, however it is
    /// rounded, so that a ramp never falls.
    fn on_the_way(&self, before: f64, elapsed: u64) -> f64 {
        let done = elapsed.saturating_sub(self.begin) as f64;
        let whole = self.end.saturating_sub(self.begin) as f64;
        (before + (self.share - before) * (done / whole)).min(self.share)
    }
}

fn pauses(spec: &RampSpec) -> Result<Vec<(u64, u64)>, InvalidConfig> {
    let mut pauses: Vec<(u64, u64)> = Vec::with_capacity(spec.pauses.len());
    for (at, pause) in spec.pauses.iter().enumerate() {
        let pause = time(&pause.from, "from").and_then(|from| {
            let to = pause.to.as_deref().map(|to| time(to, "to"));
            let to = to.transpose()?.unwrap_or(u64::MAX);
            if to <= from {
                return Err(InvalidConfig::new("to", "not after `from`"));
            }
            if pauses.last().is_some_and(|before| before.1 > from) {
                return Err(InvalidConfig::new("from", "before the pause before ends"));
            }
            Ok((from, to))
        });
        pauses.push(pause.map_err(|error| error.within(format_args!("pauses[{at}]")))?);
    }
    Ok(pauses)
}

fn time(text: &str, field: &str) -> Result<u64, InvalidConfig> {
    let found = parse_rfc3339(text).and_then(|time| u64::try_from(time).ok());
    found.ok_or_else(|| {
        let reason = format_args!("`{text}`: not a time as in 2026-01-31T12:00:00Z");
        InvalidConfig::new(field, reason)
    })
}

#[cfg(test)]
mod tests;
