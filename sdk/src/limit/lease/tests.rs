use super::super::sets::tests::{Workers, seed};
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

const SECOND: u64 = 1_000_000_000;
/// 2026-01-01.
const NOW: u64 = 1_767_225_600 * SECOND;
const KEY: &[u8] = b"key";

/// The rate limit service: fixed windows, refused hits count too (ratelimit
/// `src/limiter/base_limiter.go`, `src/utils/utilities.go`).
struct Service {
    limit: u32,
    unit: u64,
    counted: HashMap<u64, u32>,
    calls: u32,
}

impl Service {
    fn new(limit: u32, unit: u64) -> Service {
        let counted = HashMap::new();
        Service {
            limit,
            unit,
            counted,
            calls: 0,
        }
    }

    fn window(&self, now: u64) -> u64 {
        now / SECOND / self.unit
    }

    /// Whether it says OK, `limit_remaining` and `duration_until_reset`.
    fn ask(&mut self, now: u64, hits: u32) -> (bool, u32, Duration) {
        self.calls += 1;
        let count = self.counted.entry(now / SECOND / self.unit).or_default();
        *count += hits;
        let reset = Duration::from_secs(self.unit - now / SECOND % self.unit);
        (
            *count <= self.limit,
            self.limit.saturating_sub(*count),
            reset,
        )
    }
}

/// An Envoy whose clock is off.
struct Envoy {
    shared: Workers,
    leases: Leases,
    ahead: u64,
}

impl Envoy {
    fn new(hits: u32, remember: u64, ahead: u64) -> Envoy {
        let remember = Duration::from_secs(remember);
        Envoy {
            shared: Workers::default(),
            leases: Leases::new(b"leases", 100, seed(), hits, remember),
            ahead,
        }
    }

    fn take(&self, now: u64, hits: u32) -> Taken {
        self.leases
            .take(&self.shared, KEY, now + self.ahead, hits)
            .unwrap()
    }

    fn answered(&self, now: u64, asked: u32, used: u32, answer: (bool, Answer)) {
        let (shared, now) = (&self.shared, now + self.ahead);
        match answer {
            (true, answer) => self.leases.granted(shared, KEY, now, answer, asked, used),
            (false, answer) => self.leases.refused(shared, KEY, now, answer),
        }
        .unwrap();
    }

    /// A request that the service answers at once.
    fn request(&self, service: &mut Service, now: u64, hits: u32) -> bool {
        match self.take(now, hits) {
            Taken::Leased => true,
            Taken::Refused { .. } => false,
            Taken::Ask { hits: asked } => {
                let (is_ok, remaining, reset) = service.ask(now, asked);
                let sent = now + self.ahead;
                self.answered(
                    now,
                    asked,
                    hits,
                    (
                        is_ok,
                        Answer {
                            sent,
                            remaining,
                            reset,
                        },
                    ),
                );
                is_ok
            }
        }
    }
}

/// What happens at a time: questions come to the service, answers come back.
enum Event {
    Request {
        envoy: usize,
        hits: u32,
        there: u64,
        back: u64,
    },
    Question {
        envoy: usize,
        used: u32,
        asked: u32,
        sent: u64,
        back: u64,
    },
    Answer {
        envoy: usize,
        used: u32,
        asked: u32,
        is_ok: bool,
        answer: Answer,
    },
}

/// Runs requests on Envoys beside each other and returns what was admitted by window.
fn run(service: &mut Service, envoys: &[Envoy], requests: Vec<(u64, Event)>) -> HashMap<u64, u32> {
    let mut admitted = HashMap::<u64, u32>::new();
    let mut events: BTreeMap<(u64, usize), Event> = BTreeMap::new();
    for (number, (now, event)) in requests.into_iter().enumerate() {
        events.insert((now, number), event);
    }
    while let Some(((now, number), event)) = events.pop_first() {
        match event {
            Event::Request {
                envoy,
                hits,
                there,
                back,
            } => match envoys[envoy].take(now, hits) {
                Taken::Leased => *admitted.entry(service.window(now)).or_default() += hits,
                Taken::Refused { .. } => {}
                Taken::Ask { hits: asked } => {
                    let (sent, used) = (now + envoys[envoy].ahead, hits);
                    let question = Event::Question {
                        envoy,
                        used,
                        asked,
                        sent,
                        back,
                    };
                    events.insert((now + there, number), question);
                }
            },
            Event::Question {
                envoy,
                used,
                asked,
                sent,
                back,
            } => {
                let (is_ok, remaining, reset) = service.ask(now, asked);
                // Counted where the service counts it, whenever the answer arrives.
                *admitted.entry(service.window(now)).or_default() += if is_ok { used } else { 0 };
                let answer = Answer {
                    sent,
                    remaining,
                    reset,
                };
                let answer = Event::Answer {
                    envoy,
                    used,
                    asked,
                    is_ok,
                    answer,
                };
                events.insert((now + back, number), answer);
            }
            Event::Answer {
                envoy,
                used,
                asked,
                is_ok,
                answer,
            } => {
                envoys[envoy].answered(now, asked, used, (is_ok, answer));
            }
        }
    }
    admitted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// Several Envoys with clocks that differ, answers that are late by windows: no window ever has
    /// more than the limit.
    #[test]
    fn never_more_than_the_limit_in_a_window(
        limit in 1u32..200, unit in prop::sample::select(vec![1u64, 2, 5, 60]), hits in 2u32..50, remember in 0u64..10,
        ahead in prop::array::uniform3(0u64..100 * SECOND),
        requests in prop::collection::vec(
            (0u64..SECOND / 5, 0usize..3, 0u32..4, 0u64..SECOND / 2, prop_oneof![0u64..SECOND / 2, 0..8 * SECOND]),
            1..500,
        ),
    ) {
        let mut service = Service::new(limit, unit);
        let envoys = ahead.map(|ahead| Envoy::new(hits, remember, ahead));
        let mut now = NOW;
        let requests = requests.into_iter().map(|(step, envoy, hits, there, back)| {
            now += step;
            (now, Event::Request { envoy, hits, there, back })
        });
        let requests = requests.collect();
        for (window, admitted) in run(&mut service, &envoys, requests) {
            prop_assert!(admitted <= limit, "{admitted} of {limit} in {window}");
        }
    }

    /// One Envoy, one request at a time: the whole limit is used, and not one more.
    #[test]
    fn one_envoy_uses_the_whole_limit(limit in 1u32..3_000, hits in 0u32..=10_000) {
        let mut service = Service::new(limit, 3_600);
        let envoy = Envoy::new(hits, 3_600, 0);
        let admitted = (0..limit + 50).filter(|_| envoy.request(&mut service, NOW, 1)).count();
        prop_assert_eq!(admitted as u32, limit);
    }
}

#[test]
fn hot_keys_cost_few_calls() {
    let calls = |hits, remember, limit| {
        let mut service = Service::new(limit, 3_600);
        let envoy = Envoy::new(hits, remember, 0);
        for number in 0..1_000u64 {
            envoy.request(&mut service, NOW + number * 1_000_000, 1);
        }
        service.calls
    };
    assert_eq!(calls(0, 0, 100_000), 1_000);
    assert_eq!(calls(10, 0, 100_000), 101);
    assert_eq!(calls(100, 0, 100_000), 11);
    // Leases shrink near the limit; refusals are asked for once a second, or not again.
    assert_eq!(calls(100, 0, 500), 13 + 500);
    assert_eq!(calls(100, 3_600, 500), 13 + 1);
}

/// Envoys that share a limit leave unused what their leases hold, and what they asked for in vain.
#[test]
fn what_remains_unused_is_bounded() {
    let mut service = Service::new(1_000, 3_600);
    let envoys = [(); 4].map(|()| Envoy::new(20, 3_600, 0));
    let turns = (0..2_000).map(|turn| &envoys[turn % 4]);
    let admitted = turns
        .filter(|envoy| envoy.request(&mut service, NOW, 1))
        .count();
    assert!(
        (1_000 - 4 * (19 + 20)..=1_000).contains(&admitted),
        "{admitted}"
    );
    assert!(service.calls < 200, "{}", service.calls);
}

#[test]
fn leases_end_a_second_before_the_answer_says() {
    let mut service = Service::new(1_000, 60);
    let envoy = Envoy::new(100, 0, 0);
    let now = NOW + 10 * SECOND;
    assert!(envoy.request(&mut service, now, 1) && envoy.request(&mut service, now, 1));
    assert_eq!(service.calls, 2);
    let end = now + 49 * SECOND;
    assert_eq!(envoy.take(end - 1, 1), Taken::Leased);
    assert_eq!(envoy.take(end, 1), Taken::Ask { hits: 1 });
}

#[test]
fn the_last_second_of_a_window_has_no_leases() {
    let mut service = Service::new(1_000, 60);
    let envoy = Envoy::new(100, 60, 0);
    for number in 1..10 {
        assert!(envoy.request(&mut service, NOW + 59 * SECOND, 1));
        assert_eq!(service.calls, number);
    }
    assert_eq!(envoy.shared.size(), (0, 0));
}

#[test]
fn refusals_are_remembered_as_long_as_configured() {
    let answer = Answer {
        sent: NOW,
        remaining: 0,
        reset: Duration::from_secs(31),
    };
    for (remember, seconds) in [(10, 10), (60, 30)] {
        let envoy = Envoy::new(0, remember, 0);
        envoy.answered(NOW, 1, 1, (false, answer));
        let until = NOW + seconds * SECOND;
        assert_eq!(envoy.take(until - 1, 1), Taken::Refused { until });
        assert_eq!(envoy.take(until - 1, 0), Taken::Refused { until });
        assert_eq!(envoy.take(until, 1), Taken::Ask { hits: 1 });
    }
}

#[test]
fn a_lease_is_asked_for_once_at_a_time() {
    let answer = Answer {
        sent: NOW,
        remaining: 500,
        reset: Duration::from_secs(60),
    };
    let envoy = Envoy::new(100, 60, 0);
    envoy.answered(NOW, 1, 1, (true, answer));
    assert_eq!(envoy.take(NOW, 0), Taken::Ask { hits: 0 });
    assert_eq!(envoy.take(NOW, 3), Taken::Ask { hits: 100 });
    assert_eq!(envoy.take(NOW, 3), Taken::Ask { hits: 3 });
    envoy.answered(NOW, 100, 3, (true, answer));
    assert_eq!(envoy.take(NOW, 90), Taken::Leased);
    // Seven are left; they are kept for smaller requests, also if the service refuses ten.
    assert_eq!(envoy.take(NOW, 10), Taken::Ask { hits: 100 });
    envoy.answered(NOW, 100, 10, (false, answer));
    assert_eq!(envoy.take(NOW, 7), Taken::Leased);
    assert_eq!(envoy.take(NOW, 1), Taken::Ask { hits: 1 });
    envoy.answered(NOW, 1, 1, (false, answer));
    assert!(matches!(envoy.take(NOW, 1), Taken::Refused { .. }));
}

/// A full table, an answer without figures, or ones that make no sense: the service is asked.
#[test]
fn without_a_place_or_a_time_the_service_is_asked() {
    let envoy = Envoy::new(100, 60, 0);
    for reset in [Duration::ZERO, Duration::from_secs(1)] {
        let answer = Answer {
            sent: NOW,
            remaining: 9,
            reset,
        };
        envoy.answered(NOW, 9, 1, (true, answer));
        envoy.answered(NOW, 9, 1, (false, answer));
        assert_eq!(envoy.take(NOW, 1), Taken::Ask { hits: 1 });
    }
    let answer = Answer {
        sent: NOW,
        remaining: u32::MAX,
        reset: Duration::MAX,
    };
    envoy.answered(NOW, u32::MAX, 1, (true, answer));
    assert_eq!(envoy.take(NOW, 10_000), Taken::Leased);

    let leases = Leases::new(b"small", 1, seed(), 100, Duration::ZERO);
    let answer = Answer {
        sent: NOW,
        remaining: 900,
        reset: Duration::from_secs(60),
    };
    let take = |key: u32, now| {
        leases
            .take(&envoy.shared, &key.to_le_bytes(), now, 1)
            .unwrap()
    };
    let keep = |key: u32, now, answer| {
        leases
            .granted(&envoy.shared, &key.to_le_bytes(), now, answer, 100, 1)
            .unwrap();
    };
    (0..33).for_each(|key| keep(key, NOW, answer));
    assert!((0..32).all(|key| take(key, NOW) == Taken::Leased));
    assert_eq!(take(32, NOW), Taken::Ask { hits: 1 });
    // What has ended makes place.
    let later = NOW + 60 * SECOND;
    keep(
        32,
        later,
        Answer {
            sent: later,
            ..answer
        },
    );
    assert_eq!(take(32, later), Taken::Leased);
}
