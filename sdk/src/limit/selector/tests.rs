use super::*;
use crate::host::mock::MockHost;
use crate::request::RequestHead;

/// What tells the client apart, joined by `|`.
fn selected(selectors: &str, entries: &[(&str, &str)]) -> Option<String> {
    let specs: Vec<SelectorSpec> = serde_json::from_str(selectors).unwrap();
    let selector = Selector::new(&specs, 0).unwrap();
    let host = MockHost::default().attribute("source.address", "10.1.2.3:99");
    let entries = entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
    let head = RequestHead::new(entries);
    let distinct = selector.select(&Subject::new(&head, &host)).unwrap()?;
    Some(
        distinct
            .iter()
            .map(|value| String::from_utf8_lossy(value))
            .collect::<Vec<_>>()
            .join("|"),
    )
}

#[test]
fn conditions_are_anded_over_all_selectors() {
    let selectors = r#"[{"headers": [{"name": "A", "value": "1"}, {"name": "b", "type": "Distinct"}]},
                        {"sourceCIDR": {"type": "Distinct", "value": "10.0.0.0/8"}, "methods": [{"value": "GET"}]}]"#;
    let get = (":method", "GET");
    assert_eq!(
        selected(selectors, &[get, ("a", "1"), ("b", "x")]).as_deref(),
        Some("x|10.1.2.3")
    );
    assert_eq!(selected(selectors, &[get, ("a", "2"), ("b", "x")]), None);
    assert_eq!(selected(selectors, &[get, ("a", "1")]), None);
    assert_eq!(
        selected(selectors, &[(":method", "PUT"), ("a", "1"), ("b", "x")]),
        None
    );
}

#[test]
fn inverted_conditions_hold_for_what_is_absent_too() {
    let header = r#"[{"headers": [{"name": "a", "value": "1", "invert": true}]}]"#;
    assert!(selected(header, &[]).is_some() && selected(header, &[("a", "2")]).is_some());
    assert_eq!(selected(header, &[("a", "1")]), None);
    let regex = r#"[{"queryParams": [{"name": "q", "type": "RegularExpression", "value": "[0-9]+", "invert": true}]}]"#;
    assert!(selected(regex, &[(":path", "/?q=x")]).is_some());
    assert_eq!(selected(regex, &[(":path", "/?q=12")]), None);
}

#[test]
fn methods_are_ored_and_inverted_ones_excluded() {
    let method = |name| [(":method", name)];
    let two = r#"[{"methods": [{"value": "GET"}, {"value": "PUT"}]}]"#;
    assert!(selected(two, &method("PUT")).is_some() && selected(two, &method("POST")).is_none());
    let not =
        r#"[{"methods": [{"value": "GET", "invert": true}, {"value": "PUT", "invert": true}]}]"#;
    assert!(selected(not, &method("POST")).is_some() && selected(not, &method("PUT")).is_none());
}

#[test]
fn networks_are_inside_or_outside() {
    let with = |rest: &str| format!(r#"[{{"sourceCIDR": {{{rest}}}}}]"#);
    assert_eq!(
        selected(&with(r#""value": "10.0.0.0/8""#), &[]).as_deref(),
        Some("")
    );
    assert_eq!(selected(&with(r#""value": "192.168.0.0/16""#), &[]), None);
    assert_eq!(
        selected(&with(r#""value": "10.0.0.0/8", "invert": true"#), &[]),
        None
    );
    let outside = with(r#""value": "192.168.0.0/16", "invert": true, "type": "Distinct""#);
    assert_eq!(selected(&outside, &[]).as_deref(), Some("10.1.2.3"));
    assert_eq!(
        selected(&with(r#""value": "::/0""#), &[]),
        None,
        "an IPv4 client"
    );
}

#[test]
fn paths_have_their_query() {
    let path = |kind: &str, value: &str, path: &str| {
        let selector = format!(r#"[{{"path": {{"type": "{kind}", "value": "{value}"}}}}]"#);
        selected(&selector, &[(":path", path)]).is_some()
    };
    assert!(path("Exact", "/a", "/a") && !path("Exact", "/a", "/a?x"));
    for inside in ["/a", "/a/", "/a/b", "/a?x", "/a#x", "/a;x"] {
        assert!(
            path("PathPrefix", "/a", inside) && path("PathPrefix", "/a/", inside),
            "{inside}"
        );
    }
    assert!(!path("PathPrefix", "/a", "/ab") && path("PathPrefix", "/", "/ab"));
    assert!(path("RegularExpression", "/a.*", "/a?x") && !path("RegularExpression", "/a", "/a?x"));
}

/// Envoy Gateway 1.9, internal/xds/translator/ratelimit.go: headers, method, path, network, query.
#[test]
fn conditions_are_named_as_envoy_gateway_names_them() {
    let specs = r#"[{"queryParams": [{"name": "q", "type": "Distinct"}], "headers": [{"name": "a", "value": "1"}],
                     "sourceCIDR": {"value": "10.1.2.3/8", "type": "Distinct", "invert": true}},
                    {"headers": [{"name": "b", "type": "Distinct"}], "methods": [{"value": "GET"}], "path": {"value": "/"}}]"#;
    let specs: Vec<SelectorSpec> = serde_json::from_str(specs).unwrap();
    let selector = Selector::new(&specs, 2).unwrap();
    let entries = selector
        .conditions
        .iter()
        .flat_map(|condition| &condition.entries);
    let entries: Vec<_> = entries
        .map(|(key, value)| (&**key, value.as_deref()))
        .collect();
    assert_eq!(
        entries,
        [
            ("rule-2-match-0", Some("rule-2-match-0")),
            ("rule-2-match-1", None),
            ("rule-2-method", Some("rule-2-method")),
            ("rule-2-path", Some("rule-2-path")),
            ("masked_remote_address", Some("invert:10.0.0.0/8")),
            ("remote_address", None),
            ("rule-2-match-2", None),
        ]
    );
}

#[test]
fn errors_name_the_field() {
    for (selectors, message) in [
        (
            "[{}]",
            "clientSelectors[0]: a selector has at least one condition",
        ),
        (
            r#"[{"headers": [{"name": "a", "type": "Distinct", "invert": true}]}]"#,
            "clientSelectors[0].headers[0].invert: Distinct cannot be inverted",
        ),
        (
            r#"[{"headers": [{"name": "a"}]}]"#,
            "clientSelectors[0].headers[0].value: the value is missing",
        ),
        (
            r#"[{"headers": [{"name": "a", "type": "Distinct", "value": "x"}]}]"#,
            "clientSelectors[0].headers[0].value: Distinct has no value",
        ),
        (
            r#"[{"headers": [{"name": "a:", "value": "x"}]}]"#,
            "clientSelectors[0].headers[0].name: `a:`: not a header name",
        ),
        (
            r#"[{"cookies": [{"name": "", "value": "x"}]}]"#,
            "clientSelectors[0].cookies[0].name: the name is empty",
        ),
        (
            r#"[{"methods": [{"value": "G T"}]}]"#,
            "clientSelectors[0].methods[0].value: `G T`: not an HTTP method",
        ),
        (
            r#"[{"sourceCIDR": {"value": "10.0.0.0/33"}}]"#,
            "clientSelectors[0].sourceCIDR.value: `10.0.0.0/33`: not an address range as in 10.0.0.0/8 or 2001:db8::/32",
        ),
        (
            r#"[{"path": {"type": "RegularExpression", "value": "("}}]"#,
            "clientSelectors[0].path.value: `(`: ",
        ),
    ] {
        let specs: Vec<SelectorSpec> = serde_json::from_str(selectors).unwrap();
        let error = Selector::new(&specs, 0).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
