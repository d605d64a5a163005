use super::super::skip::reason;
use super::*;
use crate::host::HostKind;

const ROUTE: &str = "kind: HTTPRoute\nmetadata: {namespace: n, name: r}\n\
    spec: {rules: [{matches: [{path: {type: PathPrefix, value: /foo}}, {path: {type: PathPrefix, value: /bar}}]}]}\n";
const POLICY: &str = "kind: SecurityPolicy\nmetadata: {namespace: n, name: p}\nspec:\n  \
    targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]\n  \
    jwt: {providers: [{name: example, remoteJWKS: {uri: 'http://keys/a'}, claimToHeaders: [{claim: name, header: x-name}]}]}\n";

/// A scenario with the file that the policy names.
fn with(route: &str, policy: &str) -> Scenario {
    let cases = format!("files: {{'http://keys/a': jwks.json}}\n{}", one_case(""));
    let dir = folder(&cases, &format!("{route}---\n{policy}"));
    fs::write(dir.path().join("jwks.json"), "{}").unwrap();
    load(dir.path()).unwrap().remove(0)
}

#[test]
fn a_token_is_required_for_the_prefixes_of_the_route() {
    let scenario = with(ROUTE, POLICY);
    let required: Vec<_> = scenario
        .jwt
        .iter()
        .map(|one| {
            (
                one.prefix.as_str(),
                one.provider.as_str(),
                one.jwks.as_str(),
            )
        })
        .collect();
    assert_eq!(
        required,
        [("/foo", "example", "{}"), ("/bar", "example", "{}")]
    );
    assert_eq!(
        scenario.jwt[0].claim_to_headers,
        [("name".to_owned(), "x-name".to_owned())]
    );
    let on = |host| reason(&scenario, &scenario.cases[0], host);
    assert_eq!(on(HostKind::Envoy), None);
    assert!(on(HostKind::Wasmtime).is_none() && on(HostKind::Core).is_some());
}

#[test]
fn what_asks_for_more_is_skipped_everywhere() {
    let route = |from: &str, to: &str| with(&ROUTE.replace(from, to), POLICY);
    let policy = |from: &str, to: &str| with(ROUTE, &POLICY.replace(from, to));
    for scenario in [
        route("PathPrefix, value: /bar", "Exact, value: /bar"),
        route("{rules", "{hostnames: [a.example], rules"),
        route("value: /bar}", "value: /bar}, method: GET"),
        policy("kind: HTTPRoute", "kind: Gateway"),
        policy("http://keys/a", "http://keys/b"),
        policy("{name: example,", "{name: example, issuer: a,"),
    ] {
        assert_eq!(scenario.jwt, []);
        assert!(reason(&scenario, &scenario.cases[0], HostKind::Envoy).is_some());
    }
}
