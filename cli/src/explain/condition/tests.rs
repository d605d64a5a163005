use super::*;
use serde_json::{Value, json};

fn failed(kind: RouteKind, spec: Value, entries: &[(&str, &str)]) -> Vec<String> {
    let spec: MatchSpec = serde_json::from_value(spec).unwrap();
    let entries = entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
    let mut head = RequestHead::new(entries);
    head.source = Some([192, 0, 2, 1].into());
    let parts = parts(kind, &spec);
    let failed = parts.iter().filter_map(|part| part.failed(&head));
    failed
        .map(|one| format!("{}: {} / {:?}", one.what, one.wanted, one.got))
        .collect()
}

#[test]
fn each_condition_fails_for_itself() {
    let spec = json!({
        "path": {"value": "/v2/"}, "method": "PUT",
        "headers": [{"name": "X-Version", "value": "2"}, {"name": "x-version", "value": "1"}],
        "queryParams": [{"name": "q", "type": "RegularExpression", "value": "[0-9]+"}],
        "cookies": [{"name": "c", "value": "1"}],
        "sourceCIDRs": ["10.0.0.0/8"],
        "jwtClaims": [{"name": "tier", "value": "gold"}],
        "not": [{"headers": [{"name": "x-bot", "value": "1"}]}],
    });
    let request = [
        (":method", "GET"),
        (":path", "/v1?q=a"),
        ("x-version", "1"),
        ("x-bot", "1"),
    ];
    assert_eq!(
        failed(RouteKind::HTTPRoute, spec.clone(), &request),
        [
            r#"path: /v2/ or beneath / Some("/v1")"#,
            r#"method: PUT / Some("GET")"#,
            r#"header x-version: 2 / Some("1")"#,
            r#"query parameter q: a match of [0-9]+ / Some("a")"#,
            "cookie c: 1 / None",
            r#"client: an address in 10.0.0.0/8 / Some("192.0.2.1")"#,
            "claim tier: gold / None",
            r#"not: not (header x-bot = 1) / Some("all of it")"#,
        ]
    );
    // {"tier":"gold"}
    let token = "Bearer e30.eyJ0aWVyIjoiZ29sZCJ9.x";
    let request = [
        (":method", "PUT"),
        (":path", "/v2?q=1"),
        ("x-version", "2"),
        ("cookie", "c=1"),
        ("authorization", token),
    ];
    let left = failed(RouteKind::HTTPRoute, spec, &request);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].starts_with("client"), "{left:?}");
}

#[test]
fn a_grpc_route_asks_for_service_and_method() {
    let spec = json!({"method": {"service": "a.S", "method": "M"}});
    let kind = RouteKind::GRPCRoute;
    assert_eq!(
        failed(kind, spec.clone(), &[(":path", "/a.S/N")]),
        [r#"method: M / Some("N")"#]
    );
    assert_eq!(failed(kind, spec, &[(":path", "/x")]).len(), 2);
    assert_eq!(
        failed(kind, json!({}), &[(":path", "/x")]),
        [r#"path: /{service}/{method} / Some("/x")"#]
    );
    let not = json!({"not": [{"method": {"service": "a.S"}}]});
    assert_eq!(failed(kind, not.clone(), &[(":path", "/a.S/N")]).len(), 1);
    assert_eq!(failed(kind, not, &[(":path", "/b.S/N")]).len(), 0);
}

#[test]
fn the_same_condition_has_one_canonical_text() {
    let text = |spec: Value| {
        let spec: MatchSpec = serde_json::from_value(spec).unwrap();
        let parts = parts(RouteKind::HTTPRoute, &spec);
        parts.iter().map(Part::canonical).collect::<Vec<_>>()
    };
    assert_eq!(text(json!({})), ["path prefix /"]);
    let slash = json!({"path": {"type": "PathPrefix", "value": "/a/"}});
    assert_eq!(text(slash), text(json!({"path": {"value": "/a"}})));
    let exact = json!({"path": {"type": "Exact", "value": "/a/"}});
    assert_eq!(text(exact), ["path = /a/"]);
    let upper = json!({"headers": [{"name": "X", "value": "1", "type": "Exact"}]});
    assert_eq!(
        text(upper),
        text(json!({"headers": [{"name": "x", "value": "1"}]}))
    );
}
