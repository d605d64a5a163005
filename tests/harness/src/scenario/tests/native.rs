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
    assert_eq!(of("protocol: https, host: a, alpn: [h2, http/1.1]"), http2);
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
            "request.alpn: \"h3\" is neither h2 nor http/1.1",
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
        "  namespace: infra\n  mirroredTo: [{name: a}, {name: b, namespace: other, percent: 20}]\n",
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
fn counts_of_copies_have_several_shapes() {
    let copies = |name: &str| Copies {
        to: MirroredTo {
            namespace: "infra".to_owned(),
            name: name.to_owned(),
        },
        min: 95.0,
        max: 105.0,
    };
    let common = "requests: 500, attempts: 5, concurrency: 10";
    for (counts, name) in [
        ("minCount: 95, maxCount: 105", "a"),
        ("minCount: 95, maxCount: 105, name: b", "b"),
        (
            "backends: [{name: b, percent: 20, minCount: 95, maxCount: 105}]",
            "b",
        ),
        ("expected: {b: {minCount: 95, maxCount: 105}}", "b"),
        (
            "mirroredTo: [{name: b, namespace: infra, min: 95.0, max: 105}]",
            "b",
        ),
    ] {
        let mirrors = mirrors(&format!("{{{common}, {counts}}}"));
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
    for (stated, problem) in [
        (
            "{requests: 9}",
            "mirrorDistribution: needs minCount and maxCount",
        ),
        (
            "{minCount: 1, maxCount: 2}",
            "mirrorDistribution: missing field `requests`",
        ),
        (
            "{requests: 0, minCount: 1, maxCount: 2}",
            "must be at least 1",
        ),
        ("{requests: 9, share: 0.5}", "unknown field `share`"),
        (
            "{requests: 9, backends: [{name: a}]}",
            "backends[0]: missing field `minCount`",
        ),
        ("{requests: 9, backends: 7}", "is neither a list nor a map"),
        (
            "{requests: 9, minCount: 1, maxCount: 2}",
            "neither it nor mirroredTo names a backend",
        ),
    ] {
        let message = refused(&one_case(&format!("  mirrorDistribution: {stated}\n")));
        assert!(message.contains(problem), "{message}");
    }
}

fn websocket(stated: &str) -> (Request, Vec<Message>) {
    let case = format!(
        "name: t\ngateway: {{namespace: n, name: g}}\ncases:\n- name: a\n  websocket: {stated}\n"
    );
    let scenario = loaded(&case);
    let trial = &sent(&scenario.cases[0]).trial;
    assert_eq!(trial.expected.status, Status::Http(vec![101]));
    assert_eq!(trial.expected.messages, trial.request.messages);
    (trial.request.clone(), trial.request.messages.clone())
}

#[test]
fn messages_have_several_shapes() {
    let text = Message::Text("a".into());
    let bytes = Message::Binary(vec![1, 2]);
    for stated in [
        "{path: /ws, messages: [a, [1, 2]]}",
        "{request: {path: /ws, port: 80}, frames: [{text: a}, {binary: [1, 2]}]}",
        "{origin: 'ws://x', send: [{type: text, data: a}, {type: binary, payload: [1, 2]}], receive: x}",
        "{exchanges: [{send: a, receive: a}, {send: [1, 2], receive: [1, 2]}]}",
    ] {
        let (request, messages) = websocket(stated);
        assert_eq!((request.path.as_str(), request.port), ("/ws", 80));
        assert_eq!(messages, [text.clone(), bytes.clone()], "{stated}");
    }
    let (request, messages) = websocket("{scheme: wss, host: a.example, path: /chat}");
    assert_eq!(
        (request.tls, request.path.as_str()),
        (tls("a.example"), "/chat")
    );
    assert_eq!(messages, [Message::Text("gwf".into())]);
    assert_eq!(
        websocket("{messages: one}").1,
        [Message::Text("one".into())]
    );
}

#[test]
fn who_echoes_may_be_stated_beside_the_messages() {
    let case = "name: t\ngateway: {namespace: n, name: g}\ncases:\n- name: a\n  websocket: {backend: b, namespace: n}\n";
    let scenario = loaded(case);
    let one = AnsweredBy::Backend {
        namespace: Some("n".to_owned()),
        names: vec!["b".to_owned()],
    };
    assert_eq!(sent(&scenario.cases[0]).trial.expected.answered_by, one);
}

#[test]
fn what_is_no_message_is_refused() {
    for (stated, problem) in [
        ("[a]", "websocket: is no map"),
        ("{path: /ws, shout: a}", "websocket.shout: is not known"),
        (
            "{messages: [1.5]}",
            "websocket.messages: is no list of bytes",
        ),
        (
            "{messages: [{sound: a}]}",
            "websocket.messages[0]: is no message",
        ),
        (
            "{request: {pth: /}}",
            "websocket.request: unknown field `pth`",
        ),
    ] {
        let case = format!(
            "name: t\ngateway: {{namespace: n, name: g}}\ncases:\n- name: a\n  websocket: {stated}\n"
        );
        let message = refused(&case);
        assert!(message.contains(problem), "{message}");
    }
}
