//! `sessionPersistence` of rules.

use super::{ROUTE, SPLIT, backends, canaries, extension, routed, rules, split};
use gateway_bundle::Manifests;
use serde_json::json;

#[test]
fn a_session_is_honoured_with_the_name_and_path_that_envoy_gateway_generates() {
    let bundle = split(
        &format!("{{matches: [{{path: {{value: /app}}}}], {SPLIT}, sessionPersistence: {{}}}}"),
        &[],
    );
    let expected = json!([{
        "name": "httproute/infra/r/rule/0", "targets": rules(&[0]), "header": "x-gateway-backend",
        "backends": backends(),
        "sessionPersistence": {"sessionName": "httproute-infra-r-rule-0", "path": "/app"},
    }]);
    assert_eq!(canaries(&bundle), expected);
    assert_eq!(routed(&bundle)[0].as_array().unwrap().len(), 1);
    assert!(bundle.gateways[0].rules[0].native.features().is_empty());
}

#[test]
fn a_single_backend_has_sessions_and_keeps_its_filters() {
    let filters = "[{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x]}}]";
    let rule = format!(
        "{{backendRefs: [{{name: v1, port: 80, filters: {filters}}}], timeouts: {{request: 1s}}, \
         sessionPersistence: {{sessionName: S, type: Header, absoluteTimeout: 1h, idleTimeout: 0s}}}}"
    );
    let bundle = split(&rule, &[]);
    assert_eq!(
        canaries(&bundle)[0]["sessionPersistence"],
        json!({"sessionName": "S", "type": "Header", "absoluteTimeout": "1h"})
    );
    assert_eq!(
        routed(&bundle)[0][0]["filters"][0]["type"],
        "RequestHeaderModifier"
    );
    assert_eq!(bundle.gateways[0].rules[0].native.features(), ["timeouts"]);
}

#[test]
fn the_cookie_is_sent_wherever_the_rule_matches() {
    for (matches, path) in [
        ("{path: {type: Exact, value: /a/b}}", "/a/b"),
        (
            "{path: {type: RegularExpression, value: '/p1/p2/[^/]*/p3'}}",
            "/p1/p2",
        ),
        ("{path: {type: RegularExpression, value: '.*'}}", "/"),
        (
            "{path: {value: /a/b}}, {path: {value: /a/b}, method: GET}",
            "/a/b",
        ),
        (
            "{path: {value: /a/bc}}, {path: {type: Exact, value: /a/b/d}}",
            "/a",
        ),
        ("{path: {value: /a}}, {path: {value: /b}}", "/"),
        ("{path: {value: /a}}, {method: GET}", "/"),
    ] {
        let rule = format!("{{matches: [{matches}], {SPLIT}, sessionPersistence: {{}}}}");
        let found = canaries(&split(&rule, &[]));
        assert_eq!(found[0]["sessionPersistence"]["path"], path, "{matches}");
    }
}

#[test]
fn a_session_is_added_to_a_canary_that_has_none() {
    let rule = format!(
        "{{{SPLIT}, sessionPersistence: {{sessionName: rule, absoluteTimeout: 1h, cookieConfig: {{lifetimeType: Permanent}}}}}}"
    );
    for (own, name) in [
        ("", "rule"),
        (", sessionPersistence: {sessionName: own}", "own"),
    ] {
        let canary = format!("{{name: shop, canary: v2{own}}}");
        let found = canaries(&split(&rule, &[&extension("c", ROUTE, &canary)]));
        assert_eq!(found[0]["name"], "shop");
        assert_eq!(found[0]["sessionPersistence"]["sessionName"], name);
    }
}

#[test]
fn a_session_is_checked_as_an_api_server_does() {
    for (session, expected) in [
        (
            "{cookieConfig: {lifetimeType: Permanent}}",
            "m.yaml:4:72: HTTPRoute infra/r: spec.rules[0].sessionPersistence: \
             absoluteTimeout must be given when the lifetimeType is Permanent",
        ),
        (
            "{type: Header, cookieConfig: {lifetimeType: Session}}",
            "m.yaml:4:107: HTTPRoute infra/r: spec.rules[0].sessionPersistence.cookieConfig: \
             only with type Cookie",
        ),
        (
            "{idleTimeout: 1d}",
            "m.yaml:4:93: HTTPRoute infra/r: spec.rules[0].sessionPersistence.idleTimeout: ",
        ),
        (
            "{sessionName: a b}",
            "m.yaml:4:93: HTTPRoute infra/r: spec.rules[0].sessionPersistence.sessionName: `a b`: ",
        ),
    ] {
        let rule =
            format!("{{parentRefs: [{{name: gw}}], rules: [{{sessionPersistence: {session}}}]}}");
        let errors = Manifests::parse("m.yaml", &crate::http_route("r", &rule)).unwrap_err();
        let message = errors.problems[0].to_string();
        let at = |text: &str| {
            let (place, rest) = text.split_once(": ").unwrap();
            (
                place.rsplit_once(':').unwrap().0.to_owned(),
                rest.to_owned(),
            )
        };
        let ((place, text), (line, start)) = (at(&message), at(expected));
        assert_eq!(place, line);
        assert!(text.starts_with(&start), "{message}");
    }
}
