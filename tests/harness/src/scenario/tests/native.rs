//! What Envoy does natively, as `cases.yaml` has it.

use super::super::model::{Copies, MirroredTo, Mirrors, Request};
use super::*;
use crate::exchange::{ClientTls, FailWith, Failing, Message, Protocol, Simulation};

fn request(fields: &str) -> Request {
    let scenario = loaded(&one_case("").replace("{path: /}", &format!("{{path: /, {fields}}}")));
    sent(&scenario.cases[0]).trial.request.clone()
}

fn tls(name: &str) -> Option<ClientTls> {
    let server_name = Some(name.to_owned()).filter(|name| !name.is_empty());
    Some(ClientTls { server_name })
}

#[test]
fn tls_has_the_server_name_that_is_stated_or_the_hosts() {
    let of = |fields: &str| {
        let request = request(fields);
        (request.tls, request.protocol, request.port)
    };
    let https = |name: &str| (tls(name), Protocol::Http, 443);
    assert_eq!(
        of("protocol: https, host: a.example, sni: b.example"),
        https("b.example")
    );
    assert_eq!(
        of("scheme: https, host: 'a.example:8443'"),
        https("a.example")
    );
    assert_eq!(of("protocol: https"), https(""));
    assert_eq!(of("protocol: https, host: a.example, sni: ''"), https(""));
    assert_eq!(of("protocol: http"), (None, Protocol::Http, 80));
    let http2 = (tls("a"), Protocol::H2c, 443);
    assert_eq!(of("protocol: https, host: a, alpn: h2"), http2);
    assert_eq!(of("protocol: https, host: a, alpn: http/1.1"), https("a"));
    assert_eq!(
        of("scheme: https, host: a, protocol: grpc"),
        (tls("a"), Protocol::Grpc, 443)
    );
}

#[test]
fn a_protocol_that_cannot_be_negotiated_is_refused() {
    for (fields, problem) in [
        ("alpn: h2", "request.alpn: only TLS negotiates"),
        (
            "protocol: https, alpn: h3",
            "request.alpn: unknown variant `h3`, expected one of h2, http/1.1",
        ),
        (
            "protocol: h2c, scheme: https",
            "request.protocol: h2c is cleartext",
        ),
        (
            "protocol: https, scheme: http",
            "request.scheme: is not that of the protocol",
        ),
    ] {
        let message =
            refused(&one_case("").replace("{path: /}", &format!("{{path: /, {fields}}}")));
        assert!(message.contains(problem), "{message}");
    }
}

fn simulation(stated: &str) -> Simulation {
    let scenario = loaded(&one_case(&format!("  backendSimulation: {stated}\n")));
    sent(&scenario.cases[0]).trial.request.simulation.clone()
}

#[test]
fn a_backend_waits_or_fails() {
    let failing = |attempts, with, millis| Simulation {
        delay: None,
        failing: Some(Failing {
            attempts,
            with,
            after: Duration::from_millis(millis),
        }),
    };
    assert_eq!(
        simulation("{delay: 1s}").delay,
        Some(Duration::from_secs(1))
    );
    assert_eq!(
        simulation("{failFirst: 2, failStatus: 503}"),
        failing(2, FailWith::Status(503), 0)
    );
    assert_eq!(
        simulation("{failFirst: 3, failBy: tcp-reset, failDelay: 100ms}"),
        failing(3, FailWith::TcpReset, 100)
    );
    assert_eq!(
        simulation("{failFirst: 1, failDelay: 1s}"),
        failing(1, FailWith::Status(500), 1000)
    );
}

#[test]
fn a_backend_that_fails_in_no_known_way_is_refused() {
    for (stated, problem) in [
        ("{delay: soon}", "delay: \"soon\" is no duration"),
        (
            "{failFirst: 1, failStatus: 99}",
            "failStatus: 99 is not in 200..=599",
        ),
        (
            "{failFirst: 1, failStatus: 500, failBy: tcp-reset}",
            "failBy: a backend fails with",
        ),
        ("{failStatus: 500}", "failFirst: missing"),
        ("{failBy: magic}", "failBy: unknown variant `magic`"),
        ("{failLast: 1}", "failLast: unknown field"),
    ] {
        let message = refused(&one_case(&format!("  backendSimulation: {stated}\n")));
        let problem = format!("cases[0].backendSimulation.{problem}");
        assert!(message.contains(&problem), "{message}");
    }
}

#[test]
fn a_mirror_is_in_the_namespace_of_the_backend_unless_it_says_so() {
    let scenario = loaded(&one_case(
        "  namespace: infra\n  mirroredTo: [{name: a}, {name: b, namespace: other}]\n",
    ));
    let mirrors = &sent(&scenario.cases[0]).trial.mirrored_to;
    let shown: Vec<_> = mirrors.iter().map(MirroredTo::to_string).collect();
    assert_eq!(shown, ["infra/a", "other/b"]);
    let message = refused(&one_case("  mirroredTo: [{name: a}]\n"));
    assert!(
        message.contains("mirroredTo: the namespace of a is not stated"),
        "{message}"
    );
}

fn mirrors(stated: &str) -> Mirrors {
    let scenario = loaded(&one_case(&format!(
        "  namespace: infra\n  mirroredTo: [{{name: a}}]\n  mirrorDistribution: {stated}\n"
    )));
    match scenario.cases[0].what.clone() {
        What::Mirrors(mirrors) => mirrors,
        other => panic!("no mirrors: {other:?}"),
    }
}

#[test]
fn copies_are_counted_for_each_mirror_or_for_all() {
    let copies = |name: &str| Copies {
        to: MirroredTo {
            namespace: "infra".to_owned(),
            name: name.to_owned(),
        },
        min: 95.0,
        max: 105.0,
    };
    for (counts, name) in [
        ("minCount: 95, maxCount: 105", "a"),
        ("backends: [{name: b, minCount: 95, maxCount: 105}]", "b"),
    ] {
        let mirrors = mirrors(&format!("{{requests: 500, attempts: 5, {counts}}}"));
        assert_eq!((mirrors.requests, mirrors.attempts), (500, 5));
        assert_eq!(mirrors.copies, [copies(name)], "{counts}");
        assert!(
            mirrors.trial.mirrored_to.is_empty(),
            "not each must be copied"
        );
    }
}

#[test]
fn copies_that_cannot_be_counted_are_refused() {
    let either = "mirrorDistribution: needs either minCount and maxCount, or backends";
    for (stated, problem) in [
        ("{requests: 9}", either),
        ("{requests: 9, minCount: 1, backends: []}", either),
        (
            "{minCount: 1, maxCount: 2}",
            "mirrorDistribution: missing field `requests`",
        ),
        (
            "{requests: 0, minCount: 1, maxCount: 2}",
            "must be at least 1",
        ),
        (
            "{requests: 9, backends: [{name: a}]}",
            "backends[0]: missing field `minCount`",
        ),
        (
            "{requests: 9, minCount: 1, maxCount: 2}",
            "neither it nor mirroredTo names a backend",
        ),
    ] {
        let message = refused(&one_case(&format!("  mirrorDistribution: {stated}\n")));
        assert!(message.contains(problem), "{message}");
    }
}

fn websocket(stated: &str) -> String {
    format!(
        "name: t\ngateway: {{namespace: n, name: g}}\ncases:\n- name: a\n  websocket: {stated}\n"
    )
}

#[test]
fn messages_are_texts_or_bytes_and_must_come_back() {
    let case = websocket("{request: {path: /ws}, messages: [a, [1, 2]]}");
    let scenario = loaded(&(case.clone() + "  backend: b\n  namespace: n\n"));
    let trial = &sent(&scenario.cases[0]).trial;
    assert_eq!(trial.expected.status, Status::Http(vec![101]));
    let messages = [Message::Text("a".into()), Message::Binary(vec![1, 2])];
    assert_eq!(trial.request.messages, messages);
    assert_eq!(trial.expected.messages, messages);
    let one = AnsweredBy::Backend {
        namespace: Some("n".to_owned()),
        names: vec!["b".to_owned()],
    };
    assert_eq!(trial.expected.answered_by, one);

    let refused = loaded(&(case + "  response: {statusCodes: [404]}\n"));
    let trial = &sent(&refused.cases[0]).trial;
    assert_eq!(trial.request.messages, messages);
    assert!(trial.expected.messages.is_empty(), "nobody returns them");
}

#[test]
fn what_is_no_message_is_refused() {
    for (stated, problem) in [
        (
            "{request: {path: /}}",
            "websocket: missing field `messages`",
        ),
        (
            "{request: {path: /}, messages: []}",
            "websocket.messages: must not be empty",
        ),
        (
            "{request: {path: /}, messages: [1.5]}",
            "websocket.messages[0]: expected a text or a list of bytes",
        ),
        (
            "{request: {pth: /}, messages: [a]}",
            "websocket.request.pth: unknown field `pth`",
        ),
        (
            "{request: {path: /, alpn: h2}, messages: [a]}",
            "websocket.request.alpn: only TLS negotiates",
        ),
    ] {
        let message = refused(&websocket(stated));
        assert!(message.contains(problem), "{message}");
    }
}
