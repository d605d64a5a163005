//! A token bucket in eight bytes (GCRA, the generic cell rate algorithm).
//!
//! The state is the time at which the bucket will be full again, as a `u64`: it needs no timer, and
//! a bucket that is full needs no state at all. Like Envoy's `local_ratelimit` it starts full and
//! refills continuously.
//!
//! Time is counted in *ticks*, chosen per rate so that one request takes a whole number of them:
//!
//! - `requests/gcd(requests, unit)` ticks to the nanosecond, if these are 64 at most. Nothing is
//!   ever rounded: in a window of length `t`, `burst + rate × t` requests are admitted at most.
//! - Else (97 a minute) 2ᵏ ticks to the request, up to 64 to the nanosecond; the time in ticks is
//!   rounded down. A window may then be taken for a tick longer than it is, which is less than
//!   the nanosecond that its last point in time lasts.
//!
//! Ticks wrap around. A state is read as being ahead of or behind now, whichever is nearer, so one
//! that nobody touched for 4.5 years may be taken for an empty bucket.
//!
//! Workers read their clocks before they come to the state, so time takes small steps back; they
//! give no quota. A step back of more than a second ([`Rate::mended`]) is the clock being set.

#[cfg(test)]
mod tests;

use super::spec::Unit;
use std::time::Duration;
use thiserror::Error;

/// Most ticks to the nanosecond.
const FINEST: u64 = 64;

/// How far the ticks of a full bucket may reach: half of what is read as being ahead.
const REACH: u64 = 1 << 62;

/// In nanoseconds.
pub(super) const SECOND: u64 = 1_000_000_000;

/// The longest time that a bucket may take to fill, in nanoseconds: 50 years. Two ticks to the nanosecond
/// still fit then.
const LONGEST: u64 = 50 * 365 * 86_400 * SECOND;

/// A limit that cannot be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidLimit {
    /// No request would ever pass.
    #[error("at least 1, or no request would ever pass")]
    Requests,
    /// No request would ever pass.
    #[error("at least 1, or no request would ever pass")]
    Burst,
    /// Not a limit in time any more.
    #[error("so many at once would take more than 50 years to be available again")]
    Slow,
}

/// So many requests in a unit of time, so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    requests: u32,
    unit: Unit,
    burst: u32,
    /// Ticks to the nanosecond: `ticks / per`.
    ticks: u64,
    per: u64,
    /// Ticks of one request.
    cost: u64,
    /// Ticks of `burst` requests.
    capacity: u64,
    /// Ticks of a second, rounded up.
    second: u64,
    /// Tells this rate's states from those of others.
    tag: u64,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Whether there was room.
    pub admitted: bool,
    /// The state to keep; `None` if it stays as it is.
    pub state: Option<u64>,
    /// Whole requests that are left.
    pub remaining: u32,
    /// When the same request would be admitted: zero if it was, `None` if it costs more than the
    /// burst and never will be.
    pub retry_after: Option<Duration>,
    /// As Envoy's local limiter has it: zero while requests remain, else the time to the next.
    pub reset: Duration,
}

impl Rate {
    /// `requests` in each `unit`, `burst` of them at once (as many as `requests` when absent).
    pub fn new(requests: u32, unit: Unit, burst: Option<u32>) -> Result<Rate, InvalidLimit> {
        let burst = burst.unwrap_or(requests);
        if requests == 0 {
            return Err(InvalidLimit::Requests);
        }
        if burst == 0 {
            return Err(InvalidLimit::Burst);
        }
        let period = u64::from(unit.seconds()) * SECOND;
        let fill = (u128::from(burst) * u128::from(period)).div_ceil(u128::from(requests));
        let fill = u64::try_from(fill)
            .ok()
            .filter(|&fill| fill <= LONGEST)
            .ok_or(InvalidLimit::Slow)?;
        let finest = FINEST.min(REACH / fill);
        let (ticks, per, cost) = ticks_of(u64::from(requests), period, finest);
        Ok(Rate {
            requests,
            unit,
            burst,
            ticks,
            per,
            cost,
            capacity: u64::from(burst).saturating_mul(cost),
            second: (u128::from(SECOND) * u128::from(ticks)).div_ceil(per.into()) as u64,
            tag: u64::from(requests) << 16 | (unit as u64) << 8 | finest,
        })
    }

    /// Whether it allows fewer requests in the long run.
    pub fn is_stricter(&self, than: &Rate) -> bool {
        let scaled = |rate: &Rate, unit: Unit| u64::from(rate.requests) * u64::from(unit.seconds());
        scaled(self, than.unit) < scaled(than, self.unit)
    }

    /// Requests in each unit.
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// The unit.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// Most requests at once.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// A number that differs where states mean something else. A changed burst does not change it:
    /// what was spent stays spent.
    pub fn tag(&self) -> u64 {
        self.tag
    }

    /// Takes `cost` requests at the time `now`, in nanoseconds since 1970, if the bucket has them;
    /// without a state it is full. A cost of 0 only looks. A refusal takes nothing.
    pub fn spend(&self, state: Option<u64>, now: u64, cost: u32) -> Spent {
        let time = self.time(now);
        let mended = state.and_then(|state| self.mended_at(time, state));
        let held = mended.or(state).map_or(0, |state| ahead(state, time));
        // Neither addend reaches beyond 2⁶² and a second's ticks, unless the cost is more than the burst.
        let after = held.saturating_add(u64::from(cost).saturating_mul(self.cost));
        let possible = cost <= self.burst;
        let admitted = possible && after <= self.capacity;
        let (held, state) = match admitted && cost > 0 {
            true => (after, Some(time.wrapping_add(after))),
            false => (held, mended),
        };
        let remaining = self.capacity.saturating_sub(held) / self.cost;
        let wait = |level: u64| self.until(now, level.saturating_sub(self.capacity));
        Spent {
            admitted,
            state,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            retry_after: match admitted {
                true => Some(Duration::ZERO),
                false => possible.then(|| wait(after)),
            },
            reset: match remaining {
                0 => wait(held.saturating_add(self.cost)),
                _ => Duration::ZERO,
            },
        }
    }

    /// Whether the bucket is full, so that its state can be forgotten. Workers whose clocks were
    /// read earlier may still come: ask for a time a second ago.
    pub fn is_full(&self, state: u64, now: u64) -> bool {
        ahead(state, self.time(now)) == 0
    }

    /// What to keep instead of a state that is more than a second further ahead than an empty bucket:
    /// the clock was set back, and the client is not to wait until it has caught up. The bucket
    /// counts as empty now.
    pub fn mended(&self, state: u64, now: u64) -> Option<u64> {
        self.mended_at(self.time(now), state)
    }

    fn mended_at(&self, time: u64, state: u64) -> Option<u64> {
        let excess = ahead(state, time).saturating_sub(self.capacity);
        (excess > self.second).then(|| time.wrapping_add(self.capacity))
    }

    /// Nanoseconds in ticks, modulo 2⁶⁴.
    fn time(&self, now: u64) -> u64 {
        if self.per == 1 {
            return now.wrapping_mul(self.ticks);
        }
        (u128::from(now) * u128::from(self.ticks) / u128::from(self.per)) as u64
    }

    /// The shortest time after which `ticks` have passed.
    fn until(&self, now: u64, ticks: u64) -> Duration {
        if self.per == 1 {
            return Duration::from_nanos(ticks.div_ceil(self.ticks));
        }
        let time = u128::from(now) * u128::from(self.ticks) / u128::from(self.per);
        let then = ((time + u128::from(ticks)) * u128::from(self.per)).div_ceil(self.ticks.into());
        Duration::from_nanos(u64::try_from(then - u128::from(now)).unwrap_or(u64::MAX))
    }
}

/// By how many ticks a state lies in the future, 0 if it does not.
fn ahead(state: u64, time: u64) -> u64 {
    u64::try_from(state.wrapping_sub(time).cast_signed()).unwrap_or(0)
}

/// Ticks to how many nanoseconds, and to one request; `finest` ticks to the nanosecond at most.
fn ticks_of(requests: u64, period: u64, finest: u64) -> (u64, u64, u64) {
    let divisor = gcd(requests, period);
    if requests / divisor <= finest {
        return (requests / divisor, 1, period / divisor);
    }
    // Rates of more than `finest` requests to the nanosecond do not exist: u32::MAX a second is 4.3.
    let cost = 1 << (finest * period / requests).max(1).ilog2();
    (requests * cost, period, cost)
}

fn gcd(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}
