use super::*;
use proptest::prelude::*;

/// 2026-01-01.
const NOW: u64 = 1_767_225_600 * SECOND;

const UNITS: [Unit; 7] = [
    Unit::Second,
    Unit::Minute,
    Unit::Hour,
    Unit::Day,
    Unit::Week,
    Unit::Month,
    Unit::Year,
];

fn period(rate: &Rate) -> u64 {
    u64::from(rate.unit.seconds()) * SECOND
}

/// A bucket with its state.
struct Bucket {
    rate: Rate,
    state: Option<u64>,
}

impl Bucket {
    fn new(rate: Rate) -> Bucket {
        Bucket { rate, state: None }
    }

    fn spend(&mut self, now: u64, cost: u32) -> Spent {
        let spent = self.rate.spend(self.state, now, cost);
        self.state = spent.state.or(self.state);
        spent
    }

    /// Requests that are admitted one after the other, counted up to a bound.
    fn admitted(&mut self, now: u64, bound: u32) -> u32 {
        (0..bound)
            .take_while(|_| self.spend(now, 1).admitted)
            .count() as u32
    }

    fn emptied(rate: Rate, now: u64) -> Bucket {
        let mut bucket = Bucket::new(rate);
        assert!(bucket.spend(now, rate.burst).admitted);
        bucket
    }
}

/// Small ones, for which single nanoseconds matter, and all others.
fn rates() -> impl Strategy<Value = Rate> {
    let requests = prop_oneof![1u32..=64, 65u32..=2_000, any::<u32>(), Just(u32::MAX)];
    let burst = prop::option::of(prop_oneof![1u32..=5, 1u32..=2_000, any::<u32>()]);
    (requests, prop::sample::select(&UNITS[..]), burst)
        .prop_filter_map("no such limit", |(requests, unit, burst)| {
            Rate::new(requests, unit, burst).ok()
        })
}

fn times() -> impl Strategy<Value = u64> {
    prop_oneof![
        NOW..NOW + 10 * SECOND,
        Just(0u64),
        // The year 2200.
        Just(7_258_118_400 * SECOND),
        0u64..7_258_118_400 * SECOND,
    ]
}

/// Whether so many in the window from the first to the last nanosecond are too many: by the
/// rational number, or by the tick that `Rate` may be off by.
fn is_over(rate: &Rate, admitted: u64, from: u64, to: u64) -> bool {
    let window = u128::from(to - from) * u128::from(rate.ticks);
    let window = match rate.per {
        1 => window,
        // Strictly less than a tick.
        per => window + u128::from(per) - 1,
    };
    let beyond_burst = u128::from(admitted.saturating_sub(rate.burst.into()));
    beyond_burst * u128::from(rate.cost) * u128::from(rate.per) > window
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    /// A tick is an exact fraction of a request and of the unit, and a nanosecond at most.
    #[test]
    fn ticks_are_exact(rate in rates()) {
        prop_assert_eq!(
            u128::from(rate.cost) * u128::from(rate.requests) * u128::from(rate.per),
            u128::from(rate.ticks) * u128::from(period(&rate))
        );
        prop_assert!(rate.ticks >= rate.per);
        prop_assert!(rate.capacity <= REACH);
    }

    /// Full at first: exactly the burst at once, one by one or in one.
    #[test]
    fn burst_at_once(rate in rates(), now in times()) {
        let one_by_one = rate.burst.min(3_000);
        let mut bucket = Bucket::new(rate);
        prop_assert!(bucket.spend(now, rate.burst - one_by_one).admitted);
        prop_assert_eq!(bucket.admitted(now, one_by_one + 1), one_by_one);
        prop_assert!(!Bucket::emptied(rate, now).spend(now, 1).admitted);
    }

    /// A unit after an empty bucket there is room for `requests`, to the nanosecond.
    #[test]
    fn a_unit_brings_its_requests(rate in rates(), now in times()) {
        let mut bucket = Bucket::emptied(rate, now);
        let then = now + period(&rate);
        if rate.requests <= rate.burst {
            prop_assert!(!bucket.spend(then - 1, rate.requests).admitted);
        }
        prop_assert!(bucket.spend(then, rate.requests.min(rate.burst)).admitted);
        prop_assert!(!bucket.spend(then, 1).admitted);
    }

    /// From any state, not an empty one only.
    #[test]
    fn a_unit_brings_its_requests_from_any_state(
        rate in rates(), now in times(), steps in prop::collection::vec((0u64..3 * SECOND, 0u32..5), 0..20)
    ) {
        let (mut bucket, mut now) = (Bucket::new(rate), now);
        for (step, cost) in steps {
            now += step;
            bucket.spend(now, cost);
        }
        let before = bucket.spend(now, 0).remaining;
        let after = bucket.spend(now + period(&rate), 0).remaining;
        prop_assert!(after >= rate.burst.min(before.saturating_add(rate.requests)));
    }

    /// No window has more than it may, though clocks step back by less than a second and costs differ.
    #[test]
    fn never_more_in_any_window(
        rate in rates(), start in times(),
        steps in prop::collection::vec((0u64..=4, -3i64..=3, 0u32..4), 1..80),
    ) {
        let mut bucket = Bucket::new(rate);
        let (mut now, mut admitted) = (start + 2 * SECOND, Vec::new());
        let request = (period(&rate) / u64::from(rate.requests)).min(10 * SECOND);
        for (stretch, jitter, cost) in steps {
            now = now.saturating_add_signed((stretch * request / 2) as i64 + jitter);
            let seen = now - (jitter.unsigned_abs() * 300_000_000).min(SECOND - 1);
            let seen = if jitter < 0 { seen } else { now };
            if bucket.spend(seen, cost).admitted {
                admitted.push((seen, u64::from(cost)));
            }
        }
        for &(from, _) in &admitted {
            for &(to, _) in admitted.iter().filter(|(to, _)| *to >= from) {
                let within = admitted.iter().filter(|(at, _)| (from..=to).contains(at));
                let sum = within.map(|(_, cost)| cost).sum();
                prop_assert!(!is_over(&rate, sum, from, to), "{sum} in {from}..={to}");
            }
        }
    }

    /// One client that always comes at the first moment that it may gets all that the rate has.
    #[test]
    fn pacing_loses_nothing(rate in rates(), start in times(), cost in 1u32..4) {
        let mut bucket = Bucket::emptied(rate, start);
        let (mut now, cost) = (start, cost.min(rate.burst));
        for _ in 0..50 {
            let spent = bucket.spend(now, cost);
            let Some(wait) = spent.retry_after.filter(|_| !spent.admitted) else { continue };
            let wait = wait.as_nanos() as u64;
            prop_assert!(!bucket.spend(now + wait - 1, cost).admitted);
            now += wait;
            prop_assert!(bucket.spend(now, cost).admitted);
        }
    }

    /// A refusal leaves the state as it is and says when to come again, to the nanosecond.
    #[test]
    fn refusals_change_nothing(rate in rates(), now in times(), later in 0u64..SECOND, cost in any::<u32>()) {
        let bucket = Bucket::emptied(rate, now);
        let spent = rate.spend(bucket.state, now + later, cost);
        prop_assume!(!spent.admitted);
        prop_assert_eq!(spent.state, None);
        match spent.retry_after {
            None => prop_assert!(cost > rate.burst),
            Some(wait) => {
                let then = now + later + wait.as_nanos() as u64;
                prop_assert!(rate.spend(bucket.state, then, cost).admitted);
                prop_assert!(!rate.spend(bucket.state, then - 1, cost).admitted);
            }
        }
    }

    /// `reset` is zero while requests remain, else the time until one does.
    #[test]
    fn reset_is_when_a_request_remains(rate in rates(), now in times(), cost in any::<u32>()) {
        let mut bucket = Bucket::new(rate);
        let spent = bucket.spend(now, cost.min(rate.burst));
        prop_assert_eq!(spent.remaining, rate.burst - cost.min(rate.burst));
        if spent.remaining > 0 {
            prop_assert_eq!(spent.reset, Duration::ZERO);
        } else {
            let then = now + spent.reset.as_nanos() as u64;
            prop_assert!(bucket.spend(then - 1, 0).remaining == 0);
            prop_assert!(bucket.spend(then, 0).remaining > 0);
        }
    }

    /// Set back by hours, a clock locks nobody out for longer than an empty bucket would, and gives
    /// nothing at once.
    #[test]
    fn a_clock_set_back_is_an_empty_bucket(rate in rates(), back in 2u64..1_000_000, cost in 1u32..9) {
        let mut bucket = Bucket::emptied(rate, NOW);
        let now = NOW - back * SECOND;
        let cost = cost.min(rate.burst);
        let refused = bucket.spend(now, cost);
        prop_assert!(!refused.admitted);
        prop_assert_eq!(refused.retry_after, Bucket::emptied(rate, now).spend(now, cost).retry_after);
        prop_assert!(refused.state.is_some());
        prop_assert_eq!(bucket.spend(now, cost).state, None);
        prop_assert!(bucket.spend(now + refused.retry_after.unwrap().as_nanos() as u64, cost).admitted);
    }

    /// What is full again admits the whole burst; what is not does not.
    #[test]
    fn full_is_as_good_as_new(rate in rates(), now in times(), later in 0u64..100 * SECOND) {
        let bucket = Bucket::emptied(rate, now);
        let full = rate.is_full(bucket.state.unwrap(), now + later);
        prop_assert_eq!(rate.spend(bucket.state, now + later, rate.burst).admitted, full);
    }
}

#[test]
fn whole_numbers_at_whole_units() {
    for (requests, unit) in [
        (3, Unit::Second),
        (7, Unit::Minute),
        (97, Unit::Minute),
        (999, Unit::Hour),
    ] {
        let rate = Rate::new(requests, unit, None).unwrap();
        let mut bucket = Bucket::new(rate);
        for round in 0..5 {
            let now = NOW + 123_456_789 + round * period(&rate);
            assert_eq!(
                bucket.admitted(now, requests + 1),
                requests,
                "{requests} {unit:?}"
            );
        }
    }
}

/// Three a second are 333,333,333⅓ ns apart: rounding either way would show.
#[test]
fn thirds_are_exact() {
    let rate = |burst| Rate::new(3, Unit::Second, Some(burst)).unwrap();
    let admitted = |mut bucket: Bucket| {
        let thirds = [
            333_333_333,
            333_333_334,
            666_666_666,
            666_666_667,
            666_666_668,
        ];
        thirds.map(|at| bucket.spend(NOW + 1 + at, 1).admitted)
    };
    assert_eq!(
        admitted(Bucket::emptied(rate(3), NOW + 1)),
        [false, true, false, true, false]
    );
    // A bucket of one overflows: from the second request to 666,666,667 it is not a third.
    assert_eq!(
        admitted(Bucket::emptied(rate(1), NOW + 1)),
        [false, true, false, false, true]
    );
}

#[test]
fn every_unit_has_its_bounds() {
    for unit in UNITS {
        for (requests, burst) in [
            (1, 1),
            (1, 2),
            (u32::MAX, 1),
            (u32::MAX, u32::MAX),
            (2, u32::MAX),
        ] {
            let slow = u64::from(burst / requests) * u64::from(unit.seconds()) > LONGEST / SECOND;
            match Rate::new(requests, unit, Some(burst)) {
                Err(error) => assert!(slow && error == InvalidLimit::Slow, "{requests} {unit:?}"),
                Ok(rate) => {
                    assert!(!slow);
                    let mut bucket = Bucket::emptied(rate, NOW);
                    assert!(!bucket.spend(NOW, 1).admitted);
                    assert_eq!(bucket.spend(NOW, 0).remaining, 0);
                }
            }
        }
    }
}

#[test]
fn no_limits_are_refused() {
    assert_eq!(
        Rate::new(0, Unit::Second, None),
        Err(InvalidLimit::Requests)
    );
    assert_eq!(
        Rate::new(0, Unit::Second, Some(1)),
        Err(InvalidLimit::Requests)
    );
    assert_eq!(
        Rate::new(1, Unit::Second, Some(0)),
        Err(InvalidLimit::Burst)
    );
    assert_eq!(Rate::new(1, Unit::Year, Some(51)), Err(InvalidLimit::Slow));
}

#[test]
fn costs_beyond_the_burst_never_pass() {
    let rate = Rate::new(10, Unit::Second, Some(5)).unwrap();
    let spent = rate.spend(None, NOW, 6);
    assert!(!spent.admitted);
    assert_eq!(
        (spent.state, spent.retry_after, spent.remaining),
        (None, None, 5)
    );
    assert!(!rate.spend(None, NOW, u32::MAX).admitted);
}

#[test]
fn a_cost_of_nothing_looks_only() {
    let rate = Rate::new(10, Unit::Second, None).unwrap();
    let empty = Bucket::emptied(rate, NOW);
    let spent = rate.spend(empty.state, NOW, 0);
    assert!(spent.admitted);
    assert_eq!((spent.state, spent.remaining), (None, 0));
    assert_eq!(spent.reset, Duration::from_millis(100));
}

#[test]
fn rates_with_other_ticks_have_other_tags() {
    let tag = |requests, unit, burst| Rate::new(requests, unit, burst).unwrap().tag();
    assert_ne!(tag(10, Unit::Second, None), tag(10, Unit::Minute, None));
    assert_ne!(tag(10, Unit::Second, None), tag(11, Unit::Second, None));
    // Fewer ticks to the nanosecond, as the bucket takes 45 years to fill.
    assert_ne!(tag(10, Unit::Year, None), tag(10, Unit::Year, Some(450)));
    assert_eq!(tag(10, Unit::Second, None), tag(10, Unit::Second, Some(5)));
}
