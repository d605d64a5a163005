//! Workers in parallel count as one would.
//!
//! Time moves between rounds only, while no worker is at work. Within a round all requests come at the
//! same instant, so that how many of a key are admitted does not depend on their order: what the
//! bucket has. So the numbers have to be the same for each key and round, exactly.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gateway_harness::chain::{Admission, Worker};

use crate::bucket::{Bucket, Limit};
use crate::fixture::{by_client, envoy, get, metric};

const WORKERS: usize = 8;
const KEYS: usize = 50;
const ROUNDS: usize = 50;
/// Of each worker in each round: 100,000 in all.
const REQUESTS: usize = 100_000 / ROUNDS / WORKERS;

const LIMIT: &str = r#"{"requests": 7, "unit": "Minute", "burst": 5}"#;
const MODEL: Limit = Limit {
    requests: 7,
    per: Duration::from_secs(60),
    burst: 5,
};

/// How long after the one before a round begins, and the keys that each worker is asked for in it.
struct Round {
    after: Duration,
    keys: [Vec<usize>; WORKERS],
}

/// The same for all: half of the requests are for a tenth of the keys.
fn rounds() -> Vec<Round> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut round = || {
        let after = Duration::from_nanos(random.u64(0..20_000_000_000));
        let mut key = || match random.bool() {
            true => random.usize(..KEYS / 10),
            false => random.usize(..KEYS),
        };
        let keys = std::array::from_fn(|_| (0..REQUESTS).map(|_| key()).collect());
        Round { after, keys }
    };
    (0..ROUNDS).map(|_| round()).collect()
}

/// How many of each key were admitted in each round.
type Admitted = Vec<Vec<u64>>;

fn send(worker: &mut Worker, key: usize) -> bool {
    let client = key.to_string();
    let answer = worker.send(&get(b"/", &[("x-client", client.as_bytes())]));
    match answer.unwrap().status {
        200 => true,
        429 => false,
        status => panic!("{status}"),
    }
}

/// All requests through so many workers, each a thread.
fn admitted(workers: usize, rounds: &[Round]) -> Admitted {
    let (mut envoy, clock) = envoy(&by_client(LIMIT, ""), workers, Admission::Envoy);
    let counts: Vec<Vec<AtomicU64>> = (0..rounds.len())
        .map(|_| (0..KEYS).map(|_| AtomicU64::new(0)).collect())
        .collect();
    let barrier = Barrier::new(workers);
    let work = |number: usize, worker: &mut Worker| {
        for (round, counts) in rounds.iter().zip(&counts) {
            // Nobody is at work: one lets time pass, and nobody begins before it has.
            if barrier.wait().is_leader() {
                clock.advance(round.after);
            }
            barrier.wait();
            for &key in round.keys.iter().skip(number).step_by(workers).flatten() {
                if send(worker, key) {
                    counts[key].fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for (number, worker) in envoy.workers().iter_mut().enumerate() {
            let work = &work;
            scope.spawn(move || work(number, worker));
        }
    });
    envoy.advance(Duration::from_secs(1));
    let total: u64 = counts
        .iter()
        .flatten()
        .map(|c| c.load(Ordering::Relaxed))
        .sum();
    let sent = u64::try_from(ROUNDS * WORKERS * REQUESTS).unwrap();
    assert_eq!(metric(envoy.process(), "allowed"), total);
    assert_eq!(metric(envoy.process(), "limited"), sent - total);
    assert_eq!(metric(envoy.process(), "errors"), 0);
    let of_round = |counts: Vec<AtomicU64>| counts.into_iter().map(AtomicU64::into_inner).collect();
    counts.into_iter().map(of_round).collect()
}

/// What the limit means.
fn expected(rounds: &[Round]) -> Admitted {
    let mut buckets: Vec<Bucket> = vec![MODEL.bucket(); KEYS];
    let mut now = Duration::ZERO;
    let mut of_round = |round: &Round| {
        now += round.after;
        let mut admitted = vec![0; KEYS];
        for &key in round.keys.iter().flatten() {
            if buckets[key].has_room(&MODEL, now) {
                buckets[key].take(&MODEL);
                admitted[key] += 1;
            }
        }
        admitted
    };
    rounds.iter().map(&mut of_round).collect()
}

#[test]
fn eight_workers_admit_what_one_admits_for_each_key_and_round() {
    let rounds = rounds();
    let one = admitted(1, &rounds);
    assert_eq!(one, expected(&rounds));
    assert_eq!(admitted(WORKERS, &rounds), one);
    // 50 buckets of 5, and what 50 rounds of 10 s on average refill.
    let total: u64 = one.iter().flatten().sum();
    assert!((1_000..5_000).contains(&total), "{total}");
}
