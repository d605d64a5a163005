//! BackendTrafficPolicies of type `ConsistentHash`.

use super::{GATEWAY, ROUTE, SPLIT, backends, canaries, extension, lines, policy, rules, split};
use gateway_bundle::Manifests;
use serde_json::json;

fn traffic(name: &str, target: &str, rest: &str) -> String {
    let spec = format!("{{targetRefs: [{target}], {rest}}}");
    policy("BackendTrafficPolicy", name, &spec)
}

fn hash(settings: &str) -> String {
    format!("loadBalancer: {{type: ConsistentHash, consistentHash: {{{settings}}}}}")
}

const HEADER: &str = "type: Header, header: {name: x-user}";

#[test]
fn the_keys_of_a_consistent_hash_choose_between_services() {
    for (settings, sticky) in [
        (HEADER, json!({"keys": [{"header": "x-user"}]})),
        (
            "type: Headers, headers: [{name: a}, {name: b}]",
            json!({"keys": [{"header": "a"}, {"header": "b"}]}),
        ),
        (
            "type: QueryParams, queryParams: [{name: id}]",
            json!({"keys": [{"queryParam": "id"}]}),
        ),
        ("type: SourceIP", json!({"keys": [{"sourceAddress": true}]})),
        (
            "type: Cookie, cookie: {name: c}",
            json!({"keys": [{"cookie": "c"}]}),
        ),
        (
            "type: Cookie, cookie: {name: c, ttl: 1h, attributes: {SameSite: Lax, path: /a, Secure: ''}}",
            json!({"cookie": {"name": "c", "maxAge": "1h", "path": "/a", "sameSite": "Lax", "secure": true}}),
        ),
        (
            "type: Cookie, cookie: {name: c, ttl: 0s}",
            json!({"cookie": {"name": "c"}}),
        ),
    ] {
        let bundle = split(
            &format!("{{{SPLIT}}}"),
            &[&traffic("p", ROUTE, &hash(settings))],
        );
        let expected = json!([{
            "name": "infra/p", "targets": rules(&[0]), "header": "x-gateway-backend",
            "backends": backends(), "sticky": sticky,
        }]);
        assert_eq!(canaries(&bundle), expected, "{settings}");
        assert_eq!(
            lines(&bundle),
            [
                "m.yaml:33: BackendTrafficPolicy infra/p: left to Envoy: loadBalancer (within a Service)"
            ]
        );
    }
}

#[test]
fn a_single_service_is_left_to_envoy() {
    for rule in [
        "{backendRefs: [{name: v1, port: 80}]}",
        "{backendRefs: [{name: v1, port: 80}, {name: gone, port: 80}]}",
    ] {
        let bundle = split(rule, &[&traffic("p", ROUTE, &hash(HEADER))]);
        assert_eq!(bundle.gateways[0].canary, None);
    }
}

#[test]
fn the_policy_of_a_route_replaces_its_parent_s_or_is_merged_into_it() {
    let by_source = hash("type: SourceIP");
    let source = json!([{"sourceAddress": true}]);
    let header = json!([{"header": "x-user"}]);
    let merge = "mergeType: StrategicMerge";
    let other = "timeout: {http: {requestTimeout: 1s}}";
    for (own, expected) in [
        (by_source.clone(), source.clone()),
        (format!("{merge}, {by_source}"), source),
        (format!("{merge}, {other}"), header),
        (other.to_owned(), json!(null)),
        (
            format!("{merge}, loadBalancer: {{type: Random}}"),
            json!(null),
        ),
    ] {
        let policies = [
            traffic("gateway", GATEWAY, &hash(HEADER)),
            traffic("route", ROUTE, &own),
        ];
        let bundle = split(&format!("{{{SPLIT}}}"), &[&policies[0], &policies[1]]);
        assert_eq!(canaries(&bundle)[0]["sticky"]["keys"], expected, "{own}");
    }
}

#[test]
fn a_canary_takes_the_keys_unless_it_has_its_own() {
    for (own, expected) in [
        ("", "x-user"),
        (", sticky: {keys: [{header: x-own}]}", "x-own"),
    ] {
        let canary = extension("c", ROUTE, &format!("{{name: shop, canary: v2{own}}}"));
        let traffic = traffic("p", GATEWAY, &hash(HEADER));
        let found = canaries(&split(
            &format!("{{{SPLIT}, sessionPersistence: {{}}}}"),
            &[&canary, &traffic],
        ));
        assert_eq!(found.as_array().unwrap().len(), 1);
        assert_eq!(found[0]["name"], "shop");
        assert_eq!(found[0]["sticky"]["keys"][0]["header"], expected);
        assert_eq!(found[0]["sessionPersistence"]["path"], "/");
    }
}

#[test]
fn an_attribute_that_is_not_set_is_told() {
    let settings = hash("type: Cookie, cookie: {name: c, ttl: 1h, attributes: {Partitioned: ''}}");
    let bundle = split(&format!("{{{SPLIT}}}"), &[&traffic("p", ROUTE, &settings)]);
    let line = "m.yaml:33: BackendTrafficPolicy infra/p: the attribute Partitioned= is not set";
    assert!(
        lines(&bundle).contains(&line.to_owned()),
        "{:?}",
        lines(&bundle)
    );
}

#[test]
fn a_load_balancer_is_checked_as_an_api_server_does() {
    let path = "m.yaml:4: BackendTrafficPolicy infra/p: spec.loadBalancer";
    for (settings, expected) in [
        (
            "{type: ConsistentHash}",
            ": consistentHash belongs to type ConsistentHash",
        ),
        (
            "{type: Random, consistentHash: {type: SourceIP}}",
            ": consistentHash belongs to type ConsistentHash",
        ),
        (
            "{type: ConsistentHash, consistentHash: {type: Header}}",
            ".consistentHash: header belongs to type Header",
        ),
        (
            "{type: ConsistentHash, consistentHash: {type: SourceIP, cookie: {name: c}}}",
            ".consistentHash: cookie belongs to type Cookie",
        ),
        (
            "{type: ConsistentHash, consistentHash: {type: Header, header: {name: a b}}}",
            ".consistentHash.header.name: `a b`: not a name",
        ),
        ("{type: Sticky}", ".type: unknown variant `Sticky`"),
        (
            "{type: Random, zoneAwareness: {}}",
            ".zoneAwareness: unknown field",
        ),
    ] {
        let text = traffic("p", ROUTE, &format!("loadBalancer: {settings}"));
        let errors = Manifests::parse("m.yaml", &text).unwrap_err();
        let message = errors.problems[0].to_string();
        let (place, rest) = message.split_once(": ").unwrap();
        let message = format!("{}: {rest}", place.rsplit_once(':').unwrap().0);
        assert!(
            message.starts_with(&format!("{path}{expected}")),
            "{message}"
        );
    }
}
