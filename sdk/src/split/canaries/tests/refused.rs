//! Configurations that are refused, and the field that the error names.

use super::*;

/// A canary that is refused for a field with a message that begins so.
#[track_caller]
fn refused(canary: &Value, message: &str) {
    let mut whole = json!({"name": "shop"});
    let members = canary.as_object().unwrap().clone();
    whole.as_object_mut().unwrap().extend(members);
    let refused = canaries(&json!({ "canaries": [whole] }), &MockHost::default());
    let refused = refused.unwrap_err();
    let expected = format!("canaries[0].{message}");
    assert!(refused.starts_with(&expected), "{refused}");
}

#[test]
fn shares() {
    let two = json!([{"name": "a"}, {"name": "b"}]);
    for (canary, message) in [
        (
            json!({}),
            "weight: without `backends` a weight or a ramp is needed",
        ),
        (
            json!({"weight": 101}),
            "weight: 101 is more than weightTotal, 100",
        ),
        (
            json!({"weight": 1, "weightTotal": 0}),
            "weightTotal: 0: from 1 to 1000000",
        ),
        (
            json!({"weight": 1, "ramp": {"start": "2026-01-31T12:00:00Z", "steps": [{"weight": 1}]}}),
            "weight: the ramp says it",
        ),
        (
            json!({"ramp": {"start": "", "steps": [{"weight": 1}]}}),
            "ramp.start: ``: not a time",
        ),
        (
            json!({"backends": two, "weight": 1}),
            "weight: which of `backends` is the `canary` is not said",
        ),
        (json!({"backends": two, "guard": {}}), "guard: which of"),
    ] {
        refused(&canary, message);
    }
}

#[test]
fn what_decides_before_the_shares() {
    for (canary, message) in [
        (
            json!({"weight": 1, "sticky": {}}),
            "sticky.keys: at least one key, or a cookie",
        ),
        (
            json!({"weight": 1, "sticky": {"keys": [{}]}}),
            "sticky.keys[0]: exactly one of",
        ),
        (
            json!({"weight": 1, "sticky": {"cookie": {"name": "a b"}}}),
            "sticky.cookie.name: `a b`: not a name of a cookie",
        ),
        (
            json!({"weight": 1, "sessionPersistence": {"sessionName": "="}}),
            "sessionPersistence.sessionName: ",
        ),
        (
            json!({"weight": 1, "overrides": [{"key": {}}]}),
            "overrides[0].key: exactly one of",
        ),
    ] {
        refused(&canary, message);
    }
}

#[test]
fn names_backends_and_targets() {
    for (canary, message) in [
        (json!({"name": ""}), "name: ``: empty or another canary's"),
        (
            json!({"weight": 1, "canary": "v2"}),
            "canary: there is no backend `v2`",
        ),
        (
            json!({"weight": 1, "header": "a b"}),
            "header: `a b`: not a header name",
        ),
        (
            json!({"weight": 1, "variantHeader": ""}),
            "variantHeader: ``: not a header name",
        ),
        (
            json!({"backends": [{"name": "a"}, {"name": "a"}]}),
            "backends[1].name: `a` is there twice",
        ),
        (
            json!({"backends": [{"name": "a\n"}]}),
            "backends[0].name: `a\n`: not a value of a header",
        ),
        (
            json!({"backends": [{"weight": 1_000_001}]}),
            "backends[0].weight: 1000001 is more than 1000000",
        ),
        (
            json!({"backends": [{"name": "a", "weight": 0}], "canary": "a"}),
            "backends: none has a weight",
        ),
        (
            json!({"weight": 1, "overrides": [{"key": {"header": "a"}, "pattern": "("}]}),
            "overrides[0].pattern: `(`: ",
        ),
        (
            json!({"weight": 1, "overrides": [{"key": {"header": "a"}, "to": "Stable"}]}),
            "overrides[0].to: needs `values` or a `pattern`",
        ),
        (
            json!({"weight": 1, "targets": [{"rule": 1}]}),
            "targets[0].rule: a rule needs its route",
        ),
    ] {
        refused(&canary, message);
    }
    let twice = json!({"canaries": [{"name": "a", "weight": 1}, {"name": "a", "weight": 1}]});
    let refused = canaries(&twice, &MockHost::default()).unwrap_err();
    assert_eq!(refused, "canaries[1].name: `a`: empty or another canary's");
}
