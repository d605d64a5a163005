//! The keys of one rule, each with a bucket, in a bounded part of shared data.
//!
//! A key without an entry in its set takes the place of one whose bucket is full again, else a new
//! place. Where there is none, it is counted in the bucket that all such keys of the set share, the
//! *overflow*.
//!
//! No key ever has more quota than with a bucket for itself alone. Call *debt* what is missing in a
//! bucket, and let its own debt be that of a bucket that takes what the key was admitted and nothing
//! else. The debt that a key is judged by is that of its entry, else that of the overflow, else
//! none. It is at least its own debt, always:
//!
//! - Charges add the same to both, and time takes the same from both until there is none.
//! - An entry is taken away only when it has no debt, for any clock that is at most a second
//!   behind. So there is no own debt either, and what the key is judged by next can't be too little.
//! - A key is counted in the overflow only while it has no entry, and what is charged there stays
//!   until time has taken it. A new entry begins with the debt of the overflow.
//!
//! Reading and writing is one step for all workers: a write succeeds only if nobody wrote since the
//! read. Refusals do not write.

#[cfg(test)]
mod tests;

use super::bucket::{Rate, SECOND, Spent};
use super::sets::{Entry, OVERFLOW, Seed, Set, Sets};
use crate::host::{HostError, SharedData};
use std::time::Duration;

/// A bucket for each key.
#[derive(Debug, Clone)]
pub struct KeyTable {
    sets: Sets,
}

/// What came of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charged {
    /// Whether there was room, and how much is left.
    pub spent: Spent,
    /// The key took the place of another, whose bucket was full.
    pub evicted: bool,
    /// The key was counted together with others, as there was no place.
    pub overflowed: bool,
    /// Other workers were faster a thousand times, so the request is refused and not counted.
    pub exhausted: bool,
}

impl KeyTable {
    /// A table for `max_keys` keys that are counted one by one; up to four times as many find a place,
    /// in 64 bytes of shared data for each of `max_keys`. The prefix tells tables apart.
    pub fn new(prefix: &[u8], max_keys: u32, seed: Seed) -> KeyTable {
        KeyTable {
            sets: Sets::new(prefix, max_keys, seed),
        }
    }

    /// Takes `cost` requests from the bucket of a key, at the time `now` in nanoseconds since 1970: two
    /// hostcalls if they are admitted, one if not. Buckets of a rate with another
    /// [tag](Rate::tag) count as full.
    pub fn charge(
        &self,
        shared: &dyn SharedData,
        key: &[u8],
        rate: &Rate,
        now: u64,
        cost: u32,
    ) -> Result<Charged, HostError> {
        let charged = self
            .sets
            .update(shared, key, rate.tag(), |set, fingerprint| {
                match set.find(fingerprint) {
                    Some(entry) => known(set, entry, rate, now, cost),
                    None => new(set, fingerprint, rate, now, cost),
                }
            })?;
        Ok(charged.unwrap_or(EXHAUSTED))
    }
}

const EXHAUSTED: Charged = Charged {
    spent: Spent {
        admitted: false,
        state: None,
        remaining: 0,
        retry_after: Some(Duration::ZERO),
        reset: Duration::ZERO,
    },
    evicted: false,
    overflowed: false,
    exhausted: true,
};

/// Charges a key that has an entry.
fn known(set: &mut Set, entry: Entry, rate: &Rate, now: u64, cost: u32) -> Charged {
    let spent = rate.spend(Some(entry.state), now, cost);
    if let Some(state) = spent.state {
        set.put(Entry { state, ..entry });
    }
    charged(spent)
}

/// Charges a key that has none.
fn new(set: &mut Set, fingerprint: u64, rate: &Rate, now: u64, cost: u32) -> Charged {
    mend(set, rate, now);
    let overflow = set.find(OVERFLOW);
    let spent = rate.spend(overflow.map(|entry| entry.state), now, cost);
    let forgettable = |entry: &Entry| {
        entry.fingerprint != OVERFLOW && rate.is_full(entry.state, now.saturating_sub(SECOND))
    };
    let free = set.entries().find(forgettable);
    let overflowed = free.is_none() && !set.has_place();
    let (place, fingerprint) = match overflowed {
        true => (overflow, OVERFLOW),
        false => (free, fingerprint),
    };
    match (spent.state, place) {
        (Some(state), Some(Entry { at, .. })) => set.put(Entry {
            at,
            fingerprint,
            state,
        }),
        (Some(state), None) => set.push(fingerprint, state),
        (None, _) => {}
    }
    Charged {
        evicted: spent.state.is_some() && free.is_some(),
        overflowed,
        ..charged(spent)
    }
}

/// After the clock was set back no entry would be full for long, and no place free.
fn mend(set: &mut Set, rate: &Rate, now: u64) {
    let mended = |entry: Entry| {
        let state = rate.mended(entry.state, now)?;
        Some(Entry { state, ..entry })
    };
    let next = |set: &Set| set.entries().find_map(mended);
    while let Some(entry) = next(set) {
        set.put(entry);
    }
}

fn charged(spent: Spent) -> Charged {
    Charged {
        spent,
        evicted: false,
        overflowed: false,
        exhausted: false,
    }
}
