use super::*;
use crate::request::RequestHead;
use crate::route::spec::RouteMatchSpec;

fn router(config: &str) -> Router {
    let spec: RouteMatchSpec = serde_json::from_str(config).unwrap();
    Router::try_from(spec).unwrap()
}

fn refused(config: &str) -> String {
    let spec: RouteMatchSpec = serde_json::from_str(config).unwrap();
    Router::try_from(spec).unwrap_err().to_string()
}

fn one_rule(rule: &str) -> String {
    format!(
        r#"{{"routes": [{{"kind": "HTTPRoute", "metadata": {{"namespace": "ns", "name": "r"}}, "spec": {{"rules": [{rule}]}}}}]}}"#
    )
}

fn head<'a>(method: &'a str, path: &'a str, headers: &[(&'a str, &'a str)]) -> RequestHead<'a> {
    let fixed = [
        (":authority", "h.com"),
        (":method", method),
        (":path", path),
        (":scheme", "http"),
    ];
    let entries = fixed.iter().chain(headers);
    RequestHead::new(entries.map(|(name, value)| (name.as_bytes(), value.as_bytes())))
}

/// `backend[@hostname][ path]`, or the status.
fn outcome(router: &Router, head: &RequestHead, draw: u64) -> String {
    match router
        .decide(router.listener_for(None, &head.host()), head, || draw)
        .outcome
    {
        Outcome::Reply(reply) => reply.status.to_string(),
        Outcome::Forward {
            backend,
            hostname,
            path,
        } => {
            let host = hostname.map(|name| format!("@{name}")).unwrap_or_default();
            let path = path.map(|path| format!(" {}", String::from_utf8(path).unwrap()));
            format!("{backend}{host}{}", path.unwrap_or_default())
        }
    }
}

#[test]
fn weights_decide_and_invalid_backends_answer_500() {
    let rule = r#"{"backendRefs": [{"name": "a", "port": 80, "weight": 1}, {"name": "b", "namespace": "o", "port": 80, "weight": 2},
        {"name": "c", "port": 80, "weight": 1, "invalid": "BackendNotFound"}, {"name": "d", "port": 80, "weight": 0}]}"#;
    let router = router(&one_rule(rule));
    let at = |part: u64| outcome(&router, &head("GET", "/", &[]), part << 62);
    assert_eq!(
        [at(0), at(1), at(2), at(3)],
        ["ns/a:80", "o/b:80", "o/b:80", "500"]
    );
}

#[test]
fn a_rule_without_usable_backends_is_500_and_no_rule_is_404() {
    for refs in [
        "[]",
        r#"[{"name": "a", "port": 1, "weight": 0}]"#,
        r#"[{"name": "a", "invalid": "InvalidKind"}]"#,
    ] {
        let rule =
            format!(r#"{{"matches": [{{"path": {{"value": "/a"}}}}], "backendRefs": {refs}}}"#);
        let router = router(&one_rule(&rule));
        assert_eq!(
            outcome(&router, &head("GET", "/a", &[]), 0),
            "500",
            "{refs}"
        );
        assert_eq!(
            outcome(&router, &head("GET", "/b", &[]), 0),
            "404",
            "{refs}"
        );
    }
}

#[test]
fn a_grpc_caller_learns_that_no_backend_is_available() {
    let config = one_rule("{}").replace("HTTPRoute", "GRPCRoute");
    let router = router(&config);
    let listener = router.listener_for(None, b"h.com");
    let decision = router.decide(listener, &head("POST", "/s/m", &[]), || 0);
    let Outcome::Reply(reply) = decision.outcome else {
        panic!("forwarded")
    };
    assert_eq!((reply.status, reply.grpc_status), (500, Some(14)));
}

#[test]
fn rewrites_of_the_backend_go_first() {
    let rule = r#"{"matches": [{"path": {"value": "/a"}}],
        "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "rule.com", "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}}}],
        "backendRefs": [{"name": "b", "port": 80, "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "own.com"}}]}]}"#;
    assert_eq!(
        outcome(&router(&one_rule(rule)), &head("GET", "/a/b?q", &[]), 0),
        "ns/b:80@own.com /x/b?q"
    );
}

#[test]
fn header_changes_of_rule_and_backend_follow_each_other() {
    let set = |value| {
        format!(
            r#"[{{"type": "RequestHeaderModifier", "requestHeaderModifier": {{"set": [{{"name": "x", "value": "{value}"}}]}}}}]"#
        )
    };
    let rule = format!(
        r#"{{"filters": {}, "backendRefs": [{{"name": "b", "port": 80, "filters": {}}}]}}"#,
        set("1"),
        set("2")
    );
    let router = router(&one_rule(&rule));
    let head = head("GET", "/", &[("x-gateway-host", "forged")]);
    let decision = router.decide(router.listener_for(None, b"h"), &head, || 0);
    let applied = decision.applied.unwrap();
    assert_eq!(router.route_name(applied), "httproute/ns/r/rule/0");
    let set = |name, value: &'static str| HeaderEdit::set(name, value.as_bytes());
    assert!(router.request_edits(&decision, &head).eq([
        set("x", "1"),
        set("x", "2"),
        HeaderEdit::remove(HOST_HEADER),
        set(ROUTE_HEADER, "httproute/ns/r/rule/0/match/0/*"),
        set(BACKEND_HEADER, "ns/b:80"),
    ]));
    assert_eq!(router.response_edits(applied).count(), 0);
}

#[test]
fn a_preflight_is_answered_for_the_method_it_asks_for() {
    let config = one_rule(
        r#"{"matches": [{"method": "PUT"}], "filters": [{"type": "CORS", "cors": {"allowOrigins": ["*"]}}], "backendRefs": [{"name": "put", "port": 80}]},
           {"backendRefs": [{"name": "all", "port": 80}]}"#,
    );
    let router = router(&config);
    let asks = |method| {
        head(
            "OPTIONS",
            "/",
            &[
                ("origin", "https://a.com"),
                ("access-control-request-method", method),
            ],
        )
    };
    assert_eq!(outcome(&router, &asks("PUT"), 0), "200");
    assert_eq!(
        outcome(&router, &asks("GET"), 0),
        "ns/all:80",
        "no CORS there: the backend answers"
    );
}

#[test]
fn filters_of_a_backend_answer_and_allow_as_those_of_a_rule() {
    let config = one_rule(
        r#"{"matches": [{"path": {"value": "/cors"}}], "backendRefs": [{"name": "b", "port": 80, "filters": [{"type": "CORS", "cors": {"allowOrigins": ["*"]}}]}]},
           {"matches": [{"path": {"value": "/go"}}], "backendRefs": [{"name": "b", "port": 80, "filters": [{"type": "RequestRedirect", "requestRedirect": {"hostname": "o.org"}}]}]}"#,
    );
    let router = router(&config);
    let origin = ("origin", "https://a.com");
    let asks = head(
        "OPTIONS",
        "/cors",
        &[origin, ("access-control-request-method", "GET")],
    );
    assert_eq!(outcome(&router, &asks, 0), "200");
    let request = head("GET", "/cors", &[origin]);
    let decision = router.decide(router.listener_for(None, b"h.com"), &request, || 0);
    assert_eq!(
        decision.cors,
        [HeaderEdit::set("access-control-allow-origin", &b"*"[..])]
    );
    assert_eq!(outcome(&router, &head("GET", "/go", &[]), 0), "302");
}

#[test]
fn a_request_belongs_to_the_most_specific_listener_only() {
    let config = r#"{"listeners": [
        {"name": "ns/g/any", "port": 80}, {"name": "ns/g/wild", "port": 80, "hostname": "*.com"}, {"name": "ns/g/tls", "port": 443}],
      "routes": [{"kind": "HTTPRoute", "metadata": {"name": "r"}, "listeners": ["ns/g/any"],
        "spec": {"hostnames": ["*.com"], "rules": [{"backendRefs": [{"name": "b", "port": 80}]}]}}]}"#;
    let router = router(config);
    assert!(router.has_several_ports());
    let name = |port, host: &str| {
        router
            .listener_for(Some(port), host.as_bytes())
            .map(Listener::name)
    };
    assert_eq!(name(80, "a.com"), Some("ns/g/wild"));
    assert_eq!(name(80, "a.org"), Some("ns/g/any"));
    assert_eq!(name(443, "a.com"), Some("ns/g/tls"));
    assert_eq!(name(81, "a.com"), None);
    let decision = router.decide(
        router.listener_for(Some(80), b"h.com"),
        &head("GET", "/", &[]),
        || 0,
    );
    assert!(matches!(decision.outcome, Outcome::Reply(reply) if reply.status == 404));
    assert_eq!(
        router.listener_of("ns/g/tls/*").map(Listener::port),
        Some(443)
    );
    assert!(router.listener_of("ns/g/other/*").is_none() && router.listener_of("").is_none());
}

#[test]
fn errors_name_the_place() {
    for (config, message) in [
        (
            one_rule(r#"{"matches": [{}, {"path": {"value": "a"}}]}"#),
            "routes[0].spec.rules[0].matches[1].path.value: `a`: a path starts with",
        ),
        (
            one_rule(r#"{"matches": [{"path": {"type": "RegularExpression", "value": "("}}]}"#),
            "routes[0].spec.rules[0].matches[0].path.value: `(`: ",
        ),
        (
            one_rule(r#"{"backendRefs": [{"name": "a"}]}"#),
            "routes[0].spec.rules[0].backendRefs[0].port: a Service needs a port",
        ),
        (
            one_rule(r#"{"backendRefs": [{"name": "a", "port": 1, "weight": 1000001}]}"#),
            "routes[0].spec.rules[0].backendRefs[0].weight: 0 to",
        ),
        (
            one_rule("{}").replace(
                r#""name": "r""#,
                r#""name": "r", "creationTimestamp": "today""#,
            ),
            "routes[0].metadata.creationTimestamp: `today`",
        ),
        (
            one_rule("{}").replace(r#""spec": {"#, r#""listeners": ["x"], "spec": {"#),
            "routes[0].listeners[0]: `x`: no listener",
        ),
        (
            one_rule("{}").replace(r#""spec": {"#, r#""spec": {"hostnames": ["*"], "#),
            "routes[0].spec.hostnames[0]: `*`",
        ),
        (
            one_rule(
                r#"{"matches": [{"path": {"type": "Exact", "value": "/a"}}], "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}]}"#,
            ),
            "routes[0].spec.rules[0].filters: ReplacePrefixMatch needs",
        ),
        (
            r#"{"routes": [], "listeners": [{"name": "a", "port": 1}, {"name": "b", "port": 1}]}"#
                .to_owned(),
            "listeners[1].hostname: another listener",
        ),
    ] {
        let refused = refused(&config);
        assert!(refused.starts_with(message), "{refused}");
    }
}

/// Envoy Gateway 1.9, internal/gatewayapi/route.go: dots become underscores, no host is `*`.
#[test]
fn routes_are_named_as_envoy_gateway_names_them() {
    for (hostnames, name) in [
        ("[]", "httproute/ns/r/rule/0/match/1/*"),
        (r#"["H.com"]"#, "httproute/ns/r/rule/0/match/1/h_com"),
        (r#"["*.com"]"#, "httproute/ns/r/rule/0/match/1/*_com"),
    ] {
        let spec = format!(
            r#"{{"hostnames": {hostnames}, "rules": [{{"matches": [{{"path": {{"value": "/a"}}}}, {{"path": {{"value": "/b"}}}}],
                "backendRefs": [{{"name": "b", "port": 80}}]}}]}}"#
        );
        let router = router(&format!(
            r#"{{"routes": [{{"kind": "HTTPRoute", "metadata": {{"namespace": "ns", "name": "r"}}, "spec": {spec}}}]}}"#
        ));
        let listener = router.listener_for(None, b"h.com");
        let decision = router.decide(listener, &head("GET", "/b", &[]), || 0);
        assert_eq!(decision.route, name);
    }
}
