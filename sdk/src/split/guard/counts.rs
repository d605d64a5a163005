//! What is counted, by time.
//!
//! The window is kept in buckets of a tenth of its length, numbered by the clock. One more than ten are
//! kept, so that nothing younger than the window is ever missing, and nothing counts that is older
//! than 1.1 windows.

use crate::split::spec::Variant;

/// Buckets to the window.
pub(super) const PARTS: u32 = 10;

/// Buckets that are kept.
pub(super) const BUCKETS: usize = PARTS as usize + 1;

/// Responses of one side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) responses: u64,
    /// How many of them were failures.
    pub(super) failures: u64,
    /// How many of them were slow.
    pub(super) slow: u64,
}

/// Responses of both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) stable: Tally,
    pub(super) canary: Tally,
}

/// Those of a stretch of time, by its number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) number: u64,
    pub(super) counts: Counts,
}

/// The buckets of a window, each where its number modulo [`BUCKETS`] says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Window(pub(super) [Bucket; BUCKETS]);

impl Tally {
    pub(super) fn plus(self, other: Tally) -> Tally {
        Tally {
            responses: self.responses.saturating_add(other.responses),
            failures: self.failures.saturating_add(other.failures),
            slow: self.slow.saturating_add(other.slow),
        }
    }
}

impl Counts {
    /// One response.
    pub(super) fn one(variant: Variant, failed: bool, slow: bool) -> Counts {
        let tally = Tally {
            responses: 1,
            failures: failed.into(),
            slow: slow.into(),
        };
        let none = Tally::default();
        let (stable, canary) = match variant {
            Variant::Stable => (tally, none),
            Variant::Canary => (none, tally),
        };
        Counts { stable, canary }
    }

    pub(super) fn plus(self, other: Counts) -> Counts {
        Counts {
            stable: self.stable.plus(other.stable),
            canary: self.canary.plus(other.canary),
        }
    }
}

impl Window {
    /// Counts in a bucket. What its place held before is older than the window, or newer than the
    /// clock because that was set back.
    pub(super) fn add(&mut self, number: u64, counts: Counts) {
        if let Some(bucket) = self.0.get_mut(place(number)) {
            if bucket.number != number {
                *bucket = Bucket {
                    number,
                    ..Bucket::default()
                };
            }
            bucket.counts = bucket.counts.plus(counts);
        }
    }

    /// The counts of the bucket with this number and of those before it, newest first.
    pub(super) fn until(&self, number: u64) -> impl Iterator<Item = Counts> {
        (0..BUCKETS as u64).filter_map(move |age| {
            let number = number.checked_sub(age)?;
            let bucket = self.0.get(place(number))?;
            (bucket.number == number).then_some(bucket.counts)
        })
    }
}

fn place(number: u64) -> usize {
    (number % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BUCKET: u64 = 60_000_000_000;

    proptest! {
        /// Nothing younger than the window is missing, nothing older than 1.1 windows counts.
        #[test]
        fn a_window_forgets_neither_too_early_nor_too_late(
            gaps in prop::collection::vec(0..3 * BUCKET, 1..200), begin in 0..u64::MAX / 2,
        ) {
            let mut window = Window::default();
            let mut times = Vec::new();
            let mut now = begin;
            for gap in gaps {
                now += gap;
                times.push(now);
                window.add(now / BUCKET, Counts::one(Variant::Canary, true, false));
                let younger = |age: u64| times.iter().filter(|&&time| now - time < age).count() as u64;
                let counted = window.until(now / BUCKET).fold(Counts::default(), Counts::plus);
                prop_assert!(younger(10 * BUCKET) <= counted.canary.failures);
                prop_assert!(counted.canary.failures <= younger(11 * BUCKET));
            }
        }

        #[test]
        fn the_newest_come_first(numbers in prop::collection::btree_set(0u64..30, 1..30)) {
            let mut window = Window::default();
            for &number in &numbers {
                for _ in 0..=number {
                    window.add(number, Counts::one(Variant::Stable, false, false));
                }
            }
            let newest = *numbers.last().unwrap();
            let expected: Vec<u64> = numbers.iter().rev().map(|number| number + 1).collect();
            let held: Vec<u64> = window.until(newest).map(|counts| counts.stable.responses).collect();
            let held: Vec<u64> = held.into_iter().filter(|responses| *responses > 0).collect();
            let kept = expected.iter().filter(|number| **number + 10 > newest).count();
            prop_assert_eq!(&held[..], &expected[..kept]);
        }
    }

    #[test]
    fn what_is_ahead_of_the_clock_does_not_count() {
        let mut window = Window::default();
        window.add(100, Counts::one(Variant::Canary, true, true));
        assert_eq!(window.until(99).next(), None);
        // Set back by 22 buckets: the place is taken.
        window.add(78, Counts::one(Variant::Stable, false, true));
        let held: Vec<Counts> = window.until(78).collect();
        assert_eq!(held, [Counts::one(Variant::Stable, false, true)]);
        assert_eq!(window.until(100).next(), None);
    }
}
