//! Hits taken in advance from the rate limit service, and refusals that are remembered, so that a
//! hot key costs few calls.
//!
//! The service (envoyproxy/ratelimit) counts in fixed windows that are aligned to Unix time. A lease is
//! several hits that were charged in one call and admit requests without another while the window
//! lasts. What the service counts is what it would have counted, only earlier: it decides, and no lease
//! lets through what it has not counted.
//!
//! **Overrun: none**, while the clock of the host runs as fast as that of the service; they need not
//! show the same time. `duration_until_reset` is `unit − now % unit` in whole seconds, with `now` rounded
//! down, so at most a second longer than the window. A lease ends that second earlier, counted from when
//! the question was *sent*, and is over before the window is. A clock that is set back makes a lease
//! longer; then the hits that are left may be used in the next window.
//!
//! **Unused:** what is left of a lease when it ends, `hits − 1` at most, and what was asked for when there
//! was less (the service counts a refused question), `hits` at most: for each Envoy, if requests come one
//! at a time. To ask for half of what remains at most makes both small near the limit, and an Envoy
//! that has the limit for itself never asks for more than there is.
//!
//! A key of which nothing is known in this window is asked for by itself. So are requests that come
//! while a lease is being asked for, until there is an answer: a lease is asked for once.
//!
//! The state of a key is one `u64`: in eighths of a second when it ends (36 bits), the hits that are
//! left (14 bits), and how many to ask for next (14 bits); 0 to ask for and 0 left is a refusal.

#[cfg(test)]
mod tests;

use super::sets::{Entry, Seed, Sets};
use crate::host::{HostError, SharedData};
use std::time::Duration;

/// Most hits of a lease.
pub const MOST_HITS: u32 = 10_000;

/// Nanoseconds in which the end of a state is counted.
const STEP: u64 = 125_000_000;

const HITS_BITS: u32 = 14;
const HITS_MASK: u64 = (1 << HITS_BITS) - 1;

/// Tells these states from others; another layout takes another.
const TAG: u64 = 1;

/// The leases and refusals of one rate limit service.
#[derive(Debug, Clone)]
pub struct Leases {
    sets: Sets,
    hits: u32,
    remember: Duration,
}

/// Whether the service has to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The hits were taken from a lease.
    Leased,
    /// The service has refused, and will until then (nanoseconds since 1970) at least.
    Refused {
        /// When to ask again.
        until: u64,
    },
    /// The service is to be asked for so many hits, at least as many as are needed.
    Ask {
        /// `hits_addend` of the question.
        hits: u32,
    },
}

/// What the service said, in the smallest figures of all statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// When the question was sent, in nanoseconds since 1970.
    pub sent: u64,
    /// `limit_remaining`.
    pub remaining: u32,
    /// `duration_until_reset`.
    pub reset: Duration,
}

impl Leases {
    /// For `max_keys` keys: leases of at most `hits` ([`MOST_HITS`] at most; 0 and 1: none), and refusals
    /// that are remembered for at most `remember` (zero: not at all).
    pub fn new(prefix: &[u8], max_keys: u32, seed: Seed, hits: u32, remember: Duration) -> Leases {
        Leases {
            sets: Sets::new(prefix, max_keys, seed),
            hits: hits.min(MOST_HITS),
            remember,
        }
    }

    /// Takes the hits of a request: one hostcall, and one more if they were taken or a lease is to be
    /// asked for. `key` stands for all descriptors of the question. Without a cost (`hits` 0) the
    /// service is asked, unless it has refused.
    pub fn take(
        &self,
        shared: &dyn SharedData,
        key: &[u8],
        now: u64,
        hits: u32,
    ) -> Result<Taken, HostError> {
        let taken = self.sets.update(shared, key, TAG, |set, fingerprint| {
            let entry = set.find(fingerprint);
            let Some((entry, state)) = entry.and_then(|entry| State::live(entry, now)) else {
                return Taken::Ask { hits };
            };
            let (taken, state) = state.take(hits);
            if let Some(state) = state {
                let state = state.packed();
                set.put(Entry { state, ..entry });
            }
            taken
        })?;
        Ok(taken.unwrap_or(Taken::Ask { hits }))
    }

    /// Keeps what is left of the hits that were asked for, as [`Leases::take`] said, and admitted; the
    /// request itself has `used` some.
    pub fn granted(
        &self,
        shared: &dyn SharedData,
        key: &[u8],
        now: u64,
        answer: Answer,
        asked: u32,
        used: u32,
    ) -> Result<(), HostError> {
        let (rest, end) = (asked.saturating_sub(used), answer.window_end());
        if self.hits < 2 {
            return Ok(());
        }
        self.keep(shared, key, now, end, |held| {
            // Both end before the window does, as neither has: it is the same window.
            let (held_end, left) = held.map_or((0, 0), |held| (held.end, held.left));
            Some(State {
                end: end.max(held_end),
                left: rest.saturating_add(left).min(HITS_MASK as u32),
                next: (answer.remaining / 2).min(self.hits).max(1),
            })
        })
    }

    /// Remembers a refusal. A lease that others have is not thrown away for it.
    pub fn refused(
        &self,
        shared: &dyn SharedData,
        key: &[u8],
        now: u64,
        answer: Answer,
    ) -> Result<(), HostError> {
        let remember = u64::try_from(self.remember.as_nanos()).unwrap_or(u64::MAX);
        if remember == 0 {
            return Ok(());
        }
        let remembered = answer.sent.saturating_add(remember) / STEP;
        let end = answer.window_end().min(remembered);
        let (left, next) = (0, 0);
        self.keep(shared, key, now, end, |held| {
            let is_free = held.is_none_or(|held| held.left == 0);
            is_free.then_some(State { end, left, next })
        })
    }

    /// Writes what is known now in the place of the key's state, or of one that has ended. An answer
    /// that came after its own `end` may be about another window.
    fn keep(
        &self,
        shared: &dyn SharedData,
        key: &[u8],
        now: u64,
        end: u64,
        next: impl Fn(Option<State>) -> Option<State>,
    ) -> Result<(), HostError> {
        if !is_before(now, end) {
            return Ok(());
        }
        // What finds no place, or loses a thousand races, stays unused.
        self.sets.update(shared, key, TAG, |set, fingerprint| {
            let entry = set.find(fingerprint);
            let held = entry.and_then(|entry| State::live(entry, now));
            let Some(state) = next(held.map(|(_, state)| state)) else {
                return;
            };
            let has_ended = |entry: &Entry| State::live(*entry, now).is_none();
            let state = state.packed();
            match entry.or_else(|| set.entries().find(has_ended)) {
                Some(Entry { at, .. }) => set.put(Entry {
                    at,
                    fingerprint,
                    state,
                }),
                None if set.has_place() => set.push(fingerprint, state),
                None => {}
            }
        })?;
        Ok(())
    }
}

impl Answer {
    /// When the window is over at the latest, in steps; never after it.
    fn window_end(&self) -> u64 {
        let reset = self.reset.saturating_sub(Duration::from_secs(1)).as_nanos();
        let reset = u64::try_from(reset).unwrap_or(u64::MAX);
        (self.sent.saturating_add(reset) / STEP).min(u64::MAX >> (2 * HITS_BITS))
    }
}

/// What is known of a key.
#[derive(Debug, Clone, Copy)]
struct State {
    /// In steps since 1970.
    end: u64,
    left: u32,
    next: u32,
}

impl State {
    fn live(entry: Entry, now: u64) -> Option<(Entry, State)> {
        let bits = |from: u32| (entry.state >> from & HITS_MASK) as u32;
        let state = State {
            end: entry.state >> (2 * HITS_BITS),
            left: bits(HITS_BITS),
            next: bits(0),
        };
        is_before(now, state.end).then_some((entry, state))
    }

    fn packed(&self) -> u64 {
        self.end << (2 * HITS_BITS) | u64::from(self.left) << HITS_BITS | u64::from(self.next)
    }

    /// What comes of a request, and the state if it changes.
    fn take(self, hits: u32) -> (Taken, Option<State>) {
        match self.left.checked_sub(hits).filter(|_| hits > 0) {
            Some(left) => (Taken::Leased, Some(State { left, ..self })),
            None if self.next == 0 && self.left == 0 => {
                let until = self.end.saturating_mul(STEP);
                (Taken::Refused { until }, None)
            }
            None if hits > 0 && self.next > hits => {
                let (hits, next) = (self.next, 1);
                (Taken::Ask { hits }, Some(State { next, ..self }))
            }
            None => (Taken::Ask { hits }, None),
        }
    }
}

fn is_before(now: u64, end: u64) -> bool {
    now < end.saturating_mul(STEP)
}
