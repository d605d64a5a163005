//! backendRefs: kind, permission, existence, protocol.

use super::{OPEN, bundled, http_route, lines, route};
use gateway_bundle::{Backend, Bundle};

/// The bundle of a route with these backendRefs, and further manifests after it.
#[track_caller]
fn with_backends(refs: &str, rest: &str) -> Bundle {
    let spec = format!("{{parentRefs: [{{name: gw}}], rules: [{{backendRefs: [{refs}]}}]}}");
    bundled(&[OPEN, &http_route("r", &spec), rest])
}

/// The reasons why its references are invalid, and the report.
#[track_caller]
fn invalid(refs: &str, rest: &str) -> (Vec<Option<String>>, Vec<String>) {
    let bundle = with_backends(refs, rest);
    let rule = &bundle.gateways[0].route_match.routes[0].spec.rules[0];
    (
        rule.backend_refs
            .iter()
            .map(|backend| backend.invalid.clone())
            .collect(),
        lines(&bundle),
    )
}

fn reported(reason: &str, message: &str) -> (Vec<Option<String>>, Vec<String>) {
    let line = format!("m.yaml:18: HTTPRoute infra/r: ResolvedRefs=False {reason}: {message}");
    (vec![Some(reason.to_owned())], vec![line])
}

/// A Service in that namespace, its spec in flow style.
fn service(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {spec}\n---\n"
    )
}

/// A ReferenceGrant in that namespace.
fn grant(namespace: &str, from: &str, to: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\n\
         metadata: {{name: g, namespace: {namespace}}}\nspec: {{from: [{from}], to: [{to}]}}\n---\n"
    )
}

#[test]
fn a_valid_reference_gets_its_namespace() {
    let bundle = with_backends("{name: web, port: 8080, weight: 3}", "");
    let gateway = &bundle.gateways[0];
    let backend = &gateway.route_match.routes[0].spec.rules[0].backend_refs[0];
    assert_eq!(
        (backend.namespace.as_deref(), backend.port, backend.weight),
        (Some("infra"), Some(8080), Some(3))
    );
    assert_eq!(backend.invalid, None);
    let expected = Backend {
        namespace: "infra".to_owned(),
        service: "web".to_owned(),
        port: 8080,
        http2: false,
        id: "infra/web:8080".to_owned(),
    };
    assert_eq!(gateway.backends, [expected]);
    assert!(bundle.report.entries.is_empty(), "{}", bundle.report);
}

#[test]
fn only_services_are_backends() {
    assert_eq!(
        invalid("{kind: NonExistent, name: web, port: 8080}", ""),
        reported("InvalidKind", "core/NonExistent is not a kind of backend")
    );
    assert_eq!(
        invalid("{group: example.com, name: web}", ""),
        reported(
            "InvalidKind",
            "example.com/Service is not a kind of backend"
        )
    );
}

#[test]
fn the_service_and_its_port_must_exist() {
    assert_eq!(
        invalid("{name: gone, port: 8080}", ""),
        reported("BackendNotFound", "there is no Service infra/gone")
    );
    assert_eq!(
        invalid("{name: web, port: 81}", ""),
        reported("BackendNotFound", "Service infra/web has no port 81")
    );
    let udp = service("infra", "dns", "{ports: [{port: 53, protocol: UDP}]}");
    assert_eq!(
        invalid("{name: dns, port: 53}", &udp),
        reported("BackendNotFound", "Service infra/dns has no port 53")
    );
}

#[test]
fn services_of_every_type_exist() {
    let services = [
        service(
            "infra",
            "headless",
            "{clusterIP: None, ports: [{port: 8080}]}",
        ),
        service(
            "infra",
            "manual",
            "{ports: [{port: 8080, targetPort: 3000}]}",
        ),
        service(
            "infra",
            "external",
            "{type: ExternalName, externalName: a.com}",
        ),
    ]
    .concat();
    for name in ["headless", "manual", "external"] {
        let (reasons, lines) = invalid(&format!("{{name: {name}, port: 8080}}"), &services);
        assert_eq!((reasons, lines), (vec![None], vec![]), "{name}");
    }
}

#[test]
fn another_namespace_must_grant_the_reference() {
    let far = service("far", "web", "{ports: [{port: 8080}]}");
    let from = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}";
    let check = |grant: &str| {
        let rest = format!("{far}{grant}");
        invalid("{name: web, namespace: far, port: 8080}", &rest)
    };
    let refused = reported(
        "RefNotPermitted",
        "no ReferenceGrant in namespace far lets infra use Service web",
    );
    assert_eq!(check(""), refused);
    let allowed = (vec![None], Vec::new());
    assert_eq!(
        check(&grant("far", from, "{group: '', kind: Service}")),
        allowed
    );
    assert_eq!(
        check(&grant("far", from, "{group: '', kind: Service, name: web}")),
        allowed
    );
    for (namespace, from, to) in [
        ("far", from, "{group: '', kind: Service, name: other}"),
        ("far", from, "{group: '', kind: Secret, name: web}"),
        ("far", from, "{group: example.com, kind: Service}"),
        ("infra", from, "{group: '', kind: Service}"),
        (
            "far",
            "{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}",
            "{group: '', kind: Service}",
        ),
        (
            "far",
            "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}",
            "{group: '', kind: Service}",
        ),
        (
            "far",
            "{group: '', kind: HTTPRoute, namespace: infra}",
            "{group: '', kind: Service}",
        ),
    ] {
        assert_eq!(
            check(&grant(namespace, from, to)),
            refused,
            "{namespace} {from} {to}"
        );
    }
}

#[test]
fn one_broken_reference_leaves_the_others() {
    let (reasons, lines) = invalid("{name: web, port: 8080}, {name: gone, port: 1}", "");
    assert_eq!(reasons, [None, Some("BackendNotFound".to_owned())]);
    assert_eq!(lines.len(), 1);
}

#[test]
fn http2_is_what_the_service_says_or_a_grpc_route_needs() {
    let ports = "{ports: [{name: a, port: 1}, {name: b, port: 2, appProtocol: kubernetes.io/h2c}, \
                 {name: c, port: 3, appProtocol: kubernetes.io/ws}, {name: d, port: 4}]}";
    let http = "{parentRefs: [{name: gw}], hostnames: [h.com], rules: [{backendRefs: [{name: s, port: 1}, \
                {name: s, port: 2}, {name: s, port: 3}, {name: s, port: 4}]}]}";
    let grpc = "{parentRefs: [{name: gw}], hostnames: [g.com], rules: [{backendRefs: [{name: s, port: 4}]}]}";
    let bundle = bundled(&[
        OPEN,
        &service("infra", "s", ports),
        &http_route("h", http),
        &route("GRPCRoute", "g", grpc),
    ]);
    let http2 = bundle.gateways[0]
        .backends
        .iter()
        .map(|backend| (backend.port, backend.http2));
    assert_eq!(
        http2.collect::<Vec<_>>(),
        [(1, false), (2, true), (3, false), (4, true)]
    );
}
