//! Routes to listeners.

use super::{OPEN, attached, bundled, http_route, lines, route};

/// A Gateway `infra/many` with listeners that differ in what they let in.
const MANY: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: many, namespace: infra}
spec:
  gatewayClassName: any
  listeners:
  - {name: same, port: 80, protocol: HTTP, hostname: '*.same.com'}
  - {name: all, port: 81, protocol: HTTP, hostname: all.com, allowedRoutes: {namespaces: {from: All}}}
  - name: gold
    port: 82
    protocol: HTTP
    hostname: gold.com
    allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {tier: gold}}}}
  - {name: grpc, port: 83, protocol: HTTP, hostname: grpc.com, allowedRoutes: {kinds: [{kind: GRPCRoute}]}}
  - {name: pass, port: 443, protocol: TLS, tls: {mode: Passthrough}}
---
apiVersion: v1
kind: Namespace
metadata: {name: rich, labels: {tier: gold}}
---
";

/// The sections that a route attaches to, or else the line that says why not.
#[track_caller]
fn sections(kind: &str, namespace: &str, parent: &str, rest: &str) -> Result<Vec<String>, String> {
    let spec = format!("{{parentRefs: [{{name: many, namespace: infra{parent}}}]{rest}}}");
    let text = route(kind, "r", &spec).replace(
        "name: r, namespace: infra",
        &format!("name: r, namespace: {namespace}"),
    );
    let bundle = bundled(&[MANY, &text]);
    let section = |name: &String| name.strip_prefix("infra/many/").unwrap().to_owned();
    match attached(&bundle.gateways[0]).as_slice() {
        [(_, names)] => Ok(names.iter().map(section).collect()),
        _ => Err(lines(&bundle).concat()),
    }
}

fn refused(kind: &str, namespace: &str, why: &str) -> Result<Vec<String>, String> {
    Err(format!(
        "m.yaml:25: {kind} {namespace}/r: Accepted=False {why}"
    ))
}

fn some(names: &[&str]) -> Result<Vec<String>, String> {
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

#[test]
fn listeners_let_routes_in_by_namespace_and_kind() {
    assert_eq!(
        sections("HTTPRoute", "infra", "", ""),
        some(&["same", "all"])
    );
    assert_eq!(
        sections("GRPCRoute", "infra", "", ""),
        some(&["same", "all", "grpc"])
    );
    assert_eq!(
        sections("HTTPRoute", "rich", "", ""),
        some(&["all", "gold"])
    );
    assert_eq!(sections("HTTPRoute", "poor", "", ""), some(&["all"]));
    assert_eq!(
        sections("HTTPRoute", "poor", ", sectionName: gold", ""),
        refused(
            "HTTPRoute",
            "poor",
            "NotAllowedByListeners: Gateway infra/many: no listener `gold` allows HTTPRoutes from \
             namespace poor"
        )
    );
    assert_eq!(
        sections("HTTPRoute", "infra", ", sectionName: pass", ""),
        refused(
            "HTTPRoute",
            "infra",
            "NotAllowedByListeners: Gateway infra/many: no listener `pass` allows HTTPRoutes from \
             namespace infra"
        )
    );
}

#[test]
fn section_and_port_choose_the_listeners() {
    assert_eq!(
        sections("HTTPRoute", "infra", ", sectionName: all", ""),
        some(&["all"])
    );
    assert_eq!(
        sections("HTTPRoute", "infra", ", port: 80", ""),
        some(&["same"])
    );
    assert_eq!(
        sections("HTTPRoute", "infra", ", port: 81, sectionName: all", ""),
        some(&["all"])
    );
    let none = |which: &str| {
        refused(
            "HTTPRoute",
            "infra",
            &format!("NoMatchingParent: Gateway infra/many has no listener{which}"),
        )
    };
    assert_eq!(
        sections("HTTPRoute", "infra", ", port: 80, sectionName: all", ""),
        none(" `all` on port 80")
    );
    assert_eq!(
        sections("HTTPRoute", "infra", ", port: 99", ""),
        none(" on port 99")
    );
    assert_eq!(
        sections("HTTPRoute", "infra", ", sectionName: x", ""),
        none(" `x`")
    );
}

#[test]
fn hostnames_must_meet() {
    let on = |hosts: &str| sections("HTTPRoute", "infra", "", &format!(", hostnames: {hosts}"));
    assert_eq!(on("[a.same.com]"), some(&["same"]));
    assert_eq!(on("['*.com']"), some(&["same", "all"]));
    assert_eq!(on("[nowhere.org, all.com]"), some(&["all"]));
    assert_eq!(
        on("[nowhere.org, same.com]"),
        refused(
            "HTTPRoute",
            "infra",
            "NoMatchingListenerHostname: no listener of Gateway infra/many serves nowhere.org, same.com"
        )
    );
}

#[test]
fn a_parent_must_exist_and_be_of_a_kind_that_serves() {
    let bundle = bundled(&[
        &http_route(
            "r",
            "{parentRefs: [{name: gone}, {name: gone, namespace: far}]}",
        ),
        &http_route(
            "mesh",
            "{parentRefs: [{group: '', kind: Service, name: web}]}",
        ),
    ]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:4: HTTPRoute infra/r: Accepted=False NoMatchingParent: there is no Gateway infra/gone",
            "m.yaml:4: HTTPRoute infra/r: Accepted=False NoMatchingParent: there is no Gateway far/gone",
            "m.yaml:9: HTTPRoute infra/mesh: a parent of kind Service is not served here",
        ]
    );
}

#[test]
fn of_an_http_and_a_grpc_route_for_one_host_the_older_is_accepted() {
    let aged = |kind: &str, name: &str, created: &str, host: &str| {
        let text = route(
            kind,
            name,
            &format!("{{parentRefs: [{{name: gw}}], hostnames: [{host}]}}"),
        );
        text.replace(
            "namespace: infra}",
            &format!("namespace: infra, creationTimestamp: \"{created}\"}}"),
        )
    };
    let bundle = bundled(&[
        OPEN,
        &aged("HTTPRoute", "young", "2021-01-01T00:00:00Z", "'*.a.com'"),
        &aged("GRPCRoute", "old", "2020-12-31T23:00:00-02:00", "x.a.com"),
        &aged("GRPCRoute", "older", "2020-01-01T00:00:00Z", "y.a.com"),
        &aged("GRPCRoute", "apart", "2022-01-01T00:00:00Z", "b.com"),
    ]);
    let names: Vec<String> = attached(&bundle.gateways[0])
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["infra/old", "infra/older", "infra/apart"]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:18: HTTPRoute infra/young: Accepted=False HostnameConflict: GRPCRoute infra/older \
          serves the same hostnames on the same listener and comes first"
        ]
    );
    let created = bundle.gateways[0].route_match.routes[0]
        .metadata
        .creation_timestamp
        .as_deref();
    assert_eq!(created, Some("2021-01-01T01:00:00Z"), "in UTC");
}

#[test]
fn without_timestamps_the_name_decides() {
    let spec = "{parentRefs: [{name: gw}]}";
    let bundle = bundled(&[
        OPEN,
        &route("HTTPRoute", "b", spec),
        &route("GRPCRoute", "a", spec),
    ]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:18: HTTPRoute infra/b: Accepted=False HostnameConflict: GRPCRoute infra/a serves \
          the same hostnames on the same listener and comes first"
        ]
    );
}

#[test]
fn two_parent_refs_to_one_gateway_are_one_attachment() {
    let spec = "{parentRefs: [{name: many, sectionName: all}, {name: many, sectionName: same}]}";
    let bundle = bundled(&[MANY, &http_route("r", spec)]);
    let names = ["infra/many/same".to_owned(), "infra/many/all".to_owned()];
    assert_eq!(
        attached(&bundle.gateways[0]),
        [("infra/r".to_owned(), names.to_vec())]
    );
}
