//! The index finds what the specification's list of criteria finds when it is gone through by hand.

use crate::Chance;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::spec::RouteMatchSpec;
use gateway_filter_sdk::router::{Outcome, Router};
use std::cmp::Reverse;
use wasm_bindgen_test::wasm_bindgen_test;

const HOSTNAMES: [&str; 5] = ["", "a.com", "b.a.com", "*.a.com", "*.com"];
const PATHS: [(&str, &str); 10] = [
    ("Exact", "/"),
    ("Exact", "/a/b"),
    ("PathPrefix", "/"),
    ("PathPrefix", "/a"),
    ("PathPrefix", "/a/b"),
    ("PathPrefix", "/ab/"),
    ("RegularExpression", "/a|/ab"),
    ("RegularExpression", "/a(/b)?/?.*"),
    ("RegularExpression", ".*"),
    ("RegularExpression", "/[ab]+/c"),
];
const METHODS: [&str; 2] = ["", r#", "method": "GET""#];
const HEADERS: [&str; 3] = [
    "",
    r#"{"name": "x", "value": "1"}"#,
    r#"{"name": "x", "value": "1"}, {"name": "y", "type": "RegularExpression", "value": "1|12"}"#,
];
const QUERIES: [&str; 2] = ["", r#"{"name": "q", "value": "1"}"#];

/// What is known of a route without the code under test: its criteria in the order of the
/// specification. Patterns stand between Prefix and Exact.
struct Known {
    route: String,
    criteria: (usize, usize, (usize, usize), bool, usize, usize),
    name: String,
}

fn route(chance: &mut Chance, number: usize) -> Known {
    let hostname = chance.pick(&HOSTNAMES);
    let (kind, path) = chance.pick(&PATHS);
    let method = chance.pick(&METHODS);
    let headers = chance.below(HEADERS.len());
    let queries = chance.below(QUERIES.len());
    let name = format!("r{number:02}");
    let hostnames = match hostname {
        "" => String::new(),
        hostname => format!(r#""hostnames": ["{hostname}"], "#),
    };
    let route = format!(
        r#"{{"kind": "HTTPRoute", "metadata": {{"name": "{name}"}}, "spec": {{{hostnames}"rules": [{{
            "matches": [{{"path": {{"type": "{kind}", "value": "{path}"}}{method},
                "headers": [{}], "queryParams": [{}]}}],
            "backendRefs": [{{"name": "{name}", "port": 80}}]}}]}}}}"#,
        HEADERS[headers], QUERIES[queries],
    );
    let path = match kind {
        "Exact" => (2, 0),
        "RegularExpression" => (1, path.len()),
        _ => (0, path.len()),
    };
    let exact = if hostname.starts_with('*') {
        0
    } else {
        hostname.len()
    };
    let criteria = (
        exact,
        hostname.len(),
        path,
        !method.is_empty(),
        headers,
        queries,
    );
    Known {
        route,
        criteria,
        name,
    }
}

fn router(routes: &[&str]) -> Router {
    let config = format!(r#"{{"routes": [{}]}}"#, routes.join(","));
    let spec: RouteMatchSpec = serde_json::from_str(&config).unwrap();
    Router::try_from(spec).unwrap()
}

fn backend(router: &Router, head: &RequestHead) -> Option<String> {
    let listener = router.listener_for(None, &head.host());
    match router.decide(listener, head, || 0).outcome {
        Outcome::Forward { backend, .. } => Some(backend.to_owned()),
        Outcome::Reply(_) => None,
    }
}

fn compare(chance: &mut Chance) -> usize {
    let count = chance.below(30);
    let known: Vec<Known> = (0..count).map(|number| route(chance, number)).collect();
    let all: Vec<&str> = known.iter().map(|known| known.route.as_str()).collect();
    let together = router(&all);
    let alone: Vec<Router> = all.iter().map(|route| router(&[*route])).collect();
    let mut found = 0;
    for _ in 0..10 {
        let host = chance.pick(&[
            "a.com",
            "b.a.com",
            "x.b.a.com:80",
            "A.COM",
            "d.com",
            "d.org",
            "",
        ]);
        let path = chance.pick(&[
            "/", "/a", "/a/b", "/a/", "/ab", "/ab/c", "/abc", "/a/b/c", "*", "",
        ]);
        let path = path.to_owned() + chance.pick(&["", "?q=1", "?q=2&q=1", "?"]);
        let mut entries = vec![
            (":method", chance.pick(&["GET", "PUT"])),
            (":path", &path),
            (":authority", host),
        ];
        entries.extend(
            (0..chance.below(3)).map(|_| chance.pick(&[("x", "1"), ("x", "2"), ("y", "12")])),
        );
        let head = RequestHead::new(
            entries
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        );
        let matching = known
            .iter()
            .zip(&alone)
            .filter(|(_, alone)| backend(alone, &head).is_some());
        let best = matching.max_by_key(|(known, _)| (known.criteria, Reverse(known.name.as_str())));
        let expected = best.map(|(known, _)| format!("default/{}:80", known.name));
        assert_eq!(
            backend(&together, &head),
            expected,
            "{entries:?} on {all:?}"
        );
        found += usize::from(expected.is_some());
    }
    found
}

#[wasm_bindgen_test]
fn the_index_follows_the_specifications_list() {
    let mut chance = Chance(1);
    let found: usize = (0..2_000).map(|_| compare(&mut chance)).sum();
    assert!(
        found > 5_000,
        "only {found} of 20,000 requests matched anything"
    );
}
