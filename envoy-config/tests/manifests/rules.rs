//! What rules become: defaults, filters, Envoy Gateway's HTTPRouteFilter, what is left to Envoy.

use super::{OPEN, bundled, http_route, lines};
use gateway_bundle::Bundle;
use serde_json::{Value, json};

/// The bundle of a route with these rules, and further manifests after it.
#[track_caller]
fn with_rules(rules: &str, rest: &str) -> Bundle {
    let spec = format!("{{parentRefs: [{{name: gw}}], rules: [{rules}]}}");
    bundled(&[OPEN, &http_route("r", &spec), rest])
}

/// The first rule as it is written into the filter's configuration.
fn first(bundle: &Bundle) -> Value {
    serde_json::to_value(&bundle.gateways[0].route_match.routes[0].spec.rules[0]).unwrap()
}

/// An HTTPRouteFilter `infra/f`.
fn filter(spec: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: HTTPRouteFilter\n\
         metadata: {{name: f, namespace: infra}}\nspec: {spec}\n---\n"
    )
}

const EXTENSION: &str = "{type: ExtensionRef, extensionRef: \
                         {group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: f}}";

/// What a rule becomes that must not be served.
fn error() -> Value {
    json!({"filters": [{"type": "DirectResponse", "directResponse": {"statusCode": 500}}]})
}

#[test]
fn a_route_without_rules_has_the_default_one() {
    let bundle = bundled(&[OPEN, &http_route("r", "{parentRefs: [{name: gw}]}")]);
    let spec = &bundle.gateways[0].route_match.routes[0].spec;
    assert_eq!(serde_json::to_value(spec).unwrap(), json!({"rules": [{}]}));
}

#[test]
fn rules_keep_their_order_and_fields_and_leave_the_rest_to_envoy() {
    let bundle = with_rules(
        "{name: one, matches: [{path: {type: Exact, value: /a}, method: GET, headers: [{name: h, value: v}]}], \
          timeouts: {request: 1s}, retry: {attempts: 2}, sessionPersistence: {sessionName: s}}, \
         {filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 8080}}}, \
                    {type: RequestHeaderModifier, requestHeaderModifier: {remove: [x]}}]}",
        "",
    );
    let gateway = &bundle.gateways[0];
    assert_eq!(
        first(&bundle),
        json!({"name": "one", "matches": [{"path": {"type": "Exact", "value": "/a"}, "method": "GET",
               "headers": [{"name": "h", "value": "v"}]}]})
    );
    assert_eq!(
        serde_json::to_value(&gateway.route_match.routes[0].spec.rules[1]).unwrap(),
        json!({"filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}]})
    );
    let native: Vec<_> = gateway
        .rules
        .iter()
        .map(|one| (one.name.as_str(), one.rule, one.native.features()))
        .collect();
    assert_eq!(
        native,
        [
            ("r", 0, vec!["retry", "sessionPersistence", "timeouts"]),
            ("r", 1, vec!["RequestMirror"])
        ]
    );
    assert_eq!(gateway.backends.len(), 1, "that of the mirror");
}

#[test]
fn a_mirror_that_leads_nowhere_is_dropped() {
    let bundle = with_rules(
        "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: gone, port: 1}}}], \
          backendRefs: [{name: web, port: 8080}]}",
        "",
    );
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:18: HTTPRoute infra/r: ResolvedRefs=False BackendNotFound: there is no Service infra/gone"
        ]
    );
    assert_eq!(first(&bundle)["backendRefs"][0]["invalid"], Value::Null);
}

#[test]
fn cookies_of_a_route_filter_are_anded_with_every_match() {
    let cookies = "{matches: [{cookies: [{name: a, value: b}]}, {cookies: [{type: RegularExpression, name: c, value: d+}]}]}";
    let one = json!([{"name": "a", "value": "b"}]);
    let other = json!([{"type": "RegularExpression", "name": "c", "value": "d+"}]);
    let x = json!({"type": "PathPrefix", "value": "/x"});
    let bundle = with_rules(
        &format!(
            "{{matches: [{{path: {{type: PathPrefix, value: /x}}}}, {{method: PUT}}], filters: [{EXTENSION}]}}"
        ),
        &filter(cookies),
    );
    assert_eq!(
        first(&bundle),
        json!({"matches": [{"path": x, "cookies": one}, {"path": x, "cookies": other},
                           {"method": "PUT", "cookies": one}, {"method": "PUT", "cookies": other}]})
    );
    let bundle = with_rules(&format!("{{filters: [{EXTENSION}]}}"), &filter(cookies));
    let root = json!({"type": "PathPrefix", "value": "/"});
    assert_eq!(
        first(&bundle),
        json!({"matches": [{"path": root, "cookies": one}, {"path": root, "cookies": other}]})
    );
}

#[test]
fn a_regex_rewrite_joins_the_rewrite_of_the_rule() {
    let regex = "{urlRewrite: {path: {type: ReplaceRegexMatch, replaceRegexMatch: {pattern: a, substitution: b}}}}";
    let host = "{type: URLRewrite, urlRewrite: {hostname: h.com}}";
    let bundle = with_rules(
        &format!("{{filters: [{EXTENSION}, {host}]}}"),
        &filter(regex),
    );
    assert_eq!(
        first(&bundle),
        json!({"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "h.com", "path":
            {"type": "ReplaceRegexMatch", "replaceRegexMatch": {"pattern": "a", "substitution": "b"}}}}]})
    );
    let path =
        "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /}}}";
    let bundle = with_rules(
        &format!("{{filters: [{path}, {EXTENSION}]}}"),
        &filter(regex),
    );
    assert_eq!(first(&bundle), error());
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:18: HTTPRoute infra/r: Accepted=False UnsupportedValue: a rule rewrites the host or the path once only"
        ]
    );
}

#[test]
fn a_direct_response_has_its_body_inline_or_from_a_config_map() {
    let rule = format!("{{filters: [{EXTENSION}]}}");
    let response = |spec: &str, rest: &str| {
        let bundle = with_rules(&rule, &format!("{}{rest}", filter(spec)));
        (
            first(&bundle)["filters"][0]["directResponse"].clone(),
            lines(&bundle),
        )
    };
    assert_eq!(
        response("{directResponse: {statusCode: 401, contentType: text/plain, body: {inline: no}, header: {set: [{name: a, value: b}]}}}", "").0,
        json!({"statusCode": 401, "contentType": "text/plain", "body": "no", "header": {"set": [{"name": "a", "value": "b"}]}})
    );
    let by_reference = "{directResponse: {body: {type: ValueRef, valueRef: {group: '', kind: ConfigMap, name: c}}}}";
    let map = |data: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c, namespace: infra}}\ndata: {data}\n"
        )
    };
    let both = map("{a: first, response.body: named}");
    assert_eq!(response(by_reference, &both).0, json!({"body": "named"}));
    assert_eq!(
        response(by_reference, &map("{other: only}")).0,
        json!({"body": "only"})
    );
    let (gone, lines) = response(by_reference, "");
    assert_eq!(gone, json!({"statusCode": 500}));
    assert_eq!(
        lines,
        [
            "m.yaml:18: HTTPRoute infra/r: ResolvedRefs=False UnsupportedValue: there is no ConfigMap infra/c"
        ]
    );
}

#[test]
fn a_rule_whose_filter_cannot_be_had_answers_500() {
    let rule = format!("{{filters: [{EXTENSION}], backendRefs: [{{name: web, port: 8080}}]}}");
    let refused = |spec: Option<&str>| {
        let bundle = with_rules(&rule, &spec.map(filter).unwrap_or_default());
        assert_eq!(first(&bundle), error());
        let [line] = lines(&bundle).try_into().unwrap();
        line.strip_prefix("m.yaml:18: HTTPRoute infra/r: ")
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        refused(None),
        "ResolvedRefs=False UnsupportedValue: there is no filter HTTPRouteFilter infra/f"
    );
    assert_eq!(
        refused(Some("{urlRewrite: {hostname: {type: Backend}}}")),
        "Accepted=False UnsupportedValue: urlRewrite.hostname of type Backend is not supported"
    );
    let bundle = with_rules(&rule.replace(EXTENSION, "{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: web, port: 8080}}}"), "");
    assert_eq!(first(&bundle), error());
}

#[test]
fn a_filter_that_a_backend_cannot_have_makes_it_invalid() {
    let bundle = with_rules(
        &format!("{{backendRefs: [{{name: web, port: 8080, filters: [{EXTENSION}]}}]}}"),
        &filter("{}"),
    );
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:18: HTTPRoute infra/r: Accepted=False UnsupportedValue: a filter of type ExtensionRef is not supported here"
        ]
    );
    assert_eq!(
        first(&bundle)["backendRefs"][0]["invalid"],
        "UnsupportedValue"
    );
}
