use super::super::sets::tests::{Workers, seed};
use super::super::spec::Unit;
use super::*;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// 2026-01-01.
const NOW: u64 = 1_767_225_600 * SECOND;

fn table(max_keys: u32) -> (Workers, KeyTable) {
    (Workers::default(), KeyTable::new(b"rule", max_keys, seed()))
}

fn rate(requests: u32, unit: Unit) -> Rate {
    Rate::new(requests, unit, None).unwrap()
}

/// A bucket for every key, and no bound.
#[derive(Default)]
struct Model(HashMap<u32, u64>);

impl Model {
    fn spend(&mut self, key: u32, rate: &Rate, now: u64, cost: u32) -> Spent {
        let spent = rate.spend(self.0.get(&key).copied(), now, cost);
        if let Some(state) = spent.state {
            self.0.insert(key, state);
        }
        spent
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// With places for all, each key is counted as if there were no other; clocks may differ by less
    /// than a second.
    #[test]
    fn a_bucket_for_each_key(
        requests in 1u32..100, burst in prop::option::of(1u32..20),
        charges in prop::collection::vec((0u32..30, 0u64..SECOND / 4, 0u64..SECOND, 0u32..4), 1..300),
    ) {
        let (workers, table) = table(1_000);
        let rate = Rate::new(requests, Unit::Second, burst).unwrap();
        let (mut model, mut now) = (Model::default(), NOW);
        for (key, step, behind, cost) in charges {
            now += step;
            let at = now - behind;
            let charged = table.charge(&workers, &key.to_le_bytes(), &rate, at, cost).unwrap();
            prop_assert_eq!(charged.spent, model.spend(key, &rate, at, cost));
            prop_assert!(!charged.overflowed && !charged.exhausted);
        }
    }

    /// Without places for all, no key gets more in any window than it would alone.
    #[test]
    fn never_more_than_a_bucket_of_its_own(
        requests in 1u32..20, burst in prop::option::of(1u32..20),
        charges in prop::collection::vec((0u32..80, 0u64..SECOND / 20, 0u64..SECOND, 1u32..4), 100..800),
    ) {
        let (workers, table) = table(1);
        let rate = Rate::new(requests, Unit::Second, burst).unwrap();
        let (mut now, mut admitted) = (NOW, HashMap::<u32, Vec<(u64, u64)>>::new());
        for (key, step, behind, cost) in charges {
            now += step;
            let at = now - behind;
            if table.charge(&workers, &key.to_le_bytes(), &rate, at, cost).unwrap().spent.admitted {
                admitted.entry(key).or_default().push((at, u64::from(cost)));
            }
        }
        let (requests, burst) = (u64::from(rate.requests()), u64::from(rate.burst()));
        for times in admitted.values() {
            for &(from, _) in times {
                for &(to, _) in times.iter().filter(|(to, _)| *to >= from) {
                    let within = times.iter().filter(|(at, _)| (from..=to).contains(at));
                    let sum: u64 = within.map(|(_, cost)| cost).sum();
                    prop_assert!(sum.saturating_sub(burst) * SECOND <= requests * (to - from));
                }
            }
        }
        prop_assert!(workers.size().1 <= 8 + 33 * 16);
    }
}

/// Threads that race admit what one alone would: at each point in time, after each key was tried more
/// often than its bucket can bear, as much as the rate has brought since the last.
#[test]
#[cfg_attr(target_arch = "wasm32", ignore = "no threads")]
fn racing_workers_admit_exactly_the_limit() {
    const KEYS: usize = 20;
    let (workers, table) = table(16);
    let rate = rate(50, Unit::Second);
    for round in 0..20u64 {
        let admitted: [AtomicU64; KEYS] = Default::default();
        let tried = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    while let number = tried.fetch_add(1, Ordering::Relaxed)
                        && number < 100 * KEYS as u64
                    {
                        let key = number as usize % KEYS;
                        // 300 ms later in each round: 15 requests more. Within the round it is
                        // earlier for some by less than a request's time: no more, no fewer.
                        let now = NOW + round * 300_000_000 + number % 7 * 1_000_000;
                        let charged = table.charge(&workers, &[key as u8], &rate, now, 1).unwrap();
                        assert!(!charged.exhausted && !charged.overflowed);
                        admitted[key].fetch_add(charged.spent.admitted.into(), Ordering::Relaxed);
                    }
                });
            }
        });
        let expected = if round == 0 { 50 } else { 15 };
        for count in admitted {
            assert_eq!(count.into_inner(), expected, "round {round}");
        }
    }
}

/// Threads that race with keys beyond the table's places: what is admitted of a key is never more
/// than the limit.
#[test]
#[cfg_attr(target_arch = "wasm32", ignore = "no threads")]
fn racing_workers_never_overrun_a_full_table() {
    const KEYS: u64 = 200;
    let (workers, table) = table(8);
    let rate = rate(5, Unit::Hour);
    let admitted: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let overflowed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (workers, table, admitted, overflowed) = (&workers, &table, &admitted, &overflowed);
            scope.spawn(move || {
                for number in 0..5_000u64 {
                    let key = (number * 31 + worker * 7) % KEYS;
                    let charged = table
                        .charge(workers, &key.to_le_bytes(), &rate, NOW, 1)
                        .unwrap();
                    admitted[key as usize]
                        .fetch_add(charged.spent.admitted.into(), Ordering::Relaxed);
                    overflowed.fetch_add(charged.overflowed.into(), Ordering::Relaxed);
                }
            });
        }
    });
    let admitted: Vec<u64> = admitted.into_iter().map(AtomicU64::into_inner).collect();
    assert!(admitted.iter().all(|&count| count <= 5));
    // 32 keys with a place, and the overflow.
    assert_eq!(admitted.iter().sum::<u64>(), 33 * 5);
    assert!(overflowed.into_inner() > 0);
}

#[test]
fn a_flood_of_keys_stays_in_its_bounds_and_frees_nobody() {
    let (workers, table) = table(1_000);
    let rate = rate(2, Unit::Minute);
    let charge = |key: u32, now| {
        table
            .charge(&workers, &key.to_le_bytes(), &rate, now, 1)
            .unwrap()
    };
    let known = 0..500u32;
    for key in known.clone() {
        assert!(charge(key, NOW).spent.admitted && charge(key, NOW).spent.admitted);
    }
    let mut overflowed = 0;
    let mut model = Model::default();
    for key in 1_000..151_000u32 {
        let charged = charge(key, NOW + u64::from(key));
        overflowed += u32::from(charged.overflowed);
        let alone = model.spend(key, &rate, NOW + u64::from(key), 1).admitted;
        assert!(alone || !charged.spent.admitted);
        assert!(!charged.evicted);
    }
    let (keys, bytes) = workers.size();
    assert_eq!(keys, 125);
    assert!(bytes <= 125 * (8 + 33 * 16), "{bytes}");
    assert_eq!(overflowed, 150_000 - (125 * 32 - 500));
    // Half a request short of the next.
    assert!(
        known
            .clone()
            .all(|key| !charge(key, NOW + 29 * SECOND).spent.admitted)
    );
    assert!(
        known
            .clone()
            .all(|key| charge(key, NOW + 30 * SECOND).spent.admitted)
    );
    // An hour later all are full again: new keys have buckets of their own, and what is known stays.
    let charged = charge(200_000, NOW + 3_600 * SECOND);
    assert!(charged.evicted && !charged.overflowed);
    assert_eq!(charged.spent.remaining, 1);
    assert_eq!(workers.size(), (keys, bytes));
}

/// A key that was counted in the overflow takes its debt along.
#[test]
fn a_place_of_its_own_gives_no_quota_back() {
    let (workers, table) = table(1);
    let (rate, slow) = (rate(10, Unit::Second), NOW + 1_500_000_000);
    let charge = |key: u32, now, cost| {
        table
            .charge(&workers, &key.to_le_bytes(), &rate, now, cost)
            .unwrap()
    };
    // Thirty-two keys take all places; they are full again at NOW + 0.1 s.
    for key in 0..32 {
        assert!(!charge(key, NOW, 1).overflowed);
    }
    let first = charge(99, NOW, 1);
    assert!(first.overflowed && first.spent.admitted);
    // Full again, but a worker whose clock is behind may still come.
    let second = charge(99, NOW + SECOND, 10);
    assert!(second.overflowed && second.spent.admitted);
    let third = charge(99, slow, 1);
    assert!(third.evicted && !third.overflowed);
    assert_eq!((third.spent.admitted, third.spent.remaining), (true, 4));
}

#[test]
fn refusals_write_nothing() {
    let (workers, table) = table(1);
    let rate = rate(1, Unit::Minute);
    assert!(
        table
            .charge(&workers, b"k", &rate, NOW, 1)
            .unwrap()
            .spent
            .admitted
    );
    *workers.failing.lock().unwrap() = u32::MAX;
    let refused = table.charge(&workers, b"k", &rate, NOW, 1).unwrap();
    assert!(!refused.spent.admitted && !refused.exhausted);
    let new = table.charge(&workers, b"new", &rate, NOW, 2).unwrap();
    assert!(!new.spent.admitted && !new.exhausted);
}

#[test]
fn lost_races_are_run_again_and_refused_in_the_end() {
    let (workers, table) = table(1);
    let rate = rate(1, Unit::Minute);
    *workers.failing.lock().unwrap() = 1_023;
    assert!(
        table
            .charge(&workers, b"k", &rate, NOW, 1)
            .unwrap()
            .spent
            .admitted
    );
    *workers.failing.lock().unwrap() = 1_024;
    let charged = table.charge(&workers, b"other", &rate, NOW, 1).unwrap();
    assert!(charged.exhausted && !charged.spent.admitted);
    let charged = table.charge(&workers, b"other", &rate, NOW, 1).unwrap();
    assert!(!charged.exhausted && charged.spent.admitted);
}

#[test]
fn what_is_no_set_counts_as_none() {
    let (workers, table) = table(1);
    let hourly = rate(1, Unit::Hour);
    let is_admitted = |rate| {
        table
            .charge(&workers, b"k", rate, NOW, 1)
            .unwrap()
            .spent
            .admitted
    };
    assert!(is_admitted(&hourly) && !is_admitted(&hourly));
    for garbage in [&b""[..], b"1234567", &[0xff; 24], &[0; 4_096]] {
        workers.overwrite(garbage);
        assert!(is_admitted(&hourly) && !is_admitted(&hourly));
    }
    // The rate was changed.
    assert!(is_admitted(&rate(2, Unit::Hour)));
}

#[test]
fn tables_are_told_apart_by_their_prefix() {
    let (workers, table) = table(1);
    let other = KeyTable::new(b"other", 1, seed());
    let rate = rate(1, Unit::Hour);
    assert!(
        table
            .charge(&workers, b"k", &rate, NOW, 1)
            .unwrap()
            .spent
            .admitted
    );
    assert!(
        other
            .charge(&workers, b"k", &rate, NOW, 1)
            .unwrap()
            .spent
            .admitted
    );
    assert!(
        !table
            .charge(&workers, b"k", &rate, NOW, 1)
            .unwrap()
            .spent
            .admitted
    );
}

/// The places of a full set are not lost until the clock has caught up.
#[test]
fn a_clock_set_back_frees_places_again() {
    let (workers, table) = table(1);
    let rate = rate(10, Unit::Second);
    let charge = |key: u32, now| {
        table
            .charge(&workers, &key.to_le_bytes(), &rate, now, 1)
            .unwrap()
    };
    for key in 0..33 {
        charge(key, NOW);
    }
    let back = NOW - 86_400 * SECOND;
    let refused = charge(99, back);
    assert!(refused.overflowed && !refused.spent.admitted);
    let later = charge(99, back + 3 * SECOND);
    assert!(later.evicted && later.spent.admitted);
}
