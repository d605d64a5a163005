//! What becomes of the policies.

use super::{dispatches, object, reported, written};
use crate::{OPEN, http_route, route};
use serde_json::json;

/// A policy in namespace `infra`: four lines.
fn policy(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: {kind}\n\
         metadata: {{name: {name}, namespace: infra}}\nspec: {spec}\n---\n"
    )
}

const WEB: &str = "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}";

/// `targetRefs` for an object of the Gateway API.
fn to(kind: &str, name: &str) -> String {
    format!("targetRefs: [{{group: gateway.networking.k8s.io, kind: {kind}, name: {name}}}]")
}

#[test]
fn a_policy_of_a_route_goes_to_its_dispatch_without_its_limits() {
    let limit = "rateLimit: {local: {rules: [{limit: {requests: 1, unit: Hour}}]}}";
    let spec = format!(
        "{{{}, {limit}, circuitBreaker: {{maxConnections: 3}}}}",
        to("HTTPRoute", "r")
    );
    let written = written(&[
        OPEN,
        &http_route("r", WEB),
        &http_route("other", WEB),
        &policy("BackendTrafficPolicy", "b", &spec),
    ]);
    assert_eq!(reported(&written), [""; 0]);
    let policy = &object(&written, "BackendTrafficPolicy", "b")["spec"];
    assert_eq!(policy["circuitBreaker"], json!({"maxConnections": 3}));
    assert_eq!(policy.get("rateLimit"), None);
    assert_eq!(policy["targetRefs"][0]["name"], "gw-dispatch-of-r");
    let headers = |name: &str| {
        let dispatches = dispatches(object(&written, "HTTPRoute", name));
        dispatches[0].0.as_array().unwrap().len()
    };
    assert_eq!(
        (headers("gw-dispatch-of-r"), headers("gw-dispatch")),
        (2, 1)
    );
    let filters = &object(&written, "EnvoyExtensionPolicy", "gw-filters")["spec"]["wasm"];
    assert!(filters[0]["config"]["limits"].is_object());
}

#[test]
fn a_policy_of_a_rule_goes_to_what_dispatches_for_that_rule() {
    let rules = "{parentRefs: [{name: gw}], rules: [\
        {name: one, backendRefs: [{name: web, port: 8080}]}, \
        {name: two, matches: [{path: {value: /two}}], backendRefs: [{name: web, port: 8080}]}]}";
    let spec = "{targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r, sectionName: two}], \
                 timeout: {http: {requestTimeout: 3s}}}";
    let written = written(&[
        OPEN,
        &http_route("r", rules),
        &policy("BackendTrafficPolicy", "b", spec),
    ]);
    let policy = &object(&written, "BackendTrafficPolicy", "b")["spec"];
    assert_eq!(
        policy["targetRefs"],
        json!([{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute",
                "name": "gw-dispatch-of-r", "sectionName": "two"}])
    );
    let names: Vec<_> = object(&written, "HTTPRoute", "gw-dispatch-of-r")["spec"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["name"].clone())
        .collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn a_policy_of_a_grpc_route_keeps_the_clients_protocol() {
    let spec = format!(
        "{{{}, circuitBreaker: {{maxConnections: 3}}}}",
        to("GRPCRoute", "g")
    );
    let written = written(&[
        OPEN,
        &route("GRPCRoute", "g", WEB),
        &policy("BackendTrafficPolicy", "b", &spec),
    ]);
    let policy = &object(&written, "BackendTrafficPolicy", "b-grpc")["spec"];
    assert_eq!(policy["useClientProtocol"], true);
    assert_eq!(policy["targetRefs"][0]["name"], "gw-dispatch-grpc-of-g");
}

/// Two rules with retries.
const RETRIED: &str = "{parentRefs: [{name: gw}], rules: [\
    {retry: {}, backendRefs: [{name: web, port: 8080}]}, \
    {matches: [{path: {value: /two}}], timeouts: {request: 3s, backendRequest: 1s}, \
     retry: {attempts: 3, codes: [500], backoff: 10ms}, backendRefs: [{name: web, port: 8080}]}]}";

#[test]
fn retries_of_a_rule_are_a_policy_on_its_dispatch() {
    let written = written(&[OPEN, &http_route("r", RETRIED)]);
    assert_eq!(reported(&written), [""; 0]);
    let policy = |name| &object(&written, "BackendTrafficPolicy", name)["spec"];
    let triggers = [
        "connect-failure",
        "refused-stream",
        "unavailable",
        "cancelled",
        "retriable-status-codes",
        "reset",
    ];
    let on = |code: u16| json!({"triggers": triggers, "httpStatusCodes": [code]});
    assert_eq!(
        policy("gw-dispatch-retry-0-of-r")["retry"],
        json!({"retryOn": on(503)})
    );
    let second = policy("gw-dispatch-retry-1-of-r");
    assert_eq!(
        second["retry"],
        json!({"retryOn": on(500), "numRetries": 3,
            "perRetry": {"timeout": "1s", "backOff": {"baseInterval": "10ms"}}})
    );
    assert_eq!(second["mergeType"], "StrategicMerge");
    assert_eq!(
        second["targetRefs"],
        json!([{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute",
                "name": "gw-dispatch-retry-1-of-r"}])
    );
    // A `retry` of the rule would be heard in place of the policy's.
    let rules = &object(&written, "HTTPRoute", "gw-dispatch-retry-1-of-r")["spec"]["rules"];
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert_eq!(rules[0].get("retry"), None);
    assert_eq!(rules[0]["timeouts"], json!({"request": "3s"}));
}

#[test]
fn a_pause_of_zero_is_left_out_as_envoy_gateway_refuses_it() {
    let spec = "{parentRefs: [{name: gw}], rules: [\
        {retry: {backoff: 0ms}, backendRefs: [{name: web, port: 8080}]}]}";
    let written = written(&[OPEN, &http_route("r", spec)]);
    let policy = object(&written, "BackendTrafficPolicy", "gw-dispatch-retry-0-of-r");
    assert_eq!(policy["spec"]["retry"].get("perRetry"), None);
}

#[test]
fn retries_stay_on_the_rule_where_the_route_has_a_policy() {
    let spec = format!(
        "{{{}, circuitBreaker: {{maxConnections: 3}}}}",
        to("HTTPRoute", "r")
    );
    let written = written(&[
        OPEN,
        &http_route("r", RETRIED),
        &policy("BackendTrafficPolicy", "b", &spec),
    ]);
    let rules = &object(&written, "HTTPRoute", "gw-dispatch-of-r")["spec"]["rules"];
    assert_eq!(
        rules[1]["retry"],
        json!({"attempts": 3, "codes": [500], "backoff": "10ms"})
    );
    assert_eq!(
        rules[1]["timeouts"],
        json!({"request": "3s", "backendRequest": "1s"})
    );
    let policies = super::names(&written).into_iter();
    let policies: Vec<_> = policies
        .filter(|name| name.starts_with("BackendTrafficPolicy"))
        .collect();
    assert_eq!(policies, ["BackendTrafficPolicy infra/b"]);
}

#[test]
fn the_cookie_of_a_hash_is_set_by_one_only() {
    let rule = |backends: &str| {
        format!("{{parentRefs: [{{name: gw}}], rules: [{{backendRefs: [{backends}]}}]}}")
    };
    let [web, other] = ["{name: web, port: 8080}", "{name: other, port: 8080}"];
    let hash = "loadBalancer: {type: ConsistentHash, consistentHash: {type: Cookie, cookie: {name: c, ttl: 1h}}}";
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: infra}\n\
                   spec: {ports: [{port: 8080}]}\n---\n";
    let ttl = |backends: &str| {
        let spec = format!("{{{}, {hash}}}", to("HTTPRoute", "r"));
        let route = http_route("r", &rule(backends));
        let written = written(&[
            OPEN,
            service,
            &route,
            &policy("BackendTrafficPolicy", "b", &spec),
        ]);
        let policy = &object(&written, "BackendTrafficPolicy", "b")["spec"];
        let cookie = &policy["loadBalancer"]["consistentHash"]["cookie"];
        assert_eq!(cookie["name"], "c");
        cookie.get("ttl").is_some()
    };
    // With one backend the filter does not decide, and Envoy has to set it.
    assert!(ttl(web));
    assert!(!ttl(&format!("{web}, {other}")));
}

#[test]
fn a_policy_that_only_limits_is_in_the_filters_alone() {
    let limit = "rateLimit: {local: {rules: [{limit: {requests: 1, unit: Hour}}]}}";
    let spec = format!("{{{}, {limit}}}", to("Gateway", "gw"));
    let written = written(&[
        OPEN,
        &http_route("r", WEB),
        &policy("BackendTrafficPolicy", "b", &spec),
    ]);
    assert!(!super::names(&written).contains(&"BackendTrafficPolicy infra/b".to_owned()));
}

#[test]
fn a_clients_policy_takes_the_headers_off_and_keeps_what_it_said() {
    let spec = format!(
        "{{{}, headers: {{enableEnvoyHeaders: true, earlyRequestHeaders: {{remove: [X-Gateway-Host, x-mine]}}}}}}",
        to("Gateway", "gw")
    );
    let written = written(&[
        OPEN,
        &http_route("r", WEB),
        &policy("ClientTrafficPolicy", "c", &spec),
    ]);
    let headers = &object(&written, "ClientTrafficPolicy", "c")["spec"]["headers"];
    assert_eq!(headers["enableEnvoyHeaders"], true);
    assert_eq!(
        headers["earlyRequestHeaders"]["remove"],
        json!([
            "X-Gateway-Host",
            "x-mine",
            "x-gateway-backend",
            "x-gateway-route"
        ])
    );
    let policies = super::names(&written);
    let of_clients = policies
        .iter()
        .filter(|name| name.starts_with("ClientTrafficPolicy"));
    assert_eq!(of_clients.count(), 1);
}

#[test]
fn other_extensions_of_the_gateway_stay_behind_the_filters() {
    let spec = format!(
        "{{{}, wasm: [{{name: mine, code: {{type: Image, image: {{url: r/mine}}}}}}], lua: [{{type: Inline, inline: x}}]}}",
        to("Gateway", "gw")
    );
    let written = written(&[
        OPEN,
        &http_route("r", WEB),
        &policy("EnvoyExtensionPolicy", "e", &spec),
    ]);
    let spec = &object(&written, "EnvoyExtensionPolicy", "gw-filters")["spec"];
    let names = [&spec["wasm"][0]["name"], &spec["wasm"][1]["name"]];
    assert_eq!(names, ["gateway", "mine"]);
    assert_eq!(spec["lua"][0]["inline"], "x");
}

#[test]
fn fail_open_of_a_filter_that_is_a_stage_now_is_told_with_its_line() {
    let spec = |name: &str| {
        format!(
            "{{{},\n  wasm: [{{name: {name},\n    failOpen: true, code: {{type: Image, image: {{url: r/mine}}}}}}]}}",
            to("Gateway", "gw")
        )
    };
    let reported = |name: &str| {
        let extension = policy("EnvoyExtensionPolicy", "e", &spec(name));
        reported(&written(&[OPEN, &http_route("r", WEB), &extension]))
    };
    let [line] = reported("rate-limit").try_into().unwrap();
    assert!(
        line.starts_with(
            "m.yaml:25: EnvoyExtensionPolicy infra/e: failOpen of rate-limit is not carried over"
        ),
        "{line}"
    );
    assert_eq!(reported("mine"), [""; 0]);
}

#[test]
fn what_would_no_longer_be_in_force_is_refused_with_its_line() {
    let extension = format!(
        "{{{}, wasm: [{{name: mine, code: {{type: Image, image: {{url: r/mine}}}}}}]}}",
        to("HTTPRoute", "r")
    );
    let security = format!("{{{}, cors: {{}}}}", to("HTTPRoute", "r"));
    let written = written(&[
        OPEN,
        &http_route("r", WEB),
        &policy("EnvoyExtensionPolicy", "e", &extension),
        &policy("SecurityPolicy", "s", &security),
    ]);
    assert_eq!(
        reported(&written),
        [
            "m.yaml:23: EnvoyExtensionPolicy infra/e: Accepted=False TargetNotFound: HTTPRoute infra/r: \
             the other extensions of this policy do not reach what the filters decide; part it in two, \
             one for the Gateway",
            "m.yaml:28: SecurityPolicy infra/s: Accepted=False TargetNotFound: HTTPRoute infra/r is \
             decided in the filters, where this policy does not reach: let it target the Gateway",
        ]
    );
}

#[test]
fn listeners_that_share_a_port_by_server_name_answer_421() {
    let gateway = OPEN.replace(
        "- {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}",
        "- {name: any, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: c}]}}\n  \
         - {name: one, port: 443, protocol: HTTPS, hostname: a.example, tls: {certificateRefs: [{name: c}]}}",
    );
    let written = written(&[&gateway, &http_route("r", WEB)]);
    let patches = &object(&written, "EnvoyPatchPolicy", "gw-misdirected")["spec"]["jsonPatches"];
    let domains = |index: usize| {
        let patch = &patches[index];
        let host = &patch["operation"]["value"];
        assert_eq!(host["routes"][0]["direct_response"]["status"], 421);
        (patch["name"].clone(), host["domains"].clone())
    };
    assert_eq!(domains(0), (json!("infra/gw/any"), json!(["a.example"])));
    assert_eq!(domains(1), (json!("infra/gw/one"), json!(["*"])));
}

#[test]
fn a_security_policy_that_selects_routes_by_their_labels_is_refused_too() {
    let labelled =
        http_route("r", WEB).replace("namespace: infra}", "namespace: infra, labels: {team: a}}");
    let spec = "{targetSelectors: [{kind: HTTPRoute, matchLabels: {team: a}}], cors: {}}";
    let written = written(&[OPEN, &labelled, &policy("SecurityPolicy", "s", spec)]);
    let [line] = reported(&written).try_into().unwrap();
    assert!(
        line.starts_with("m.yaml:23: SecurityPolicy infra/s: Accepted=False TargetNotFound: HTTPRoute infra/r is decided"),
        "{line}"
    );
}

#[test]
fn native_routes_keep_their_policies_where_others_are_chosen() {
    let chosen = WEB.replace("rules:", "hostnames: [a.example], rules:");
    let limit = |to: &str| {
        format!(
            "{{{to}, rateLimit: {{local: {{rules: [{{limit: {{requests: 1, unit: Hour}}}}]}}}}}}"
        )
    };
    let texts = [
        OPEN.to_owned(),
        http_route("chosen", &chosen),
        http_route("native", WEB),
        policy(
            "BackendTrafficPolicy",
            "a",
            &limit(&to("HTTPRoute", "chosen")),
        ),
        policy(
            "BackendTrafficPolicy",
            "b",
            &limit(&to("HTTPRoute", "native")),
        ),
        policy(
            "SecurityPolicy",
            "s",
            &format!("{{{}, cors: {{}}}}", to("HTTPRoute", "native")),
        ),
    ];
    let options = gateway_bundle::KustomizeOptions {
        routes: ["infra/chosen".to_owned()].into(),
        ..gateway_bundle::KustomizeOptions::default()
    };
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let written = super::written_as(&texts, &options);
    assert_eq!(reported(&written), [""; 0]);
    let kept = &object(&written, "BackendTrafficPolicy", "b")["spec"];
    assert!(kept["rateLimit"].is_object());
    assert!(!super::names(&written).contains(&"BackendTrafficPolicy infra/a".to_owned()));

    let of_gateway = policy("BackendTrafficPolicy", "g", &limit(&to("Gateway", "gw")));
    let texts: Vec<&str> = texts.into_iter().chain([of_gateway.as_str()]).collect();
    let [line] = reported(&super::written_as(&texts, &options))
        .try_into()
        .unwrap();
    assert!(
        line.contains("limits of the Gateway would be counted twice"),
        "{line}"
    );
}
