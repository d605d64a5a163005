//! Every field of a case means something, or is an error.

use super::*;

/// A case with these fields of it, and the error that it is.
fn refused_case(fields: &str) -> String {
    let fields = fields.replace('\n', "\n  ");
    refused(&format!(
        "name: t\ngateway: {{namespace: n, name: g}}\ncases:\n- name: a\n  {fields}\n"
    ))
}

const REQUEST: &str = "request: {path: /}\nresponse: {statusCodes: [200]}\n";
const WEIGHTS: &str = "weights: {request: {path: /}, response: {statusCodes: [200]}, namespace: n, \
                       requests: 1, expected: {a: 1}, tolerance: 0}\n";

#[test]
fn a_field_that_a_kind_has_no_use_for_is_refused() {
    let websocket = "websocket: {request: {path: /}, messages: [a]}\n";
    let call = "grpc: {request: {path: /, protocol: grpc}, response: {grpcStatusCode: 0}}\n";
    let any = "anyOf: [{response: {statusCodes: [200]}}]\n";
    let mirrors = "mirroredTo: [{name: b, namespace: n}]\n\
                   mirrorDistribution: {requests: 1, minCount: 1, maxCount: 1}\n";
    for (fields, problem) in [
        (
            [WEIGHTS, REQUEST].concat(),
            "request: cannot be combined with weights",
        ),
        (
            [WEIGHTS, "repeat: 2"].concat(),
            "repeat: cannot be combined with weights",
        ),
        (
            [WEIGHTS, call].concat(),
            "grpc: cannot be combined with weights",
        ),
        (
            [websocket, REQUEST].concat(),
            "request: cannot be combined with websocket",
        ),
        (
            [call, "backend: b"].concat(),
            "backend: cannot be combined with grpc",
        ),
        (
            [any, "request: {path: /}\nbackend: b"].concat(),
            "backend: cannot be combined with anyOf",
        ),
        (
            [REQUEST, mirrors, "samePod: x"].concat(),
            "samePod: cannot be combined with mirrorDistribution",
        ),
        (
            [REQUEST, "backend: b\nansweredByGateway: true"].concat(),
            "answeredByGateway: cannot be combined with backend",
        ),
        (
            "request: {path: /}\nredirectRequest: {}\n\
             response: {statusCodes: [302], redirectRequest: {}}"
                .to_owned(),
            "redirectRequest: is stated in response as well",
        ),
        (
            "request: {path: /}\nresponse: {statusCodes: [200], grpcStatus: OK}".to_owned(),
            "response: needs either statusCodes or grpcStatusCode",
        ),
    ] {
        let message = refused_case(&fields);
        assert!(
            message.contains(&format!("cases[0].{problem}")),
            "{message}"
        );
    }
}

#[test]
fn names_that_were_once_guessed_are_unknown() {
    for (fields, name) in [
        ("subtest: a", "subtest"),
        ("note: a", "note"),
        ("atRule: a", "atRule"),
        ("statedButUnchecked: a", "statedButUnchecked"),
        (
            "request: {path: /, unfollowRedirect: true}",
            "unfollowRedirect",
        ),
        (
            "response: {statusCodes: [200], unenforced: [headers]}",
            "unenforced",
        ),
        (
            "response: {grpcStatusCode: 12, httpStatusEquivalent: [404]}",
            "httpStatusEquivalent",
        ),
        ("websocket: {path: /ws, frames: [a]}", "path"),
        ("mirroredTo: [{backend: b}]", "backend"),
        ("mirrorDistribution: {requests: 1, percent: 20}", "percent"),
    ] {
        let message = refused_case(fields);
        assert!(
            message.contains(&format!("unknown field `{name}`")),
            "{message}"
        );
    }
    for name in [
        "needs",
        "source",
        "features",
        "provisional",
        "accepted",
        "backends",
    ] {
        let message = refused(&format!("{name}: x\n{}", one_case("")));
        assert!(
            message.contains(&format!("unknown field `{name}`")),
            "{message}"
        );
    }
}

#[test]
fn a_grpc_status_has_its_name() {
    let call = |response: &str| {
        format!("grpc: {{request: {{path: /, protocol: grpc}}, response: {{{response}}}}}")
    };
    for (response, problem) in [
        (
            "grpcStatusCode: 12, grpcStatus: Unavailable",
            "grpc.response.grpcStatus: 12 is Unimplemented and not Unavailable",
        ),
        (
            "grpcStatusCode: 17",
            "grpc.response.grpcStatusCode: 17 is not in 0..=16",
        ),
    ] {
        let message = refused_case(&call(response));
        assert!(message.contains(problem), "{message}");
    }
}

#[test]
fn what_is_for_readers_is_kept() {
    let scenario = loaded(&format!(
        "description: shows a\nnotes: made up\n{}",
        one_case("  notes: the first\n")
    ));
    assert_eq!(scenario.description.as_deref(), Some("shows a"));
    assert_eq!(scenario.notes.as_deref(), Some("made up"));
    assert_eq!(scenario.cases[0].notes.as_deref(), Some("the first"));
}

#[test]
fn a_certificate_is_self_signed() {
    let certificate =
        "certificates: [{namespace: n, secret: s, dnsNames: [a], selfSigned: KIND}]\n";
    let with = |kind: &str| certificate.replace("KIND", kind) + &one_case("");
    let read = loaded(&with("true")).certificates;
    assert_eq!(
        (read[0].secret.as_str(), &read[0].dns_names[..]),
        ("s", &["a".to_owned()][..])
    );
    let message = refused(&with("false"));
    assert!(
        message.contains("certificates[0].selfSigned: there is no other kind"),
        "{message}"
    );
}
