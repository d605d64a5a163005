//! A new configuration while the filter runs.

use std::time::Duration;

use gateway_harness::chain::{Admission, EmbeddedEnvoy};
use serde_json::{Value, json};

use crate::fixture::{envoy, failing, get, is_canary, metric, of_user, plugin};

fn guarded(hold: &str) -> Value {
    json!({"weight": 50, "guard": {"hold": hold}})
}

/// How many of so many requests come to the canary.
fn on_canary(envoy: &mut EmbeddedEnvoy, requests: usize) -> usize {
    let mut answers = (0..requests).map(|_| envoy.send(0, &get(b"/", &[])).unwrap());
    answers.by_ref().filter(is_canary).count()
}

fn update(envoy: &mut EmbeddedEnvoy, fields: Value) -> Result<(), String> {
    let vm = &mut envoy.workers()[0].vms()[0];
    let updated = vm.configure(plugin(fields));
    updated.map_err(|error| error.to_string())
}

#[test]
fn the_guards_state_survives_an_update() {
    let (mut envoy, _) = envoy(guarded("10m"), 1, Admission::Envoy);
    for _ in 0..200 {
        envoy.send(0, &failing()).unwrap();
    }
    assert_eq!(on_canary(&mut envoy, 200), 0);
    let back_offs = |envoy: &EmbeddedEnvoy| metric(envoy.process(), "guard_back_offs");
    assert_eq!(back_offs(&envoy), 1);

    update(
        &mut envoy,
        json!({"weight": 80, "guard": {"hold": "10m", "window": "2m"}}),
    )
    .unwrap();
    assert_eq!(
        on_canary(&mut envoy, 200),
        0,
        "with another weight and window"
    );
    assert_eq!(metric(envoy.process(), "guard_state"), 1);
    envoy.advance(Duration::from_secs(599));
    assert_eq!(on_canary(&mut envoy, 200), 0, "its time goes on");
    envoy.advance(Duration::from_secs(2));
    assert!(
        (1..20).contains(&on_canary(&mut envoy, 400)),
        "a trial with 1 %"
    );
    assert_eq!(metric(envoy.process(), "guard_state"), 2);
    update(&mut envoy, json!({"weight": 80})).unwrap();
    assert!(on_canary(&mut envoy, 400) > 250, "without a guard");
    assert_eq!(back_offs(&envoy), 1);
}

#[test]
fn a_refused_update_leaves_the_old_one_in_force() {
    let sticky = json!({"keys": [{"header": "x-user"}]});
    let (mut envoy, _) = envoy(json!({"weight": 30, "sticky": sticky}), 1, Admission::Envoy);
    let users = |envoy: &mut EmbeddedEnvoy| -> Vec<bool> {
        let answers = (0..100).map(|user| envoy.send(0, &of_user(user)).unwrap());
        answers.map(|answer| is_canary(&answer)).collect()
    };
    let before = users(&mut envoy);
    for (fields, message) in [
        (json!({"weight": 101}), "canaries[0].weight: "),
        (json!({"wieght": 1}), "canaries[0].wieght: unknown field"),
        (
            json!({"weight": 1, "sticky": {}}),
            "canaries[0].sticky.keys: ",
        ),
        (
            json!({"ramp": {"start": "yesterday", "steps": [{"weight": 1}]}}),
            "canaries[0].ramp.start: ",
        ),
        (
            json!({"weight": 1, "guard": {"ratio": 0.5}}),
            "canaries[0].guard.ratio: ",
        ),
    ] {
        let refused = update(&mut envoy, fields).unwrap_err();
        assert!(refused.contains("proxy_on_configure refused"), "{refused}");
        assert!(refused.contains(message), "{refused}");
        assert_eq!(users(&mut envoy), before);
    }
}

#[test]
fn a_raise_of_the_weight_moves_clients_to_the_canary_only() {
    let with = |weight: u32| json!({"weight": weight, "sticky": {"keys": [{"header": "x-user"}]}});
    let (mut envoy, _) = envoy(with(0), 1, Admission::Envoy);
    let mut moved = vec![false; 500];
    for weight in [0, 10, 20, 50, 100] {
        update(&mut envoy, with(weight)).unwrap();
        let now: Vec<bool> = (0..moved.len())
            .map(|user| is_canary(&envoy.send(0, &of_user(user)).unwrap()))
            .collect();
        let back = moved.iter().zip(&now).filter(|(was, is)| **was && !**is);
        assert_eq!(back.count(), 0, "at {weight}");
        moved = now;
    }
    assert!(moved.into_iter().all(|is_canary| is_canary));
}
