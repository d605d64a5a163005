use super::*;

fn holds(spec: &str, entries: &[(&str, &[u8])]) -> bool {
    let spec: MatchSpec = serde_json::from_str(spec).unwrap();
    let (path, conditions) = compile(RouteKind::HTTPRoute, &spec).unwrap();
    let mut head = RequestHead::new(
        entries
            .iter()
            .map(|(name, value)| (name.as_bytes(), *value)),
    );
    head.source = Some([192, 0, 2, 7].into());
    path.matches(head.path()) && conditions.hold(&head)
}

fn refused(kind: RouteKind, spec: &str) -> String {
    let spec: MatchSpec = serde_json::from_str(spec).unwrap();
    let (path, error) = compile(kind, &spec).unwrap_err();
    format!("{path}: {error}")
}

#[test]
fn the_second_matcher_of_a_name_is_ignored() {
    let spec = r#"{"headers": [{"name": "Version", "value": "one"}, {"name": "version", "value": "two"}]}"#;
    assert!(holds(spec, &[(":path", b"/"), ("version", b"one")]));
    assert!(!holds(spec, &[(":path", b"/"), ("version", b"two")]));
    assert_eq!(
        compile(RouteKind::HTTPRoute, &serde_json::from_str(spec).unwrap())
            .unwrap()
            .1
            .header_count(),
        1
    );
}

#[test]
fn header_lines_are_joined_before_they_are_compared() {
    let spec = r#"{"headers": [{"name": "a", "value": "1,2"}]}"#;
    assert!(holds(spec, &[(":path", b"/"), ("a", b"1"), ("a", b"2")]));
    assert!(!holds(spec, &[(":path", b"/"), ("a", b"1")]));
}

#[test]
fn any_bytes_can_be_compared() {
    let spec = r#"{"headers": [{"name": "a", "type": "RegularExpression", "value": ".*"}]}"#;
    assert!(holds(spec, &[(":path", b"/"), ("a", b"x")]));
    assert!(!holds(spec, &[(":path", b"/"), ("a", b"\xff\xfe")]));
}

#[test]
fn our_own_conditions_are_anded() {
    let spec = r#"{"cookies": [{"name": "c", "value": "1"}], "sourceCIDRs": ["192.0.2.0/24"],
                   "jwtClaims": [{"name": "realm.roles", "value": "admin"}], "not": [{"headers": [{"name": "x", "value": "y"}]}]}"#;
    // {"realm":{"roles":["user","admin"]}}
    let token: &[u8] = b"Bearer e30.eyJyZWFsbSI6eyJyb2xlcyI6WyJ1c2VyIiwiYWRtaW4iXX19.x";
    assert!(holds(
        spec,
        &[
            (":path", b"/"),
            ("cookie", b"c=1"),
            ("authorization", token)
        ]
    ));
    assert!(!holds(
        spec,
        &[
            (":path", b"/"),
            ("cookie", b"c=1"),
            ("authorization", token),
            ("x", b"y")
        ]
    ));
    assert!(!holds(
        spec,
        &[
            (":path", b"/"),
            ("cookie", b"c=1"),
            ("authorization", b"Bearer e30.e30.x")
        ]
    ));
    assert!(!holds(
        spec,
        &[
            (":path", b"/"),
            ("cookie", b"c=2"),
            ("authorization", token)
        ]
    ));
}

#[test]
fn errors_name_the_field() {
    use RouteKind::{GRPCRoute, HTTPRoute};
    for (kind, spec, message) in [
        (
            HTTPRoute,
            r#"{"headers": [{"name": "a b", "value": ""}]}"#,
            "headers[0].name: `a b`: not a header name",
        ),
        (
            HTTPRoute,
            r#"{"queryParams": [{"name": "", "value": ""}]}"#,
            "queryParams[0].name: the name is empty",
        ),
        (
            HTTPRoute,
            r#"{"method": {"service": "a"}}"#,
            "method: not a field of a HTTPRoute",
        ),
        (
            HTTPRoute,
            r#"{"method": "G T"}"#,
            "method: `G T`: not an HTTP method",
        ),
        (
            GRPCRoute,
            r#"{"path": {"value": "/"}}"#,
            "path: not a field of a GRPCRoute",
        ),
        (
            HTTPRoute,
            r#"{"not": [{"not": [{"method": "GET"}]}]}"#,
            "not[0].not[0]: `not` cannot be nested",
        ),
        (
            HTTPRoute,
            r#"{"not": [{}]}"#,
            "not[0]: an entry of `not` has at least one condition",
        ),
        (
            HTTPRoute,
            r#"{"cookies": [{"name": "a", "value": "", "type": "PathPrefix"}]}"#,
            "cookies[0].type: PathPrefix is for paths only",
        ),
    ] {
        assert_eq!(refused(kind, spec), message);
    }
}
