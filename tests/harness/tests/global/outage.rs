//! The service and its Redis fail and come back, and the filter with them.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use gateway_harness::chain::Worker;
use serde_json::json;

use crate::embedded::Embedded;
use crate::fixture::{DOMAIN, get, limited, service};

const LIMIT: usize = 50;

fn configuration(fail_closed: bool) -> String {
    let rules = json!([{"limit": {"requests": LIMIT, "unit": "Year"}}]);
    limited(&rules, json!({"failClosed": fail_closed}))
}

/// Failing open is 200, failing closed 500.
const FAILURES: [(bool, u16); 2] = [(false, 200), (true, 500)];

const WORKERS: usize = 3;

/// Sends until nobody wants to know any more.
fn load(number: usize, worker: &mut Worker, told: &Sender<(usize, u16)>) {
    loop {
        let status = worker.send(&get("/a")).unwrap().status;
        if told.send((number, status)).is_err() {
            return;
        }
    }
}

/// Follows the load until each worker has had this status; what else came meanwhile is told.
fn until(status: u16, told: &Receiver<(usize, u16)>) -> Vec<u16> {
    let mut others = Vec::new();
    let mut workers = BTreeSet::new();
    while workers.len() < WORKERS {
        let (worker, came) = told.recv_timeout(Duration::from_mins(1)).unwrap();
        if came == status {
            workers.insert(worker);
        } else {
            others.push(came);
        }
    }
    others
}

#[test]
fn a_service_that_is_killed_under_load_is_used_again_when_it_is_back() {
    for (fail_closed, without) in FAILURES {
        let Some(mut service) = service(&[DOMAIN]) else {
            return;
        };
        let mut envoy = Embedded::new(configuration(fail_closed), service.address(), WORKERS);
        let (tell, told) = channel();
        std::thread::scope(|scope| {
            for (number, worker) in envoy.envoy.workers().iter_mut().enumerate() {
                let tell = tell.clone();
                scope.spawn(move || load(number, worker, &tell));
            }
            drop(tell);
            let passed = until(429, &told);
            assert_eq!(passed, [200; LIMIT], "exactly the limit");
            service.kill_service();
            let others = until(without, &told);
            assert!(others.iter().all(|status| *status == 429), "{others:?}");
            service.start_service().unwrap();
            let others = until(429, &told);
            assert!(others.iter().all(|status| *status == without), "{others:?}");
            drop(told);
        });
        assert!(envoy.metric("errors") > 0);
        for worker in envoy.envoy.workers() {
            assert_eq!(worker.vms()[0].failure(), None);
        }
    }
}

#[test]
fn without_redis_the_service_answers_nothing_until_it_is_back() {
    for (fail_closed, without) in FAILURES {
        let Some(mut service) = service(&[DOMAIN]) else {
            return;
        };
        let mut envoy = Embedded::new(configuration(fail_closed), service.address(), 1);
        assert_eq!(envoy.statuses(), [200; LIMIT]);
        assert_eq!(envoy.statuses(), [429]);
        service.kill_redis();
        assert_eq!(envoy.statuses(), [without; 5]);
        assert_eq!(envoy.metric("errors"), 5);

        service.start_redis().unwrap();
        // The service connects anew in its own time; what was counted is gone with the old Redis.
        let mut statuses = std::iter::repeat_with(|| envoy.status("/a"));
        let before = statuses.by_ref().take_while(|status| *status != 429);
        assert!(
            before
                .into_iter()
                .all(|status| [200, without].contains(&status))
        );
        assert_eq!(statuses.next(), Some(429));
    }
}
