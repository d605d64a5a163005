//! What decides before what: overrides, then the session, then the shares.

use super::*;
use proptest::prelude::*;

/// ingress-nginx's three, in its order.
fn nginx(weight: u32) -> Bench {
    Bench::one(json!({"weight": weight, "overrides": [
        {"key": {"header": "x-canary"}}, {"key": {"cookie": "canary"}}]}))
}

#[test]
fn a_header_then_a_cookie_then_the_weight() {
    for (weight, entries, expected) in [
        (
            0,
            &[("x-canary", "always"), ("cookie", "canary=never")][..],
            "canary",
        ),
        (
            100,
            &[("x-canary", "never"), ("cookie", "canary=always")],
            "stable",
        ),
        (
            0,
            &[("x-canary", "maybe"), ("cookie", "canary=always")],
            "canary",
        ),
        (
            100,
            &[("x-canary", "ALWAYS"), ("cookie", "a=b; canary=never")],
            "stable",
        ),
        (100, &[("x-canary", "")], "canary"),
        (0, &[("cookie", "canary=1")], "stable"),
        (0, &[("cookie", "canary")], "stable"),
    ] {
        assert_eq!(nginx(weight).to(entries), expected, "{weight} {entries:?}");
    }
}

#[test]
fn values_and_patterns_decide_where_they_match() {
    let bench = Bench::one(json!({"weight": 0, "overrides": [
        {"key": {"header": "x-region"}, "values": ["us-west", "us-east"]},
        {"key": {"header": "x-region"}, "pattern": "eu-[0-9]+"},
        {"key": {"queryParam": "beta"}, "values": ["1"], "pattern": "y.*"}]}));
    for (entries, expected) in [
        (&[("x-region", "us-east")][..], "canary"),
        (&[("x-region", "eu-12")], "canary"),
        (&[("x-region", "eu-")], "stable"),
        (&[("x-region", "always")], "stable"),
        (&[(":path", "/?beta=1")], "canary"),
        (&[(":path", "/?beta=yes")], "canary"),
        (&[(":path", "/?beta=2")], "stable"),
    ] {
        assert_eq!(bench.to(entries), expected, "{entries:?}");
    }
}

#[test]
fn a_tier_is_barred_or_pinned_by_a_header_or_a_claim() {
    let bench = Bench::one(json!({"weight": 100, "overrides": [
        {"key": {"header": "x-user-tier"}, "values": ["premium"], "to": "Stable"},
        {"key": {"jwtClaim": "org.plan"}, "values": ["gold"], "to": "Stable"},
        {"key": {"header": "x-canary"}}]}));
    // {"sub":"ada","org":{"plan":"gold"}}
    let token = "Bearer e30.eyJzdWIiOiJhZGEiLCJvcmciOnsicGxhbiI6ImdvbGQifX0.x";
    for (entries, expected) in [
        (
            &[("x-user-tier", "premium"), ("x-canary", "always")][..],
            "stable",
        ),
        (&[("authorization", token)], "stable"),
        (&[("authorization", "Bearer e30.e30.x")], "canary"),
        (&[("x-user-tier", "free")], "canary"),
    ] {
        assert_eq!(bench.to(entries), expected, "{entries:?}");
    }
}

#[test]
fn an_override_reaches_a_side_without_weight() {
    let weights = |stable: u32, canary: u32| {
        let backends = json!([{"name": "s", "weight": stable}, {"name": "c", "weight": canary}]);
        Bench::one(
            json!({"backends": backends, "canary": "c", "overrides": [{"key": {"header": "x"}}]}),
        )
    };
    let always = [("x", "always")];
    let never = [("x", "never")];
    let (promoted, held) = (weights(0, 1), weights(1, 0));
    assert_eq!(
        (promoted.to(&[]), promoted.to(&never)),
        ("c".to_owned(), "s".to_owned())
    );
    assert_eq!(
        (held.to(&[]), held.to(&always)),
        ("s".to_owned(), "c".to_owned())
    );
}

#[test]
fn a_session_outlives_a_change_of_weights() {
    let at = |weight: u32| {
        Bench::one(
            json!({"weight": weight, "sessionPersistence": {"sessionName": "S"},
            "overrides": [{"key": {"header": "x-canary"}}]}),
        )
    };
    let (backend, headers) = at(100).send(&[]);
    assert_eq!(backend, "canary");
    let cookie = headers[0].1.split(';').next().unwrap();
    let held = [("cookie", cookie)];
    assert_eq!(at(1).send(&held), ("canary".to_owned(), Vec::new()));
    // "If set to 0, no traffic should be forwarded for this entry": a new session begins.
    let (backend, headers) = at(0).send(&held);
    assert_eq!((backend.as_str(), headers.len()), ("stable", 1));
    assert_eq!(
        at(100).send(&[("cookie", "S=beef")]).1.len(),
        1,
        "no such backend"
    );
    let never = at(100).send(&[("cookie", cookie), ("x-canary", "never")]);
    assert_eq!(
        never,
        ("stable".to_owned(), Vec::new()),
        "an override begins no session"
    );
}

#[test]
fn a_session_ends_when_its_time_is_over() {
    let session = json!({"sessionName": "S", "type": "Header", "absoluteTimeout": "10s"});
    let bench = Bench::one(json!({"weight": 50, "sessionPersistence": session}));
    let (_, headers) = bench.send(&[]);
    let held = [("s", headers[0].1.as_str())];
    bench.host.time.set(NOON + 9 * SECOND);
    assert_eq!(bench.send(&held).1, []);
    bench.host.time.set(NOON + 10 * SECOND);
    assert_eq!(bench.send(&held).1.len(), 1);
}

/// Values that somebody may send.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "always|never|premium|eu-1|",
        "\\PC{0,12}",
        "[a-z;= \"]{0,30}"
    ]
}

proptest! {
    /// The first override that decides is the one that counts, whatever else the request has.
    #[test]
    fn the_first_override_that_decides_counts(
        header in any_value(), cookie in any_value(), tier in any_value(), weight in 0u32..=100,
    ) {
        let bench = Bench::one(json!({"weight": weight, "sticky": sticky(), "overrides": [
            {"key": {"header": "x-tier"}, "values": ["premium"], "to": "Stable"},
            {"key": {"header": "x-canary"}},
            {"key": {"cookie": "canary"}},
            {"key": {"header": "x-canary"}, "pattern": "eu-.*"}]}));
        let raw = format!("a; =; ;;canary={cookie}");
        let entries = [("x-tier", tier.as_str()), ("x-canary", &header), ("cookie", &raw), ("x-user", "1")];
        let sent = RequestHead::new(entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())));
        let cookie = sent.cookie(b"canary").unwrap_or_default();
        let expected = match (tier.as_str(), header.as_str(), cookie) {
            ("premium", _, _) | (_, "never", _) => "stable".to_owned(),
            (_, "always", _) => "canary".to_owned(),
            (_, _, b"always") => "canary".to_owned(),
            (_, _, b"never") => "stable".to_owned(),
            (_, header, _) if header.starts_with("eu-") && !header.contains('\n') => "canary".to_owned(),
            _ => Bench::one(json!({"weight": weight, "sticky": sticky()})).to(&[("x-user", "1")]),
        };
        prop_assert_eq!(bench.to(&entries), expected);
    }

    /// No request is undecided, whatever it carries.
    #[test]
    fn every_request_is_decided(
        names in prop::collection::vec("cookie|x-user|x-canary|authorization|x-gateway-canary", 0..8),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 8),
    ) {
        let bench = Bench::one(json!({"weight": 50,
            "sticky": {"keys": [{"header": "x-user"}, {"jwtClaim": "sub"}], "cookie": {"name": "k"}},
            "sessionPersistence": {"absoluteTimeout": "1h", "idleTimeout": "1m"},
            "overrides": [{"key": {"cookie": "canary"}}, {"key": {"header": "x-canary"}, "pattern": ".*"}]}));
        let entries = names.iter().zip(&values).map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let selection = decide(&bench.canaries, &RequestHead::new(entries), &bench.host);
        let decided = matches!(selection.action, CanaryAction::Forward { .. });
        prop_assert!(decided);
    }
}

#[test]
fn cookies_of_any_size_and_shape_are_read() {
    let bench = nginx(0);
    let many = "c=1; ".repeat(13_000);
    for cookie in [
        "a; =; ;;",
        "canary",
        "=canary",
        ";;;canary=;",
        many.as_str(),
    ] {
        assert_eq!(
            bench.to(&[("cookie", cookie)]),
            "stable",
            "{}",
            cookie.len()
        );
    }
    let last = format!("{many}canary=always");
    assert_eq!(bench.to(&[("cookie", &last)]), "canary");
}
