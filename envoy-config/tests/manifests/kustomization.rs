//! What a bundle is written as.

mod folder;
mod policies;

use super::{OPEN, http_route, route};
use gateway_bundle::{
    CodeSource, Kustomization, KustomizeOptions, Manifests, ServiceName, bundle, kustomize,
};
use serde_json::{Value, json};

/// What is written for these texts.
#[track_caller]
fn written_as(texts: &[&str], options: &KustomizeOptions) -> Kustomization {
    let manifests = Manifests::parse("m.yaml", &texts.concat()).unwrap();
    kustomize(&manifests, &bundle(&manifests), options)
}

#[track_caller]
fn written(texts: &[&str]) -> Kustomization {
    written_as(texts, &KustomizeOptions::default())
}

/// An object by kind and name.
#[track_caller]
fn object<'k>(written: &'k Kustomization, kind: &str, name: &str) -> &'k Value {
    let mut objects = written.objects.iter();
    let found = objects.find(|object| object.kind() == kind && object.name() == name);
    &found
        .unwrap_or_else(|| panic!("no {kind} {name} among {:?}", names(written)))
        .value
}

/// `Kind namespace/name` of all objects.
fn names(written: &Kustomization) -> Vec<String> {
    let objects = written.objects.iter();
    let name = |object: &gateway_bundle::WrittenObject| {
        format!("{} {}/{}", object.kind(), object.namespace(), object.name())
    };
    objects.map(name).collect()
}

fn reported(written: &Kustomization) -> Vec<String> {
    let entries = written.report.entries.iter();
    entries.map(ToString::to_string).collect()
}

/// The header matches of each rule of an HTTPRoute, and its one backend.
fn dispatches(route: &Value) -> Vec<(Value, Value)> {
    let rules = route["spec"]["rules"].as_array().unwrap();
    let one = |rule: &Value| {
        assert_eq!(rule["matches"].as_array().unwrap().len(), 1);
        assert_eq!(rule["backendRefs"].as_array().unwrap().len(), 1);
        (
            rule["matches"][0]["headers"].clone(),
            rule["backendRefs"][0].clone(),
        )
    };
    rules.iter().map(one).collect()
}

fn services(count: usize) -> String {
    let service = |number: usize| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: s{number}, namespace: infra}}\n\
             spec: {{ports: [{{port: 80}}]}}\n---\n"
        )
    };
    (0..count).map(service).collect()
}

#[test]
fn a_gateway_has_filters_an_entry_and_a_dispatch_to_each_backend() {
    let route = http_route(
        "r",
        "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}",
    );
    let written = written(&[OPEN, &route]);
    assert_eq!(reported(&written), [""; 0]);
    assert_eq!(
        names(&written),
        [
            "HTTPRouteFilter infra/gw-host",
            "HTTPRoute infra/gw-dispatch",
            "HTTPRouteFilter infra/gw-undecided",
            "HTTPRoute infra/gw-entry",
            "EnvoyExtensionPolicy infra/gw-filters",
            "ClientTrafficPolicy infra/gw-owned-headers",
            "Gateway infra/gw",
            "Service infra/web",
        ]
    );
    let backend = json!({"name": "web", "namespace": "infra", "port": 8080});
    let header = json!([{"name": "x-gateway-backend", "value": "infra/web:8080"}]);
    assert_eq!(
        dispatches(object(&written, "HTTPRoute", "gw-dispatch")),
        [(header, backend.clone())]
    );
    let parent = json!([{"group": "gateway.networking.k8s.io", "kind": "Gateway",
        "namespace": "infra", "name": "gw", "sectionName": "http"}]);
    for route in ["gw-dispatch", "gw-entry"] {
        assert_eq!(
            object(&written, "HTTPRoute", route)["spec"]["parentRefs"],
            parent
        );
    }
    let entry = &object(&written, "HTTPRoute", "gw-entry")["spec"]["rules"];
    assert_eq!(
        entry[0]["filters"][0]["extensionRef"]["name"],
        "gw-undecided"
    );
    let upgrade =
        json!([{"name": "upgrade", "type": "RegularExpression", "value": "(?i)websocket"}]);
    assert_eq!(
        entry[1],
        json!({"matches": [{"headers": upgrade}], "backendRefs": [backend]})
    );
    let filters = object(&written, "EnvoyExtensionPolicy", "gw-filters");
    let target = json!([{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}]);
    assert_eq!(filters["spec"]["targetRefs"], target);
    let filter = &filters["spec"]["wasm"][0];
    assert_eq!(
        (&filter["name"], &filter["rootID"]),
        (&json!("gateway"), &json!("gateway"))
    );
    let stages: Vec<&String> = filter["config"].as_object().unwrap().keys().collect();
    assert_eq!(stages, ["routes"]);
    let removed = object(&written, "ClientTrafficPolicy", "gw-owned-headers");
    assert_eq!(
        removed["spec"]["headers"]["earlyRequestHeaders"]["remove"],
        json!(["x-gateway-backend", "x-gateway-host", "x-gateway-route"])
    );
}

#[test]
fn what_a_rule_leaves_to_envoy_is_dispatched_apart() {
    let route = http_route(
        "a.b",
        "{parentRefs: [{name: gw}], rules: [\
          {backendRefs: [{name: web, port: 8080}]}, \
          {matches: [{path: {value: /slow}}], timeouts: {request: 3s, backendRequest: 2s}, \
           filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 8080}, percent: 5}}], \
           backendRefs: [{name: web, port: 8080}]}]}",
    );
    let written = written(&[OPEN, &route]);
    let dispatch = object(&written, "HTTPRoute", "gw-dispatch");
    let headers: Vec<Value> = dispatches(dispatch)
        .into_iter()
        .map(|(one, _)| one)
        .collect();
    let backend = json!({"name": "x-gateway-backend", "value": "infra/web:8080"});
    let of_rule = json!({"name": "x-gateway-route", "type": "RegularExpression",
        "value": r"httproute/infra/a\.b/rule/1/.*"});
    assert_eq!(headers, [json!([backend]), json!([backend, of_rule])]);
    let slow = &dispatch["spec"]["rules"][1];
    assert_eq!(
        slow["timeouts"],
        json!({"request": "3s", "backendRequest": "2s"})
    );
    assert_eq!(
        slow["filters"][0]["requestMirror"],
        json!({"backendRef": {"name": "web", "namespace": "infra", "port": 8080}, "percent": 5})
    );
}

#[test]
fn more_than_16_backends_need_more_than_one_route() {
    let backends: Vec<String> = (0..40)
        .map(|number| format!("{{matches: [{{path: {{value: /{number}}}}}], backendRefs: [{{name: s{number}, port: 80}}]}}"))
        .collect();
    let routes: Vec<String> = backends
        .chunks(16)
        .enumerate()
        .map(|(number, rules)| {
            let spec = format!(
                "{{parentRefs: [{{name: gw}}], rules: [{}]}}",
                rules.join(", ")
            );
            http_route(&format!("r{number}"), &spec)
        })
        .collect();
    let written = written(&[OPEN, &services(40), &routes.concat()]);
    let rules = ["gw-dispatch", "gw-dispatch-2", "gw-dispatch-3"]
        .map(|name| dispatches(object(&written, "HTTPRoute", name)).len());
    assert_eq!(rules, [16, 16, 8]);
}

#[test]
fn backends_of_grpc_routes_are_spoken_to_in_the_clients_protocol() {
    let grpc = route(
        "GRPCRoute",
        "g",
        "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}",
    );
    let written = written(&[OPEN, &grpc]);
    assert_eq!(
        dispatches(object(&written, "HTTPRoute", "gw-dispatch-grpc")).len(),
        1
    );
    let policy = object(&written, "BackendTrafficPolicy", "gw-dispatch-grpc");
    assert_eq!(policy["spec"]["useClientProtocol"], true);
    assert_eq!(policy["spec"]["targetRefs"][0]["name"], "gw-dispatch-grpc");
    assert!(!names(&written).contains(&"GRPCRoute infra/g".to_owned()));
}

#[test]
fn the_module_comes_from_where_one_says() {
    let route = http_route(
        "r",
        "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}",
    );
    let given = "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyExtensionPolicy
metadata: {name: given, namespace: infra}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  wasm: [{name: gateway, failOpen: true, code: {type: Image, image: {url: r/gateway}}}]
";
    let code = |url: Option<&str>| {
        let code = url.map(|url| CodeSource {
            url: url.to_owned(),
        });
        let options = KustomizeOptions {
            code,
            ..KustomizeOptions::default()
        };
        let written = written_as(&[OPEN, &route, given], &options);
        let entry = &object(&written, "EnvoyExtensionPolicy", "gw-filters")["spec"]["wasm"][0];
        assert_eq!(entry["failOpen"], true);
        // Nothing would keep a WebSocket from the backend of such a rule.
        let rules = &object(&written, "HTTPRoute", "gw-entry")["spec"]["rules"];
        assert_eq!(rules.as_array().unwrap().len(), 1);
        entry["code"].clone()
    };
    assert_eq!(
        code(Some("oci://ghcr.io/acme/{name}:1")),
        json!({"type": "Image", "image": {"url": "ghcr.io/acme/gateway:1"}})
    );
    assert_eq!(
        code(Some("https://example.com/filter.wasm")),
        json!({"type": "HTTP", "http": {"url": "https://example.com/filter.wasm"}})
    );
    assert_eq!(
        code(None),
        json!({"type": "Image", "image": {"url": "r/gateway"}})
    );
}

#[test]
fn chosen_routes_are_decided_by_the_filters_and_the_others_stay() {
    let spec = |host: &str| {
        format!(
            "{{parentRefs: [{{name: gw}}], {host} rules: [{{backendRefs: [{{name: web, port: 8080}}]}}]}}"
        )
    };
    let [chosen, other] = [
        http_route("chosen", &spec("hostnames: [a.example],")),
        http_route("other", &spec("")),
    ];
    let only = |name: &str| KustomizeOptions {
        routes: [format!("infra/{name}")].into(),
        ..KustomizeOptions::default()
    };
    let written = written_as(&[OPEN, &chosen, &other], &only("chosen"));
    assert_eq!(reported(&written), [""; 0]);
    object(&written, "HTTPRoute", "other");
    for route in ["gw-dispatch", "gw-entry"] {
        let spec = &object(&written, "HTTPRoute", route)["spec"];
        assert_eq!(spec["hostnames"], json!(["a.example"]));
    }
    let policy = &object(&written, "EnvoyExtensionPolicy", "gw-filters")["spec"];
    let targets: Vec<&str> = policy["targetRefs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| target["name"].as_str().unwrap())
        .collect();
    assert_eq!(targets, ["gw-dispatch", "gw-entry"]);
    let routes = policy["wasm"][0]["config"]["routes"]["routes"]
        .as_array()
        .unwrap();
    assert_eq!(routes.len(), 1);

    let written = written_as(&[OPEN, &chosen, &other], &only("other"));
    assert_eq!(
        reported(&written),
        [
            "m.yaml:23: HTTPRoute infra/other: a route that is decided by the filters while others \
          are not needs hostnames of its own"
        ]
    );
}

#[test]
fn the_service_that_counts_has_a_route_for_its_cluster() {
    let limit = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: BackendTrafficPolicy\n\
                 metadata: {name: b, namespace: infra}\nspec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], \
                 rateLimit: {global: {rules: [{limit: {requests: 1, unit: Hour}}]}}}\n---\n";
    let route = http_route(
        "r",
        "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}",
    );
    let options = KustomizeOptions {
        rate_limit_service: Some(ServiceName {
            namespace: "limits".into(),
            name: "rls".into(),
            port: 8081,
        }),
        ..KustomizeOptions::default()
    };
    assert_eq!(
        reported(&written(&[OPEN, &route, limit])),
        [
            "m.yaml:2: Gateway infra/gw: its global limits are counted by a service in cluster \
          `ratelimit`, which Envoy Gateway has not: name the service (--rate-limit-service)"
        ]
    );
    let written = written_as(&[OPEN, &route, limit], &options);
    assert_eq!(reported(&written), [""; 0]);
    let callout = object(&written, "HTTPRoute", "gw-rate-limit-service");
    assert_eq!(
        dispatches(callout),
        [(
            json!([{"name": "x-gateway-backend", "value": "limits/rls:8081"}]),
            json!({"name": "rls", "namespace": "limits", "port": 8081})
        )]
    );
    let grant = object(&written, "ReferenceGrant", "gw-rate-limit-service");
    assert_eq!(grant["metadata"]["namespace"], "limits");
    let policy = &object(&written, "EnvoyExtensionPolicy", "gw-filters")["spec"]["wasm"];
    assert_eq!(
        policy[0]["config"]["limits"]["service"]["cluster"],
        "httproute/infra/gw-rate-limit-service/rule/0"
    );
}

#[test]
fn a_route_stays_for_the_parents_that_are_not_among_the_manifests() {
    let spec = "{parentRefs: [{name: gw}, {name: elsewhere}], rules: [{backendRefs: [{name: web, port: 8080}]}]}";
    let written = written(&[OPEN, &http_route("r", spec)]);
    let kept = object(&written, "HTTPRoute", "r");
    assert_eq!(kept["spec"]["parentRefs"], json!([{"name": "elsewhere"}]));
}

#[test]
fn a_name_that_is_taken_is_told_with_its_line() {
    let route = http_route(
        "r",
        "{parentRefs: [{name: gw}], rules: [{backendRefs: [{name: web, port: 8080}]}]}",
    );
    let taken = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: HTTPRouteFilter\n\
                 metadata: {name: gw-host, namespace: infra}\nspec: {directResponse: {statusCode: 404}}\n---\n";
    let written = written(&[OPEN, &route, taken]);
    assert_eq!(
        reported(&written),
        [
            "m.yaml:22: HTTPRouteFilter infra/gw-host: HTTPRouteFilter infra/gw-host is an object of the \
          bundle: two cannot have this name"
        ]
    );
}
