//! Listeners of Gateways and ListenerSets, and their conflicts.

use super::{attached, bundled, http_route, lines};
use gateway_bundle::ListenerInfo;

/// A Gateway `infra/gw` with these listeners and allowedListeners.
fn gateway(listeners: &[&str], allowed: &str) -> String {
    let listeners = listeners.join("\n  - ");
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n\
         metadata: {{name: gw, namespace: infra}}\n\
         spec:\n  gatewayClassName: any\n  allowedListeners: {{namespaces: {allowed}}}\n  \
         listeners:\n  - {listeners}\n---\n"
    )
}

/// A ListenerSet of that Gateway.
fn set(namespace: &str, name: &str, created: &str, listeners: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\n\
         metadata: {{name: {name}, namespace: {namespace}, creationTimestamp: \"{created}\"}}\n\
         spec: {{parentRef: {{name: gw, namespace: infra}}, listeners: [{listeners}]}}\n---\n"
    )
}

const OLD: &str = "2020-01-01T00:00:00Z";
const NEW: &str = "2021-01-01T00:00:00Z";

#[test]
fn the_listeners_that_carry_http_are_listed() {
    let text = gateway(
        &[
            "{name: web, port: 80, protocol: HTTP, hostname: '*.a.com'}",
            "{name: safe, port: 443, protocol: HTTPS}",
            "{name: raw, port: 443, protocol: TLS, hostname: b.com, tls: {mode: Passthrough}}",
            "{name: tcp, port: 90, protocol: TCP}",
        ],
        "{from: None}",
    );
    let bundle = bundled(&[&text]);
    let listener =
        |section: &str, port, protocol: &str, hostname: Option<&str>, tls| ListenerInfo {
            name: format!("infra/gw/{section}"),
            section: section.to_owned(),
            port,
            protocol: protocol.to_owned(),
            hostname: hostname.map(str::to_owned),
            tls,
            certificates: Vec::new(),
            trusted_hops: 0,
            removed_request_headers: Vec::new(),
        };
    assert_eq!(
        bundle.gateways[0].listeners,
        [
            listener("web", 80, "HTTP", Some("*.a.com"), false),
            listener("safe", 443, "HTTPS", None, true)
        ]
    );
    assert!(bundle.report.entries.is_empty(), "{}", bundle.report);
}

#[test]
fn equal_hostnames_on_a_port_conflict_and_neither_is_served() {
    let text = gateway(
        &[
            "{name: one, port: 80, protocol: HTTP, hostname: a.com}",
            "{name: two, port: 80, protocol: HTTP, hostname: a.com}",
            "{name: other, port: 80, protocol: HTTP}",
        ],
        "{from: None}",
    );
    let bundle = bundled(&[
        &text,
        &http_route("r", "{parentRefs: [{name: gw, sectionName: one}]}"),
    ]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:8: Gateway infra/gw: Conflicted=True HostnameConflict: listener one on port 80: \
             another listener on this port has the same hostname",
            "m.yaml:9: Gateway infra/gw: Conflicted=True HostnameConflict: listener two on port 80: \
             another listener on this port has the same hostname",
            "m.yaml:15: HTTPRoute infra/r: Accepted=False NoMatchingParent: Gateway infra/gw: its \
             listeners are in conflict with others",
        ]
    );
    assert_eq!(bundle.gateways[0].listeners.len(), 1);
}

#[test]
fn different_protocols_on_a_port_conflict() {
    let text = gateway(
        &[
            "{name: web, port: 80, protocol: HTTP}",
            "{name: tcp, port: 80, protocol: TCP}",
            "{name: udp, port: 80, protocol: UDP}",
        ],
        "{from: None}",
    );
    assert_eq!(
        lines(&bundled(&[&text])),
        [
            "m.yaml:8: Gateway infra/gw: Conflicted=True ProtocolConflict: listener web on port 80: \
             another listener on this port speaks another protocol",
            "m.yaml:9: Gateway infra/gw: Conflicted=True ProtocolConflict: listener tcp on port 80: \
             another listener on this port speaks another protocol",
        ]
    );
}

#[test]
fn a_gateway_goes_before_its_listener_sets_and_the_older_of_those_before_the_newer() {
    let bundle = bundled(&[
        &gateway(
            &["{name: l, port: 80, protocol: HTTP, hostname: a.com}"],
            "{from: Same}",
        ),
        &set(
            "infra",
            "a",
            NEW,
            "{name: l, port: 80, protocol: HTTP, hostname: b.com}",
        ),
        &set(
            "infra",
            "b",
            OLD,
            "{name: l, port: 80, protocol: HTTP, hostname: b.com}",
        ),
        &set(
            "infra",
            "c",
            OLD,
            "{name: l, port: 80, protocol: HTTP, hostname: a.com}",
        ),
        &set(
            "infra",
            "d",
            OLD,
            "{name: l, port: 80, protocol: HTTPS, hostname: c.com}",
        ),
    ]);
    let names: Vec<&str> = bundle.gateways[0]
        .listeners
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["infra/gw/l", "infra/gw/infra/b/l"]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:13: ListenerSet infra/a: Conflicted=True HostnameConflict: listener l on port \
             80: another listener on this port has the same hostname",
            "m.yaml:23: ListenerSet infra/c: Conflicted=True HostnameConflict: listener l on port \
             80: another listener on this port has the same hostname",
            "m.yaml:28: ListenerSet infra/d: Conflicted=True ProtocolConflict: listener l on port \
             80: another listener on this port speaks another protocol",
        ]
    );
}

#[test]
fn a_gateway_admits_listener_sets_by_namespace() {
    let own = "{name: l, port: 80, protocol: HTTP}";
    let sets = [
        set("infra", "near", OLD, "{name: l, port: 81, protocol: HTTP}"),
        set("far", "far", OLD, "{name: l, port: 82, protocol: HTTP}"),
    ]
    .concat();
    let ports = |allowed: &str| {
        let bundle = bundled(&[&gateway(&[own], allowed), &sets]);
        let ports = bundle.gateways[0]
            .listeners
            .iter()
            .map(|listener| listener.port);
        (ports.collect::<Vec<u16>>(), lines(&bundle))
    };
    let refused = |line: usize, name: &str| {
        format!(
            "m.yaml:{line}: ListenerSet {name}: Accepted=False NotAllowed: Gateway infra/gw does \
             not allow ListenerSets of this namespace"
        )
    };
    let none = vec![refused(13, "infra/near"), refused(18, "far/far")];
    assert_eq!(ports("{}"), (vec![80], none.clone()));
    assert_eq!(ports("{from: None}"), (vec![80], none));
    assert_eq!(
        ports("{from: Same}"),
        (vec![80, 81], vec![refused(18, "far/far")])
    );
    assert_eq!(ports("{from: All}").0, [80, 82, 81]);
    let far = "{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: far}}}";
    assert_eq!(ports(far), (vec![80, 82], vec![refused(13, "infra/near")]));
}

#[test]
fn a_listener_set_needs_its_gateway_and_its_routes_need_it() {
    let bundle = bundled(&[
        &set("infra", "s", OLD, "{name: l, port: 80, protocol: HTTP}"),
        &http_route("r", "{parentRefs: [{kind: ListenerSet, name: s}]}"),
    ]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:4: ListenerSet infra/s: Accepted=False ParentNotAccepted: there is no Gateway \
             infra/gw",
            "m.yaml:9: HTTPRoute infra/r: Accepted=False NoMatchingParent: ListenerSet infra/s is \
             not attached to a Gateway",
        ]
    );
}

#[test]
fn routes_attach_to_a_gateway_or_to_its_listener_set_not_through_it() {
    let bundle = bundled(&[
        &gateway(
            &["{name: l, port: 80, protocol: HTTP, hostname: a.com}"],
            "{from: Same}",
        ),
        &set(
            "infra",
            "s",
            OLD,
            "{name: l, port: 80, protocol: HTTP, hostname: b.com}",
        ),
        &http_route("gateway", "{parentRefs: [{name: gw}]}"),
        &http_route("section", "{parentRefs: [{name: gw, sectionName: l}]}"),
        &http_route(
            "set",
            "{parentRefs: [{kind: ListenerSet, name: s, sectionName: l}]}",
        ),
        &http_route(
            "both",
            "{parentRefs: [{name: gw}, {kind: ListenerSet, name: s}]}",
        ),
        &http_route(
            "neither",
            "{parentRefs: [{kind: ListenerSet, name: s, sectionName: m}]}",
        ),
    ]);
    let own = "infra/gw/l".to_owned();
    let of_set = "infra/gw/infra/s/l".to_owned();
    assert_eq!(
        attached(&bundle.gateways[0]),
        [
            ("infra/gateway".to_owned(), vec![own.clone()]),
            ("infra/section".to_owned(), vec![own.clone()]),
            ("infra/set".to_owned(), vec![of_set.clone()]),
            ("infra/both".to_owned(), vec![own, of_set]),
        ]
    );
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:38: HTTPRoute infra/neither: Accepted=False NoMatchingParent: ListenerSet infra/s \
          has no listener `m`"
        ]
    );
}

#[test]
fn unknown_protocols_and_kinds_are_reported_and_the_rest_serves() {
    let text = gateway(
        &[
            "{name: odd, port: 70, protocol: example.com/foo}",
            "{name: web, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: HTTPRoute}]}}",
        ],
        "{from: None}",
    );
    let bundle = bundled(&[&text, &http_route("r", "{parentRefs: [{name: gw}]}")]);
    assert_eq!(
        lines(&bundle),
        [
            "m.yaml:8: Gateway infra/gw: Accepted=False UnsupportedProtocol: listener odd: protocol \
             example.com/foo",
            "m.yaml:9: Gateway infra/gw: ResolvedRefs=False InvalidRouteKinds: listener web: HTTP \
             does not take routes of kind gateway.networking.k8s.io/TCPRoute",
        ]
    );
    assert_eq!(attached(&bundle.gateways[0]).len(), 1);
}
