use super::*;
use proptest::prelude::*;

/// The logarithms of the factorials up to `n`.
fn log_factorials(n: u64) -> Vec<f64> {
    let mut sum = 0.0;
    (0..=n)
        .map(|k| {
            sum += (k.max(1) as f64).ln();
            sum
        })
        .collect()
}

/// The probability of exactly `k` of `n`.
fn binomial(n: u64, p: f64, log: &[f64]) -> Vec<f64> {
    let ways = |k: u64| log[n as usize] - log[k as usize] - log[(n - k) as usize];
    (0..=n)
        .map(|k| (ways(k) + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp())
        .collect()
}

fn counts(canary: (u64, u64), stable: (u64, u64)) -> Counts {
    let tally = |(failures, responses)| Tally {
        responses,
        failures,
        slow: 0,
    };
    Counts {
        canary: tally(canary),
        stable: tally(stable),
    }
}

const MARGIN: Margin = Margin {
    ratio: 1.5,
    floor: 0.001,
};

fn judge(margin: Margin, significance: f64, window: &[Counts]) -> Option<Finding> {
    let level = Level::new(significance, 10);
    level.judge(window.iter().copied(), |tally| tally.failures, margin)
}

fn is_worse(canary: (u64, u64), stable: (u64, u64)) -> bool {
    judge(MARGIN, 1e-6, &[counts(canary, stable)]).is_some()
}

proptest! {
    #[test]
    fn the_bound_is_never_below_the_exact_tail(n in 1u64..400, p in 1e-6f64..0.999) {
        let exact = binomial(n, p, &log_factorials(n));
        for k in 0..=n {
            let tail: f64 = exact[k as usize..].iter().sum();
            let bound = (-evidence(k, n, p)).exp();
            prop_assert!(bound >= tail * (1.0 - 1e-9), "{k} of {n} at {p}: {bound} < {tail}");
        }
    }

    #[test]
    fn more_failures_are_more_evidence(n in 1u64..10_000, p in 0.0f64..1.0) {
        let all: Vec<f64> = (0..=n).map(|k| evidence(k, n, p)).collect();
        prop_assert!(all.windows(2).all(|pair| pair[0] <= pair[1]), "{all:?}");
        prop_assert!(all.iter().all(|evidence| *evidence >= 0.0));
    }
}

/// Both sides fail as often as the hypotheses just allow. Failures of either are binomial here and not
/// Poisson, which the test takes them for.
#[test]
fn chance_looks_as_bad_no_more_often_than_stated() {
    let (canary, stable, significance) = (60, 300, 0.05);
    let log = log_factorials(stable);
    for ratio in [1.0, 1.5, 4.0] {
        for rate in [0.001, 0.01, 0.05, 0.2] {
            let margin = Margin {
                ratio,
                floor: rate * ratio,
            };
            let of_canary = binomial(canary, rate * ratio, &log);
            let of_stable = binomial(stable, rate, &log);
            let mut worse = 0.0;
            for (bad, p) in (0..).zip(&of_canary) {
                for (other, q) in (0..).zip(&of_stable) {
                    let window = [counts((bad, canary), (other, stable))];
                    worse += p * q * f64::from(judge(margin, significance, &window).is_some());
                }
            }
            let stretches = BUCKETS as f64;
            assert!(worse <= significance / stretches, "{ratio} {rate}: {worse}");
        }
    }
}

#[test]
fn a_canary_that_fails_alone_is_worse() {
    assert!(is_worse((10, 20), (0, 180)));
    assert!(is_worse((20, 20), (0, 180)));
    assert!(!is_worse((0, 20), (0, 180)));
    assert!(!is_worse((1, 20), (0, 180)));
}

#[test]
fn what_stable_does_as_well_is_not_worse() {
    assert!(!is_worse((500, 1_000), (4_500, 9_000)));
    assert!(!is_worse((1_000, 1_000), (9_000, 9_000)));
    assert!(!is_worse((60, 1_000), (360, 9_000)));
    assert!(is_worse((120, 1_000), (360, 9_000)));
}

#[test]
fn what_is_below_the_floor_is_never_too_much() {
    assert!(!is_worse((900, 1_000_000), (0, 1_000_000)));
    assert!(is_worse((1_300, 1_000_000), (0, 1_000_000)));
    let none = Margin {
        floor: 0.0,
        ..MARGIN
    };
    assert!(judge(none, 1e-6, &[counts((900, 1_000_000), (0, 1_000_000))]).is_some());
}

#[test]
fn without_stable_there_is_nothing_to_be_worse_than() {
    assert!(!is_worse((1_000, 1_000), (0, 0)));
    assert!(!is_worse((1_000, 1_000), (0, 1)));
}

#[test]
fn few_responses_tell_nothing() {
    assert!(!is_worse((9, 9), (0, 1_000_000)));
    assert!(is_worse((10, 10), (0, 1_000_000)));
}

#[test]
fn a_share_that_grew_before_both_failed_accuses_nobody() {
    let before = counts((0, 1_000), (0, 99_000));
    let after = counts((300, 1_000), (300, 1_000));
    assert_eq!(judge(MARGIN, 1e-6, &[after, before]), None);
    // Added up, the canary would have 300 of 600 failures with 2 % of the requests.
    assert!(is_worse((300, 2_000), (300, 100_000)));
}

#[test]
fn what_begins_now_is_not_drowned_in_health() {
    let healthy = counts((1_000, 1_000_000), (9_000, 9_000_000));
    let bad = counts((20, 40), (0, 360));
    let found = judge(MARGIN, 1e-6, &[bad, healthy]).unwrap();
    assert_eq!((found.canary, found.stable), ((20, 40), (0, 360)));
    assert!(found.evidence > 16.0);
    assert_eq!(judge(MARGIN, 1e-6, &[healthy, bad]), None);
}

#[test]
fn what_is_slight_is_found_in_all_of_the_window() {
    let slight = counts((5, 1_000), (9, 9_000));
    assert_eq!(judge(MARGIN, 1e-6, &[slight; 5]), None);
    assert!(judge(MARGIN, 1e-6, &[slight; 11]).is_some());
}

#[test]
fn counts_that_cannot_be_are_no_evidence() {
    let impossible = counts((u64::MAX, 10), (u64::MAX, 0));
    assert_eq!(
        judge(MARGIN, 1e-6, &[impossible, counts((5, 0), (0, 0))]),
        None
    );
}
