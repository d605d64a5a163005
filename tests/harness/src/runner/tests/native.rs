use std::collections::BTreeSet;

use super::*;
use crate::exchange::{Message, REQUEST_ID};

/// Answers by its script; all that it was sent went to these Services, too.
struct Mirrored(Script, Vec<&'static str>);

impl Host for Mirrored {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        self.0.send(exchange)
    }

    fn received(&mut self, id: &str) -> Result<Vec<Seen>, HostError> {
        let parameter = format!("{REQUEST_ID}={id}");
        let paths = self.0.sent().into_iter();
        let paths = paths.map(|sent| String::from_utf8(sent.path).unwrap());
        let paths: Vec<_> = paths.filter(|path| path.contains(&parameter)).collect();
        let at = |service: &&str| {
            let service = (*service).to_owned();
            let seen = paths.iter().map(move |path| Seen {
                namespace: "n".to_owned(),
                service: service.clone(),
                path: path.clone(),
                ..Seen::default()
            });
            seen.collect::<Vec<_>>()
        };
        Ok(self.1.iter().flat_map(at).collect())
    }
}

fn run_mirrored(entries: &str, script: &Script, mirrors: &[&'static str]) -> String {
    let open = |_: &Scenario, _: &GatewayRef| -> Result<Box<dyn Host>, HostError> {
        Ok(Box::new(Mirrored(script.clone(), mirrors.to_vec())))
    };
    let outcomes = Runner::new(HostKind::Envoy, open).run(&scenario("cases", entries));
    shown(&outcomes[0].verdict)
}

fn paths(script: &Script) -> Vec<String> {
    let sent = script.sent().into_iter();
    sent.map(|sent| String::from_utf8(sent.path).unwrap())
        .collect()
}

/// Reports the request that it gets, with 503.
struct Busy(Script);

impl Host for Busy {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        let seen = Seen {
            method: exchange.method.clone(),
            path: String::from_utf8_lossy(&exchange.path).into_owned(),
            ..Seen::default()
        };
        let answer = self.0.send(exchange)?;
        Ok(Answer {
            seen: Some(seen),
            ..answer
        })
    }
}

#[test]
fn each_request_has_a_uuid_of_its_own() {
    let entries = "- name: a\n  request: {path: '/?uuid={UUID}&again={UUID}', headers: {X: '{UUID}'}}\n  \
                   expectedRequest: {path: '/?uuid={UUID}&again={UUID}'}\n  \
                   response: {statusCodes: [503]}\n  repeat: 3\n";
    let script = Script::new([503, 503, 503].map(answer));
    let mut runner = Runner::new(HostKind::Core, |_, _| Ok(Box::new(Busy(script.clone()))));
    let outcomes = runner.run(&scenario("cases", entries));
    assert_eq!(shown(&outcomes[0].verdict), "passed");
    let mut fresh = BTreeSet::new();
    for sent in script.sent() {
        let uuid = String::from_utf8(sent.headers[0].1.clone()).unwrap();
        let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
        let path = format!("/?uuid={uuid}&again={uuid}");
        assert_eq!(String::from_utf8(sent.path).unwrap(), path);
        fresh.insert(uuid);
    }
    assert_eq!(fresh.len(), 3);
}

#[test]
fn copies_are_found_by_a_parameter_of_their_request() {
    let entries =
        format!("{PLAIN}  namespace: n\n  repeat: 2\n  mirroredTo: [{{name: b}}, {{name: c}}]\n");
    let answers = || Script::new(["a", "a"].map(from));
    let script = answers();
    assert_eq!(run_mirrored(&entries, &script, &["b", "c"]), "passed");
    let sent = paths(&script);
    assert_ne!(sent[0], sent[1]);
    assert!(sent[0].starts_with(&format!("/?{REQUEST_ID}=")), "{sent:?}");
    let verdict = run_mirrored(&entries, &answers(), &["b"]);
    assert!(
        verdict.starts_with("failed at Some(1): mirroredTo.n/c: /?gateway-api-conformance")
            && verdict.ends_with(" / (absent)"),
        "{verdict}"
    );
    let wrong = Script::new([answer(404)]);
    let verdict = run_mirrored(&entries, &wrong, &[]);
    assert_eq!(verdict, "failed at Some(1): status: 200 / 404");
}

#[test]
fn a_run_counts_its_own_copies() {
    let entries = |max: u32| {
        format!(
            "{PLAIN}  namespace: n\n  mirroredTo: [{{name: b}}]\n  \
             mirrorDistribution: {{requests: 3, attempts: 2, minCount: 1, maxCount: {max}}}\n"
        )
    };
    let script = Script::new(["a"; 3].map(from));
    assert_eq!(run_mirrored(&entries(3), &script, &["b"]), "passed");
    let script = Script::new(["a"; 6].map(from));
    assert_eq!(
        run_mirrored(&entries(2), &script, &["b"]),
        "failed at Some(2): mirrorDistribution.n/b: 1 to 2 copies / 3"
    );
    let runs: BTreeSet<_> = paths(&script).into_iter().collect();
    assert_eq!(runs.len(), 2);
}

#[test]
fn messages_and_server_names_are_sent() {
    let entries = "- name: a\n  websocket: {request: {protocol: https, host: 'a.example:1', path: /ws}, messages: [x]}\n";
    let echoed = Answer {
        messages: vec![Message::Text("x".into())],
        ..answer(101)
    };
    let script = Script::new([echoed]);
    let scenarios = scenario("cases", entries);
    assert_eq!(run_on(HostKind::Envoy, &scenarios, &script), ["passed"]);
    let sent = script.sent().remove(0);
    assert_eq!((sent.path.as_slice(), sent.port), (&b"/ws"[..], 443));
    assert_eq!(sent.messages, [Message::Text("x".into())]);
    let name = sent.tls.and_then(|tls| tls.server_name);
    assert_eq!(name.as_deref(), Some("a.example"));
}
