use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// 2026-01-31T12:00:00Z.
const START: u64 = 1_769_860_800;
const MINUTE: u64 = 60;

fn ramp(spec: Value) -> Result<Ramp, String> {
    let mut whole = json!({"start": "2026-01-31T12:00:00Z", "steps": [
        {"weight": 10, "duration": "10m"}, {"weight": 50, "duration": "20m"}, {"weight": 100}]});
    let members = spec.as_object().unwrap().clone();
    whole.as_object_mut().unwrap().extend(members);
    let spec: RampSpec = serde_json::from_value(whole).unwrap();
    Ramp::new(&spec, 100).map_err(|error| error.to_string())
}

fn shares(spec: Value, minutes: &[u64]) -> Vec<(f64, f64)> {
    let ramp = ramp(spec).unwrap();
    let at = |minute: &u64| {
        let planned = ramp.at((START + minute * MINUTE) * 1_000_000_000);
        (planned.share, planned.step_before)
    };
    minutes.iter().map(at).collect()
}

#[test]
fn steps_follow_one_another() {
    let expected = [
        (0.1, 0.0),
        (0.1, 0.0),
        (0.5, 0.1),
        (0.5, 0.1),
        (1.0, 0.5),
        (1.0, 0.5),
    ];
    assert_eq!(shares(json!({}), &[0, 9, 10, 29, 30, 100_000]), expected);
    let before = ramp(json!({})).unwrap().at(START * 1_000_000_000 - 1);
    assert_eq!((before.share, before.step_before), (0.0, 0.0));
}

#[test]
fn a_linear_ramp_goes_evenly() {
    let expected = [
        (0.0, 0.0),
        (0.05, 0.0),
        (0.1, 0.1),
        (0.300_000_000_000_000_04, 0.1),
        (1.0, 0.5),
    ];
    assert_eq!(
        shares(json!({"mode": "Linear"}), &[0, 5, 10, 20, 30]),
        expected
    );
}

#[test]
fn a_pause_stops_its_clock() {
    let pauses = json!({"pauses": [
        {"from": "2026-01-31T11:00:00Z", "to": "2026-01-31T12:05:00Z"},
        {"from": "2026-01-31T12:30:00Z"}]});
    let found = shares(pauses, &[14, 15, 30, 100_000]);
    assert_eq!(
        found.iter().map(|at| at.0).collect::<Vec<_>>(),
        [0.1, 0.5, 0.5, 0.5]
    );
}

#[test]
fn it_can_be_ended_at_once() {
    assert_eq!(shares(json!({"finish": "Promote"}), &[0]), [(1.0, 1.0)]);
    assert_eq!(shares(json!({"finish": "Abort"}), &[1_000]), [(0.0, 0.0)]);
}

#[test]
fn what_is_no_ramp_is_refused() {
    for (spec, message) in [
        (json!({"start": "today"}), "start: `today`: not a time"),
        (json!({"steps": []}), "steps: at least one step"),
        (
            json!({"steps": [{"weight": 101}]}),
            "steps[0].weight: 101 is more than weightTotal, 100",
        ),
        (
            json!({"steps": [{"weight": 10}, {"weight": 20}]}),
            "steps[0].duration: only the last step may be without",
        ),
        (
            json!({"steps": [{"weight": 10, "duration": "0s"}, {"weight": 20}]}),
            "steps[0].duration: `0s`: not a time",
        ),
        (
            json!({"steps": [{"weight": 10, "duration": "1m"}, {"weight": 9}]}),
            "steps[1].weight: a ramp does not go down",
        ),
        (
            json!({"pauses": [{"from": "2026-01-31T12:00:00Z", "to": "2026-01-31T12:00:00Z"}]}),
            "pauses[0].to: not after `from`",
        ),
        (
            json!({"pauses": [{"from": "2026-01-31T12:00:00Z"}, {"from": "2026-01-31T13:00:00Z"}]}),
            "pauses[1].from: before the pause before ends",
        ),
    ] {
        let error = ramp(spec).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
}

proptest! {
    /// Whatever its steps and pauses, a ramp never falls, and never exceeds its last step.
    #[test]
    fn a_ramp_never_falls(
        steps in prop::collection::vec((0u32..=1000, 1u64..100_000), 1..6),
        pauses in prop::collection::vec(0u64..500_000, 0..6),
        linear in any::<bool>(),
        mut times in prop::collection::vec(0u64..600_000, 2..40),
    ) {
        let mut weights: Vec<u32> = steps.iter().map(|step| step.0).collect();
        weights.sort_unstable();
        let mut end = 0;
        let steps: Vec<Step> = weights.iter().zip(&steps).map(|(weight, (_, lasts))| {
            let begin = end;
            end += lasts * 1_000_003;
            Step { share: f64::from(*weight) / 1000.0, begin, end }
        }).collect();
        let mut pauses = pauses;
        pauses.sort_unstable();
        let pauses = pauses.chunks_exact(2).map(|pair| (pair[0] * 1_000_003, pair[1] * 1_000_003));
        let ramp = Ramp { start: 1_000, linear, steps, pauses: pauses.collect(), finish: None };
        times.sort_unstable();
        let mut last = 0.0;
        for time in times {
            let planned = ramp.at(time * 1_000_007);
            prop_assert!(planned.share >= last && planned.share <= f64::from(weights[weights.len() - 1]) / 1000.0);
            prop_assert!(planned.step_before <= planned.share);
            last = planned.share;
        }
    }
}
