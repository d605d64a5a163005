//! Guards of two workers on one host.

mod racing;

use super::*;
use crate::host::mock::MockHost;
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;
const BEGIN: u64 = 1_800_000_000 * SECOND;

/// Two workers of an Envoy.
struct Workers {
    host: MockHost,
    guards: [Guard; 2],
}

fn guard(json: &str, host: &MockHost) -> Guard {
    Guard::new("shop", &serde_json::from_str(json).unwrap(), 100, host).unwrap()
}

impl Workers {
    fn new(json: &str) -> Workers {
        let host = MockHost::default();
        host.time.set(BEGIN);
        let guards = [guard(json, &host), guard(json, &host)];
        Workers { host, guards }
    }

    /// Responses that a worker gets.
    fn responses(&self, worker: usize, variant: Variant, failed: bool, count: u32) {
        for _ in 0..count {
            self.guards[worker].observe(variant, failed, None, &self.host);
        }
    }

    /// Stable does well, and the canary fails 20 times in the eyes of the first worker.
    fn fail(&self) {
        self.responses(0, Variant::Stable, false, 180);
        self.responses(0, Variant::Canary, true, 20);
    }

    /// A tick of both, so many seconds later.
    fn after(&self, seconds: u64) {
        self.host.time.set(self.host.time.get() + seconds * SECOND);
        self.tick();
    }

    fn tick(&self) {
        self.guards.iter().for_each(|guard| guard.tick(&self.host));
    }

    /// Of 10 % planned and 5 % in the step before.
    fn shares(&self) -> [f64; 2] {
        [0, 1].map(|worker: usize| self.guards[worker].allowed(0.10, 0.05))
    }

    fn metric(&self, what: &str) -> i64 {
        let name = format!("canary.shop.guard_{what}");
        let metrics = self.host.metrics.borrow();
        metrics.iter().find(|metric| metric.0 == name).unwrap().1
    }

    /// Gauge, back-offs, trials, recoveries.
    fn changes(&self) -> [i64; 4] {
        ["state", "back_offs", "trials", "recoveries"].map(|what| self.metric(what))
    }

    fn logs(&self) -> Vec<(LogLevel, String)> {
        self.host.logs.borrow().clone()
    }
}

#[test]
fn a_bad_canary_is_backed_off_tried_and_returned() {
    let workers = Workers::new("{}");
    assert_eq!(workers.shares(), [0.10, 0.10]);
    workers.fail();
    assert_eq!(workers.shares(), [0.0, 0.10]);
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
    assert_eq!(workers.changes(), [1, 1, 0, 0]);

    workers.after(299);
    assert_eq!(workers.shares(), [0.0, 0.0]);
    workers.after(1);
    assert_eq!(workers.shares(), [0.01, 0.01]);
    assert_eq!(workers.changes(), [2, 1, 1, 0]);

    workers.responses(1, Variant::Canary, false, 9);
    workers.after(60);
    assert_eq!(workers.shares(), [0.01, 0.01]);
    workers.responses(0, Variant::Canary, false, 1);
    workers.tick();
    assert_eq!(workers.shares(), [0.10, 0.10]);
    assert_eq!(workers.changes(), [0, 1, 1, 1]);

    let expected = [
        (
            LogLevel::Warn,
            "canary `shop`: backed off to nothing for 300s: 10 of 10 responses failed, of stable's \
             0 of 180 (evidence 25, needed 16)",
        ),
        (
            LogLevel::Info,
            "canary `shop`: on trial with 1 of 100 after 300s",
        ),
        (
            LogLevel::Info,
            "canary `shop`: back to its share after a trial of 10 responses",
        ),
    ];
    assert_eq!(
        workers.logs(),
        expected.map(|(level, line)| (level, line.to_owned()))
    );
}

#[test]
fn a_trial_lasts_for_its_duration() {
    let workers = Workers::new("{}");
    workers.fail();
    workers.after(300);
    workers.responses(0, Variant::Canary, false, 1_000);
    workers.after(59);
    assert_eq!(workers.shares(), [0.01, 0.01]);
    workers.after(1);
    assert_eq!(workers.shares(), [0.10, 0.10]);
}

#[test]
fn a_trial_that_does_worse_is_backed_off_again() {
    let workers = Workers::new("{}");
    workers.fail();
    workers.after(300);
    // What led to the first is forgotten.
    workers.responses(0, Variant::Canary, true, 1);
    assert_eq!(workers.shares(), [0.01, 0.01]);
    workers.fail();
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
    assert_eq!(workers.changes(), [1, 2, 1, 0]);
}

#[test]
fn a_share_below_that_of_a_trial_is_not_raised() {
    let workers = Workers::new(r#"{"trial": {"weight": 50}}"#);
    workers.fail();
    workers.after(300);
    assert_eq!(workers.shares(), [0.10, 0.10]);
}

#[test]
fn one_step_back_then_to_nothing() {
    let workers = Workers::new(r#"{"backOff": "PreviousStep"}"#);
    workers.fail();
    workers.tick();
    assert_eq!(workers.shares(), [0.05, 0.05]);
    workers.fail();
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
    assert_eq!(workers.changes(), [1, 2, 0, 0]);
    workers.after(300);
    assert_eq!(workers.shares(), [0.01, 0.01]);
    workers.fail();
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
}

#[test]
fn a_trial_after_one_step_back_gives_no_less_than_that() {
    let workers = Workers::new(r#"{"backOff": "PreviousStep"}"#);
    workers.fail();
    workers.after(300);
    assert_eq!(workers.shares(), [0.05, 0.05]);
    assert_eq!(workers.changes(), [2, 1, 1, 0]);
    assert_eq!(workers.guards[0].allowed(0.10, 0.0), 0.01);
    workers.fail();
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
}

#[test]
fn slow_responses_are_judged_apart() {
    let workers = Workers::new(r#"{"latency": {"threshold": "300ms"}}"#);
    assert!(workers.guards[0].measures_time());
    let observe = |variant, milliseconds| {
        let time = Some(Duration::from_millis(milliseconds));
        workers.guards[0].observe(variant, false, time, &workers.host);
    };
    (0..180).for_each(|_| observe(Variant::Stable, 20));
    (0..20).for_each(|_| observe(Variant::Canary, 300));
    assert_eq!(workers.shares(), [0.10, 0.10]);
    (0..20).for_each(|_| observe(Variant::Canary, 301));
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
    let slow = (workers.metric("canary_slow"), workers.metric("stable_slow"));
    assert_eq!(slow, (20, 0));
    assert!(workers.logs()[0].1.contains("were slow"));
}

#[test]
fn time_is_measured_for_latency_only() {
    let workers = Workers::new("{}");
    assert!(!workers.guards[0].measures_time());
    let time = Some(Duration::MAX);
    workers.responses(0, Variant::Stable, false, 180);
    (0..100).for_each(|_| workers.guards[0].observe(Variant::Canary, false, time, &workers.host));
    workers.tick();
    assert_eq!(workers.shares(), [0.10, 0.10]);
}

#[test]
fn failures_are_those_of_servers() {
    let workers = Workers::new(r#"{"grpcFailures": [5, 14]}"#);
    let failures: Vec<u16> = (0..=u16::MAX)
        .filter(|&status| workers.guards[0].is_failure(status))
        .collect();
    assert_eq!(failures, (500..600).collect::<Vec<u16>>());
    let failures: Vec<u8> = (0..=u8::MAX)
        .filter(|&status| workers.guards[0].is_grpc_failure(status))
        .collect();
    assert_eq!(failures, [5, 14]);
}

#[test]
fn the_state_outlives_a_change_of_the_configuration() {
    let workers = Workers::new("{}");
    workers.fail();
    for json in ["{}", r#"{"window": "1m", "ratio": 3}"#] {
        let reloaded = guard(json, &workers.host);
        assert_eq!(reloaded.allowed(0.10, 0.05), 0.0, "{json}");
    }
    assert_eq!(workers.changes(), [1, 1, 0, 0]);
    // A shorter hold holds at once.
    let reloaded = guard(r#"{"hold": "1m"}"#, &workers.host);
    workers.host.time.set(BEGIN + 60 * SECOND);
    reloaded.tick(&workers.host);
    assert_eq!(reloaded.allowed(0.10, 0.05), 0.01);
}

#[test]
fn what_was_counted_for_another_window_is_left_out() {
    let workers = Workers::new("{}");
    workers.responses(0, Variant::Stable, false, 1_000);
    workers.responses(0, Variant::Canary, true, 7);
    let same = guard("{}", &workers.host);
    let reloaded = guard(r#"{"window": "1m"}"#, &workers.host);
    (0..4).for_each(|_| reloaded.observe(Variant::Canary, true, None, &workers.host));
    assert_eq!(reloaded.allowed(0.10, 0.05), 0.10);
    workers.host.shared.borrow_mut().clear();
    workers.responses(0, Variant::Stable, false, 1_000);
    workers.responses(0, Variant::Canary, true, 7);
    (0..4).for_each(|_| same.observe(Variant::Canary, true, None, &workers.host));
    assert_eq!(same.allowed(0.10, 0.05), 0.0);
}

#[test]
fn a_value_that_is_none_is_replaced() {
    for bytes in [vec![], vec![1; 7], vec![0xff; 656], vec![0; 10_000]] {
        let workers = Workers::new("{}");
        let value = (bytes, 5);
        let key = b"canary/shop".to_vec();
        workers.host.shared.borrow_mut().insert(key, value);
        workers.tick();
        assert_eq!(workers.shares(), [0.10, 0.10]);
        workers.fail();
        workers.tick();
        assert_eq!(workers.shares(), [0.0, 0.0]);
    }
}

#[test]
fn a_clock_set_back_holds_for_no_longer_than_the_hold_time() {
    let workers = Workers::new("{}");
    workers.fail();
    workers.host.time.set(BEGIN - 86_400 * SECOND);
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
    workers.after(300);
    assert_eq!(workers.shares(), [0.01, 0.01]);
    // Counts of days to come are none.
    workers.host.time.set(0);
    workers.tick();
    workers.fail();
    workers.tick();
    assert_eq!(workers.shares(), [0.0, 0.0]);
    assert_eq!(workers.changes(), [1, 2, 1, 0]);
}

#[test]
fn a_tick_without_news_writes_nothing() {
    let workers = Workers::new("{}");
    workers.after(1);
    assert!(workers.host.shared.borrow().is_empty());
    workers.responses(0, Variant::Stable, true, 3);
    workers.after(1);
    let written = workers.host.shared.borrow().clone();
    workers.after(1_000);
    assert_eq!(*workers.host.shared.borrow(), written);
}

#[derive(Debug, Clone)]
enum Event {
    Responses(usize, Variant, bool, u32),
    Tick(usize),
    Clock(i64),
}

fn event() -> impl Strategy<Value = Event> {
    let variant = prop_oneof![Just(Variant::Stable), Just(Variant::Canary)];
    prop_oneof![
        4 => (0usize..2, variant, any::<bool>(), 1u32..40)
            .prop_map(|(worker, variant, failed, count)| Event::Responses(worker, variant, failed, count)),
        2 => (0usize..2).prop_map(Event::Tick),
        2 => prop_oneof![4 => 0i64..400, 1 => -4_000i64..4_000].prop_map(Event::Clock),
    ]
}

proptest! {
    /// Whatever comes, each change is made, logged and counted by one worker, all agree after a tick,
    /// and no response is counted twice or lost.
    #[test]
    fn workers_agree(
        events in prop::collection::vec(event(), 1..120),
        json in prop::sample::select(vec!["{}", r#"{"backOff": "PreviousStep", "minRequests": 1}"#]),
    ) {
        let workers = Workers::new(json);
        let mut sent = [0, 0];
        for event in events {
            match event {
                Event::Responses(worker, variant, failed, count) => {
                    workers.responses(worker, variant, failed, count);
                    sent[usize::from(variant == Variant::Canary)] += i64::from(count);
                }
                Event::Tick(worker) => workers.guards[worker].tick(&workers.host),
                Event::Clock(seconds) => {
                    let now = workers.host.time.get();
                    workers.host.time.set(now.saturating_add_signed(seconds * SECOND as i64));
                }
            }
            for share in workers.shares() {
                prop_assert!((0.0..=0.10).contains(&share));
            }
        }
        // The second may find that a phase is over, which the first then reads.
        workers.tick();
        workers.tick();
        let [a, b] = workers.shares();
        prop_assert_eq!(a, b);
        let [_, back_offs, trials, recoveries] = workers.changes();
        prop_assert_eq!(workers.logs().len() as i64, back_offs + trials + recoveries);
        prop_assert!(back_offs >= trials && trials >= recoveries);
        let counted = [workers.metric("stable_responses"), workers.metric("canary_responses")];
        prop_assert_eq!(counted, sent);
    }
}
