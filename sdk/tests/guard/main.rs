//! What a guard finds, how quickly, and how often it is wrong: by simulation in virtual time.
//! `just canary-plots` runs more of it and draws it in docs/canary.md.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

mod simulation;

use gateway_filter_sdk::host::LogLevel;
use gateway_filter_sdk::split::guard::Guard;
use simulation::{Failing, Found, HEALTHY, Setup, Simulation};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn failing(canary: f64) -> Failing {
    Failing { canary, ..HEALTHY }
}

/// A setup whose workers tick ten times as seldom, which is quicker to simulate: they judge when the
/// canary failed, not when they tick.
fn seldom(rate: u64) -> Setup {
    Setup {
        tick: 10 * Guard::TICK,
        ..Setup::new(rate)
    }
}

/// Runs in which the canary fails from the beginning.
fn found(setup: &Setup, count: u64, canary: f64, limit: Duration) -> Found {
    let found = Found::new(setup, count, Duration::ZERO, failing(canary), limit).unwrap();
    println!(
        "{} % at {}/s: {} of {}, median and most of seconds {:?}, sent {:?}, hurt {:?}",
        canary * 100.0,
        setup.rate,
        found.count(),
        found.of,
        found.spread(|run| run.after.as_secs_f64()),
        sent(&found),
        found.spread(|run| run.hurt as f64),
    );
    found
}

/// Requests that the canary got: the median and the most.
fn sent(found: &Found) -> Option<(f64, f64)> {
    found.spread(|run| run.sent as f64)
}

/// Runs in which the canary is backed off although both fail equally often.
fn false_alarms(rate: u64, both: f64, length: Duration) -> Found {
    let both = Failing {
        stable: both,
        canary: both,
    };
    Found::new(&seldom(rate), 1_000, Duration::ZERO, both, length).unwrap()
}

#[test]
fn a_canary_that_fails_half_is_off_within_100_requests() {
    for rate in [10, 1_000] {
        let found = found(&Setup::new(rate), 500, 0.5, 10 * MINUTE);
        assert_eq!(found.count(), found.of);
        assert!(sent(&found).unwrap().1 <= 100.0);
    }
}

#[test]
fn so_is_one_that_was_healthy_before() {
    for (rate, count, healthy) in [(10, 100, 15 * MINUTE), (1_000, 10, MINUTE)] {
        let found = Found::new(&seldom(rate), count, healthy, failing(0.5), 10 * MINUTE).unwrap();
        assert_eq!(found.count(), found.of);
        assert!(sent(&found).unwrap().1 <= 100.0);
    }
}

#[test]
fn a_canary_that_fails_a_twentieth_is_found() {
    for (rate, limit) in [(10, 30 * MINUTE), (1_000, MINUTE)] {
        let found = found(&seldom(rate), 200, 0.05, limit);
        assert_eq!(found.count(), found.of);
        assert!(sent(&found).unwrap().0 <= 300.0);
    }
}

#[test]
fn a_canary_that_fails_one_in_two_hundred_is_found_where_there_is_traffic() {
    let many = found(&seldom(1_000), 20, 0.005, 10 * MINUTE);
    assert_eq!(many.count(), many.of);
    assert!(sent(&many).unwrap().0 <= 12_000.0);
    // 600 of its responses in the window, and 3 failures of them: that is not told from chance.
    let few = found(&seldom(10), 40, 0.005, 30 * MINUTE);
    assert!(few.count() <= few.of / 10);
}

#[test]
fn a_healthy_canary_is_left_alone() {
    for (rate, length) in [(10, 3 * MINUTE), (1_000, MINUTE / 6)] {
        let wrong = false_alarms(rate, 0.001, length);
        println!(
            "{rate}/s for {length:?}: {} false alarms of {}",
            wrong.count(),
            wrong.of
        );
        assert!(wrong.count() <= wrong.of / 100);
    }
}

#[test]
fn a_canary_is_not_to_blame_for_what_stable_does_as_well() {
    let wrong = false_alarms(10, 0.5, MINUTE / 2);
    assert!(wrong.count() <= wrong.of / 100);
}

#[test]
fn a_canary_that_recovers_is_tried_and_returned() {
    let mut run = Simulation::new(&Setup::new(100), 1).unwrap();
    let bad = failing(0.2);
    let backed_off = run.until_back_off(MINUTE, bad).unwrap();
    // The first trial comes too early, the second does not.
    run.run(backed_off.after + 7 * MINUTE, bad);
    assert_eq!(run.share(), 0.0);
    run.run(run.elapsed() + 4 * MINUTE, HEALTHY);
    assert_eq!(run.share(), 0.01);
    run.run(run.elapsed() + 30 * MINUTE, HEALTHY);
    assert_eq!(run.share(), 0.1);
    let levels: Vec<LogLevel> = run.host.logs.borrow().iter().map(|line| line.0).collect();
    let (warn, info) = (LogLevel::Warn, LogLevel::Info);
    assert_eq!(levels, [warn, info, warn, info, info]);
}
