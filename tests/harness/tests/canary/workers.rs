//! Workers in parallel, each a thread: what they agree on without asking each other, and what they
//! find out together.

use std::sync::Barrier;
use std::time::Duration;

use gateway_harness::chain::Admission;
use serde_json::json;

use crate::fixture::{envoy, failing, get, is_canary, metric, of_user};

const USERS: usize = 500;
/// The clock at which virtual time begins, and the steps of a ramp from then on.
const START: &str = "2026-01-01T00:00:00Z";
const STEP: Duration = Duration::from_hours(1);
const STEPS: usize = 4;

/// Who is on the canary, in each step of a ramp, as each worker sees it.
fn through_a_ramp(workers: usize) -> Vec<Vec<Vec<bool>>> {
    let steps: Vec<_> = [10, 25, 50, 100]
        .map(|weight| json!({"weight": weight, "duration": "1h"}))
        .into();
    let fields = json!({
        "sticky": {"keys": [{"header": "x-user"}]},
        "ramp": {"start": START, "steps": steps},
    });
    let (mut envoy, clock) = envoy(fields, workers, Admission::Envoy);
    let barrier = Barrier::new(workers);
    std::thread::scope(|scope| {
        let works = envoy.workers().iter_mut().map(|worker| {
            let (barrier, clock) = (&barrier, &clock);
            scope.spawn(move || {
                let mut found = Vec::with_capacity(STEPS);
                for step in 0..STEPS {
                    // Nobody is at work while time passes.
                    if barrier.wait().is_leader() && step > 0 {
                        clock.advance(STEP);
                    }
                    barrier.wait();
                    let answers = (0..USERS).map(|user| worker.send(&of_user(user)).unwrap());
                    found.push(answers.map(|answer| is_canary(&answer)).collect());
                }
                found
            })
        });
        let works: Vec<_> = works.collect();
        works.into_iter().map(|work| work.join().unwrap()).collect()
    })
}

#[test]
fn every_worker_gives_every_client_the_same_answer_throughout_a_ramp() {
    let found = [1, 2, 4].map(through_a_ramp);
    let alone = &found[0][0];
    let count = |step: &Vec<bool>| step.iter().filter(|is_canary| **is_canary).count();
    let counts: Vec<_> = alone.iter().map(count).collect();
    let fits = |(count, percent): (&usize, usize)| count.abs_diff(USERS * percent / 100) <= 50;
    assert!(counts.iter().zip([10, 25, 50, 100]).all(fits), "{counts:?}");
    assert!(found.iter().flatten().all(|of_worker| of_worker == alone));
}

/// So many workers at once, with a canary that always fails.
fn backed_off(workers: usize) {
    let (mut envoy, _) = envoy(
        json!({"weight": 50, "guard": {"hold": "1h"}}),
        workers,
        Admission::Envoy,
    );
    let barrier = Barrier::new(workers);
    std::thread::scope(|scope| {
        for worker in envoy.workers() {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for _ in 0..500 {
                    worker.send(&failing()).unwrap();
                }
            });
        }
    });
    let process = envoy.process();
    assert_eq!(metric(process, "guard_back_offs"), 1, "{workers} workers");
    assert_eq!(metric(process, "guard_state"), 1);
    envoy.advance(Duration::from_millis(200));
    for worker in envoy.workers() {
        let answers = (0..50).map(|_| worker.send(&get(b"/", &[])).unwrap());
        assert_eq!(answers.filter(is_canary).count(), 0);
    }
    let process = envoy.process();
    let responses = |what: &str| metric(process, what);
    let counted = responses("guard_stable_responses") + responses("guard_canary_responses");
    assert_eq!(counted, 500 * u64::try_from(workers).unwrap());
    assert_eq!(
        responses("guard_canary_failures"),
        responses("guard_canary_responses")
    );
}

#[test]
fn workers_that_race_back_off_once_and_together() {
    for workers in [2, 4] {
        for _ in 0..10 {
            backed_off(workers);
        }
    }
}
