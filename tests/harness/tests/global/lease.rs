//! Fewer calls: hits taken in advance, and refusals that are remembered.

use std::time::Duration;

use serde_json::json;

use crate::embedded::Embedded;
use crate::fixture::{DOMAIN, limited, service};

fn configuration(requests: u32, service: serde_json::Value) -> String {
    let limit = json!({"requests": requests, "unit": "Year"});
    limited(&json!([{"limit": limit}]), service)
}

fn admitted(envoy: &mut Embedded, requests: usize) -> usize {
    (0..requests)
        .filter(|_| match envoy.status("/a") {
            200 => true,
            429 => false,
            status => panic!("{status}"),
        })
        .count()
}

const HITS: usize = 10;

#[test]
fn a_lease_saves_calls() {
    let Some(service) = service(&[DOMAIN]) else {
        return;
    };
    for (lease, most) in [(json!(null), 1_000), (json!({"hits": HITS}), 110)] {
        service.flush().unwrap();
        let spec = json!({"failClosed": true, "lease": lease});
        let mut envoy = Embedded::new(configuration(1_000_000, spec), service.address(), 1);
        assert_eq!(admitted(&mut envoy, 1_000), 1_000);
        let calls = envoy.calls();
        println!("lease {lease}: {calls} calls for 1,000 requests");
        assert!(calls <= most, "{calls} calls");
    }
}

#[test]
fn an_envoy_alone_gets_the_whole_limit() {
    let Some(service) = service(&[DOMAIN]) else {
        return;
    };
    let spec = json!({"failClosed": true, "lease": {"hits": HITS}, "rememberRefusals": "10s"});
    let mut envoy = Embedded::new(configuration(137, spec), service.address(), 1);
    assert_eq!(admitted(&mut envoy, 1_000), 137);
    println!(
        "{} calls for 1,000 requests of which 137 pass",
        envoy.calls()
    );
}

#[test]
fn two_envoys_that_race_never_admit_more_than_the_limit() {
    let Some(service) = service(&[DOMAIN]) else {
        return;
    };
    let limit: usize = 400;
    let spec = json!({"failClosed": true, "lease": {"hits": HITS}, "rememberRefusals": "10s"});
    let configuration = configuration(400, spec);
    for _ in 0..5 {
        service.flush().unwrap();
        let envoy = || Embedded::new(configuration.clone(), service.address(), 1);
        let (mut one, mut two) = (envoy(), envoy());
        let (first, second) = std::thread::scope(|scope| {
            let first = scope.spawn(|| admitted(&mut one, 500));
            (admitted(&mut two, 500), first.join().unwrap())
        });
        let total = first + second;
        let calls = one.calls() + two.calls();
        println!("{total} of {limit} admitted, {calls} calls for 1,000 requests");
        assert!(total <= limit, "{total}");
        // What each may leave unused: the rest of a lease, and a question for more than there was.
        assert!(total + 2 * (2 * HITS - 1) >= limit, "{total}");
    }
}

#[test]
fn four_workers_that_race_share_a_lease() {
    let Some(service) = service(&[DOMAIN]) else {
        return;
    };
    let spec = json!({"failClosed": true, "lease": {"hits": 100}, "rememberRefusals": "10s"});
    let mut envoy = Embedded::new(configuration(2_000, spec), service.address(), 4);
    let status = |worker: &mut gateway_harness::chain::Worker| {
        let answer = worker.send(&crate::fixture::get("/a"));
        answer.unwrap().status
    };
    let admitted: usize = std::thread::scope(|scope| {
        let workers = envoy.envoy.workers().iter_mut();
        let workers = workers
            .map(|worker| scope.spawn(move || (0..750).filter(|_| status(worker) == 200).count()));
        let workers: Vec<_> = workers.collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .sum()
    });
    assert!(admitted <= 2_000, "{admitted}");
    let calls = envoy.calls();
    println!("{admitted} of 2,000 admitted, {calls} calls for 3,000 requests of four workers");
    assert!(admitted >= 1_800, "{admitted}");
    assert!(calls < 1_500, "{calls}");
}

#[test]
fn a_client_that_was_refused_costs_no_call() {
    let Some(service) = service(&[DOMAIN]) else {
        return;
    };
    let spec = json!({"failClosed": true, "rememberRefusals": "10s"});
    let mut envoy = Embedded::new(configuration(2, spec), service.address(), 2);
    assert_eq!(envoy.statuses(), [200, 200, 429]);
    assert_eq!(envoy.calls(), 3);
    assert_eq!(envoy.statuses(), [429; 50]);
    let other = envoy.envoy.send(1, &crate::fixture::get("/a")).unwrap();
    assert_eq!(other.status, 429, "the other worker knows it too");
    assert_eq!(envoy.calls(), 0);
    assert_eq!(envoy.metric("limited"), 52);

    envoy.clock.advance(Duration::from_secs(10));
    assert_eq!(envoy.statuses(), [429, 429]);
    assert_eq!(envoy.calls(), 1, "once in ten seconds");

    service.flush().unwrap();
    envoy.clock.advance(Duration::from_secs(10));
    assert_eq!(envoy.statuses(), [200]);
}
