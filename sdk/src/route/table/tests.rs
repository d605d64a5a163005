//! The index equals a naive search by the greatest rank.

use super::super::condition;
use super::super::spec::{MatchSpec, RouteKind};
use super::*;
use proptest::prelude::*;

/// The specification, word for word: of all that match, the one of the highest rank.
fn naive<'t, P>(table: &'t RouteTable<P>, head: &RequestHead) -> Option<&'t Entry<P>> {
    let host = head.host();
    table
        .entries()
        .iter()
        .filter(|entry| entry.hostname.matches(&host) && entry.matches(head))
        .max_by_key(|entry| entry.rank())
}

fn entry(number: usize, kind: RouteKind, hostname: &str, spec: &str, age: i64) -> Entry<usize> {
    let spec: MatchSpec = serde_json::from_str(spec).unwrap();
    let (path, conditions) = condition::compile(kind, &spec).unwrap();
    let tie = Tie {
        age,
        name: format!("ns/{}", number % 3).into(),
        order: (number, 0),
    };
    Entry {
        hostname: hostname.parse().unwrap(),
        path,
        conditions,
        tie,
        policy: number,
    }
}

fn any_path() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "ab", "a.S", "c"]), 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn any_match() -> impl Strategy<Value = (RouteKind, String)> {
    let path = prop_oneof![
        any_path().prop_map(|path| format!(r#""path": {{"type": "Exact", "value": "{path}"}}"#)),
        any_path().prop_map(|path| format!(r#""path": {{"value": "{path}"}}"#)),
        any_path()
            .prop_map(|path| format!(r#""path": {{"value": "{}/"}}"#, path.trim_end_matches('/'))),
        prop::sample::select(vec![
            "/a|/ab",
            "/a/.*",
            "/a(/b)?",
            ".*",
            "/ab*/?.*",
            "/a?b/c",
            "^/a/b$",
            "/(a|b)/.+",
            "[/]a.*"
        ])
        .prop_map(|pattern| format!(
            r#""path": {{"type": "RegularExpression", "value": "{pattern}"}}"#
        )),
    ];
    let method = prop::sample::select(vec!["", r#", "method": "GET""#, r#", "method": "PUT""#]);
    let rest = prop::sample::select(vec![
        "",
        r#", "headers": [{"name": "x", "value": "1"}]"#,
        r#", "headers": [{"name": "x", "value": "1"}, {"name": "y", "type": "RegularExpression", "value": "1|12"}]"#,
        r#", "queryParams": [{"name": "q", "value": "1"}]"#,
        r#", "headers": [{"name": "y", "value": "12"}], "queryParams": [{"name": "q", "value": "1"}]"#,
        r#", "cookies": [{"name": "c", "value": "1"}]"#,
        r#", "not": [{"headers": [{"name": "x", "value": "1"}]}]"#,
    ]);
    let http = (path, method, rest.clone()).prop_map(|(path, method, rest)| {
        (RouteKind::HTTPRoute, format!("{{{path}{method}{rest}}}"))
    });
    let grpc = prop::sample::select(vec![
        r#""method": {"service": "a.S", "method": "b"}"#,
        r#""method": {"service": "a.S"}"#,
        r#""method": {"method": "b"}"#,
        r#""method": {"service": "a.*", "type": "RegularExpression"}"#,
        r#""method": {"service": "a.S", "method": "a|ab", "type": "RegularExpression"}"#,
        r#""headers": [{"name": "x", "value": "1"}]"#,
    ])
    .prop_map(|spec| (RouteKind::GRPCRoute, format!("{{{spec}}}")));
    prop_oneof![4 => http, 1 => grpc]
}

const HOSTNAMES: [&str; 7] = [
    "",
    "a.com",
    "b.a.com",
    "*.a.com",
    "*.b.a.com",
    "*.com",
    "c.b.a.com",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_what_a_naive_search_finds(
        routes in prop::collection::vec((any_match(), prop::sample::select(HOSTNAMES.to_vec()), 0..3i64), 0..40),
        requests in prop::collection::vec((
            any_path(),
            prop::sample::select(vec!["a.com", "b.a.com", "x.b.a.com", "c.b.a.com:80", "d.com", "A.COM", "", ".a.com", "com"]),
            prop::sample::select(vec!["", "/", "?q=1", "?q=1&q=2", "?z"]),
            prop::sample::select(vec!["GET", "PUT", "POST"]),
            prop::collection::vec(prop::sample::select(vec![("x", "1"), ("x", "2"), ("y", "12"), ("cookie", "c=1")]), 0..3),
        ), 1..12),
    ) {
        let entries = routes.iter().enumerate()
            .map(|(number, ((kind, spec), hostname, age))| entry(number, *kind, hostname, spec, *age))
            .collect();
        let table = RouteTable::new(entries);
        for (path, host, suffix, method, headers) in &requests {
            let path = format!("{path}{suffix}");
            let fixed = [(":method", *method), (":path", path.as_str()), (":authority", *host)];
            let head = RequestHead::new(fixed.iter().chain(headers).map(|(name, value)| (name.as_bytes(), value.as_bytes())));
            let (found, expected) = (table.find(&head), naive(&table, &head));
            prop_assert_eq!(found.map(|entry| entry.policy), expected.map(|entry| entry.policy), "{} {}", host, path);
        }
    }
}

fn find(
    routes: &[(&str, &str)],
    host: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Option<usize> {
    let entries = routes.iter().enumerate();
    let entries = entries
        .map(|(number, (hostname, spec))| entry(number, RouteKind::HTTPRoute, hostname, spec, 0));
    let table = RouteTable::new(entries.collect());
    let fixed = [(":method", "GET"), (":authority", host), (":path", path)];
    let head = RequestHead::new(
        fixed
            .iter()
            .chain(headers)
            .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
    );
    table.find(&head).map(|entry| entry.policy)
}

/// linkerd2-proxy ranks Exact and Prefix of equal length alike, so that a header tips the scale.
#[test]
fn exact_beats_a_prefix_with_a_header() {
    let prefix = r#"{"path": {"value": "/foo"}, "headers": [{"name": "a", "value": "1"}]}"#;
    let exact = r#"{"path": {"type": "Exact", "value": "/foo"}}"#;
    assert_eq!(
        find(&[("", prefix), ("", exact)], "x", "/foo", &[("a", "1")]),
        Some(1)
    );
}

/// linkerd2-proxy and Envoy Gateway count a method among or after the headers.
#[test]
fn a_method_beats_any_number_of_headers() {
    let headers = r#"{"headers": [{"name": "a", "value": "1"}, {"name": "b", "value": "1"}]}"#;
    assert_eq!(
        find(
            &[("", headers), ("", r#"{"method": "GET"}"#)],
            "x",
            "/",
            &[("a", "1"), ("b", "1")]
        ),
        Some(1)
    );
}

#[test]
fn a_less_specific_host_serves_what_the_specific_one_does_not() {
    let routes = [
        ("*.a.com", r#"{"path": {"value": "/wide"}}"#),
        ("b.a.com", r#"{"path": {"value": "/own"}}"#),
    ];
    assert_eq!(find(&routes, "b.a.com", "/own", &[]), Some(1));
    assert_eq!(find(&routes, "b.a.com", "/wide", &[]), Some(0));
    assert_eq!(find(&routes, "a.com", "/wide", &[]), None);
}

#[test]
fn hostile_hosts_and_paths_find_nothing_and_end() {
    let routes = [("*.a.com", r#"{"path": {"value": "/x/y"}}"#)];
    assert_eq!(
        find(&routes, &"a.".repeat(500_000), &"/x".repeat(500_000), &[]),
        None
    );
    assert_eq!(find(&routes, "b.a.com", "*", &[]), None);
    assert_eq!(find(&routes, "b.a.com", "", &[]), None);
}
