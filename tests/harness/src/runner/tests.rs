mod clients;
mod native;
mod traps;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::rc::Rc;

use super::*;
use crate::envoy::EnvoyError;
use crate::exchange::Seen;
use crate::scenario::load;

/// Gives the answers it was made with, in order, and keeps what was sent.
#[derive(Clone, Default)]
struct Script(Rc<RefCell<(VecDeque<Answer>, Vec<Exchange>)>>);

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let script = Self::default();
        script.0.borrow_mut().0.extend(answers);
        script
    }

    fn sent(&self) -> Vec<Exchange> {
        self.0.borrow().1.clone()
    }
}

impl Host for Script {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        let mut script = self.0.borrow_mut();
        script.1.push(exchange.clone());
        let end = io::Error::other("the module trapped");
        script.0.pop_front().ok_or_else(|| HostError::new(&end))
    }
}

fn answer(status: u16) -> Answer {
    Answer {
        status,
        ..Answer::default()
    }
}

fn from(service: &str) -> Answer {
    let seen = Seen {
        namespace: "n".to_owned(),
        service: service.to_owned(),
        ..Seen::default()
    };
    Answer {
        seen: Some(seen),
        ..answer(200)
    }
}

fn scenario(list: &str, entries: &str) -> Vec<Scenario> {
    let dir = tempfile::tempdir().unwrap();
    let head = "name: t\ngateway: {namespace: n, name: g}";
    fs::write(
        dir.path().join("cases.yaml"),
        format!("{head}\n{list}:\n{entries}"),
    )
    .unwrap();
    fs::write(dir.path().join("manifests.yaml"), "kind: Gateway\n").unwrap();
    load(dir.path()).unwrap()
}

fn run_on(kind: HostKind, scenarios: &[Scenario], script: &Script) -> Vec<String> {
    Runner::new(kind, |_, _| Ok(Box::new(script.clone())))
        .run(scenarios)
        .into_iter()
        .map(|outcome| shown(&outcome.verdict))
        .collect()
}

fn run(scenarios: &[Scenario], script: &Script) -> Vec<String> {
    run_on(HostKind::Core, scenarios, script)
}

fn shown(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => "passed".to_owned(),
        Verdict::Skipped { reason } => format!("skipped: {reason}"),
        Verdict::Error { message, .. } => format!("error: {message}"),
        Verdict::Failed(failure) => {
            let found = &failure.mismatches[0];
            let Mismatch {
                field,
                expected,
                got,
            } = found;
            format!(
                "failed at {:?}: {field}: {expected} / {got}",
                failure.attempt
            )
        }
    }
}

const PLAIN: &str = "- name: a\n  request: {path: /}\n  response: {statusCodes: [200]}\n";

#[test]
fn a_request_without_host_goes_to_the_gateways_address() {
    let entries = "- name: a\n  request: {path: /p?q, headers: {X-A: B}}\n  response: {statusCodes: [200]}\n  \
                   backendSetResponseHeaders: {X-Set: v}\n\
                   - name: b\n  request: {path: /, port: 8080}\n  response: {statusCodes: [200]}\n\
                   - name: c\n  request: {path: /, port: 8080, host: 'a:1'}\n  response: {statusCodes: [200]}\n";
    let script = Script::new([answer(200), answer(200), answer(200)]);
    assert_eq!(run(&scenario("cases", entries), &script), ["passed"; 3]);
    let sent = script.sent();
    let authorities: Vec<_> = sent.iter().map(|sent| sent.authority.as_str()).collect();
    assert_eq!(
        authorities,
        ["gateway.invalid", "gateway.invalid:8080", "a:1"]
    );
    assert_eq!(sent[0].path, b"/p?q");
    assert_eq!(sent[0].headers, [(b"x-a".to_vec(), b"B".to_vec())]);
    assert_eq!(
        sent[0].backend_response_headers,
        [("X-Set".to_owned(), "v".to_owned())]
    );
    assert_eq!(
        (sent[0].gateway_namespace.as_str(), sent[0].gateway.as_str()),
        ("n", "g")
    );
}

#[test]
fn a_wrong_answer_fails_and_no_answer_is_an_error() {
    let scenarios = scenario("cases", &PLAIN.repeat(2));
    let script = Script::new([answer(404)]);
    assert_eq!(
        run(&scenarios, &script),
        [
            "failed at None: status: 200 / 404",
            "error: the module trapped"
        ]
    );
}

#[test]
fn every_repeated_answer_must_fit() {
    let entries = format!("{PLAIN}  repeat: 3\n");
    let scenarios = scenario("cases", &entries);
    let all = Script::new([answer(200), answer(200), answer(200)]);
    assert_eq!(run(&scenarios, &all), ["passed"]);
    assert_eq!(all.sent().len(), 3);
    let one_not = Script::new([answer(200), answer(500), answer(200)]);
    assert_eq!(
        run(&scenarios, &one_not),
        ["failed at Some(2): status: 200 / 500"]
    );
}

#[test]
fn one_alternative_is_enough_for_each_answer() {
    let entries = "- name: a\n  repeat: 2\n  request: {path: /}\n  anyOf:\n  \
                   - response: {statusCodes: [200]}\n  - response: {statusCodes: [204]}\n";
    let scenarios = scenario("cases", entries);
    let script = Script::new([answer(204), answer(200)]);
    assert_eq!(run(&scenarios, &script), ["passed"]);
    assert_eq!(script.sent().len(), 2);
    let script = Script::new([answer(204), answer(500)]);
    assert_eq!(
        run(&scenarios, &script),
        ["failed at Some(2): status: 200 / 500"]
    );
}

#[test]
fn waiting_ends_with_the_awaited_status() {
    let entries = "- request: {path: /}\n  eventually: {status: 429, within: 3, at: 3, before: [200]}\n  \
                   response: {statusCodes: [429]}\n";
    let scenarios = scenario("steps", entries);
    let until = |answers: &[u16]| Script::new(answers.iter().copied().map(answer));
    assert_eq!(run(&scenarios, &until(&[200, 200, 429])), ["passed"]);
    assert_eq!(
        run(&scenarios, &until(&[200, 200, 200])),
        ["failed at Some(3): eventually: status 429 within 3 requests / request 3, status 200"]
    );
    assert_eq!(
        run(&scenarios, &until(&[200, 500])),
        ["failed at Some(2): eventually: status 429 within 3 requests / request 2, status 500"]
    );
    assert_eq!(
        run(&scenarios, &until(&[200, 429])),
        ["failed at Some(2): eventually.at: request 3 / request 2, status 429"]
    );
    assert_eq!(
        run_on(HostKind::Envoy, &scenarios, &until(&[200, 429])),
        ["passed"]
    );
}

#[test]
fn waiting_for_another_backend_compares_with_the_step_before() {
    let entries = "- request: {path: /}\n  response: {statusCodes: [200]}\n\
                   - request: {path: /}\n  eventually: {differentBackend: true, within: 2}\n  \
                   response: {statusCodes: [200]}\n";
    let scenarios = scenario("steps", entries);
    let script = Script::new([from("a"), from("a"), from("b")]);
    assert_eq!(run(&scenarios, &script), ["passed", "passed"]);
    let script = Script::new([from("a"), from("a"), from("a")]);
    assert_eq!(
        run(&scenarios, &script)[1],
        "failed at Some(2): eventually: another backend within 2 requests / request 2, status 200"
    );
}

#[test]
fn a_captured_value_is_sent_by_later_steps() {
    let entries = "- request: {path: /}\n  response: {statusCodes: [200]}\n  capture: {s: response.headers.X-S}\n\
                   - request: {path: /, headers: {Cookie: 's=${s}'}}\n  response: {statusCodes: [200]}\n";
    let scenarios = scenario("steps", entries);
    let session = Answer {
        headers: vec![(b"x-s".to_vec(), b"v1".to_vec())],
        ..answer(200)
    };
    let script = Script::new([session, answer(200)]);
    assert_eq!(run(&scenarios, &script), ["passed", "passed"]);
    assert_eq!(
        script.sent()[1].headers,
        [(b"cookie".to_vec(), b"s=v1".to_vec())]
    );

    let script = Script::new([answer(200), answer(200)]);
    assert_eq!(
        run(&scenarios, &script),
        [
            "failed at None: capture.s: (present) / (absent)",
            "skipped: the step that captures ${s} did not pass",
        ]
    );
}

#[test]
fn a_distribution_may_take_several_runs() {
    let entries = "- name: w\n  weights:\n    request: {path: /}\n    response: {statusCodes: [200]}\n    \
                   namespace: n\n    requests: 2\n    expected: {a: 0.5, b: 0.5}\n    tolerance: 0.1\n    attempts: 2\n";
    let scenarios = scenario("cases", entries);
    let of = |services: &[&str]| Script::new(services.iter().map(|service| from(service)));
    assert_eq!(run(&scenarios, &of(&["a", "a", "a", "b"])), ["passed"]);
    assert_eq!(
        run(&scenarios, &of(&["a", "a", "b", "b"])),
        ["failed at Some(2): weights.expected.a: 0.5 ± 0.1 / 0.000 (0 of 2)"]
    );
    assert_eq!(
        run(&scenarios, &of(&["a", "c"])),
        ["failed at None: backend: n/a or n/b / n/c"]
    );
}

#[test]
fn a_host_is_opened_once_for_each_gateway_and_only_if_needed() {
    let entries = format!(
        "{PLAIN}{PLAIN}  gateway: {{namespace: n, name: other}}\n{PLAIN}{PLAIN}  \
         gateway: {{namespace: n, name: tls}}\n"
    )
    .replace("name: tls}\n", "name: tls}\n  internalRedirect: {}\n");
    let scenarios = scenario("cases", &entries);
    let script = Script::new([answer(200), answer(200), answer(200)]);
    let mut opened = Vec::new();
    let outcomes = Runner::new(HostKind::Core, |_, gateway| {
        opened.push(gateway.name.clone());
        Ok(Box::new(script.clone()))
    })
    .run(&scenarios);
    assert_eq!(outcomes.len(), 4);
    assert!(matches!(outcomes[3].verdict, Verdict::Skipped { .. }));
    assert_eq!(opened, ["g", "other"]);
}

#[test]
fn a_host_that_does_not_start_fails_all_its_cases() {
    let scenarios = scenario("cases", &PLAIN.repeat(2));
    let mut tried = 0;
    let outcomes = Runner::new(HostKind::Envoy, |_, _| {
        tried += 1;
        let error = HostError::new(&io::Error::other("no envoy"));
        Err(error.with_log(vec!["line".to_owned()]))
    })
    .run(&scenarios);
    for outcome in &outcomes {
        match &outcome.verdict {
            Verdict::Error { message, log } => {
                assert_eq!((message.as_str(), log.len()), ("no envoy", 1))
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((outcomes.len(), tried), (2, 1));
}

#[test]
fn what_a_host_is_unable_to_send_is_skipped_with_its_reason() {
    struct Unable;
    impl Host for Unable {
        fn send(&mut self, _: &Exchange) -> Result<Answer, HostError> {
            let error = EnvoyError::Unsendable("line break".into());
            Err(HostError::unable(&error))
        }
    }
    let outcomes =
        Runner::new(HostKind::Envoy, |_, _| Ok(Box::new(Unable))).run(&scenario("cases", PLAIN));
    assert_eq!(shown(&outcomes[0].verdict), "skipped: line break");
}

#[test]
fn a_cause_that_an_error_has_told_is_not_repeated() {
    let error = EnvoyError::Io {
        what: "cannot start envoy",
        source: io::Error::other("no such file"),
    };
    assert_eq!(
        HostError::new(&error).to_string(),
        "cannot start envoy: no such file"
    );
}

#[test]
fn the_caller_may_add_reasons_and_watch() {
    let scenarios = scenario("cases", PLAIN);
    let mut watched = Vec::new();
    Runner::new(HostKind::Core, |_, _| Ok(Box::new(Script::default())))
        .skipping(|_, case| (case.name == "a").then(|| "timeouts".to_owned()))
        .watching(|outcome| watched.push(shown(&outcome.verdict)))
        .run(&scenarios);
    assert_eq!(watched, ["skipped: timeouts"]);
}

#[test]
fn time_passes_before_the_request_of_the_step() {
    /// Answers the seconds that have passed.
    struct Clock(u16);
    impl Host for Clock {
        fn send(&mut self, _: &Exchange) -> Result<Answer, HostError> {
            Ok(answer(self.0))
        }
        fn advance(&mut self, by: std::time::Duration) {
            self.0 += u16::try_from(by.as_secs()).unwrap();
        }
    }
    let request = "request: {path: /}\n  response:";
    let steps = format!(
        "- {request} {{statusCodes: [200]}}\n\
         - advance: 1s\n\
         - advance: 2s\n  {request} {{statusCodes: [203]}}\n"
    );
    // Of the first step, too, and for a Gateway that comes later.
    let first = format!(
        "- advance: 1s\n  {request} {{statusCodes: [201]}}\n\
         - advance: 1s\n  gateway: {{namespace: n, name: other}}\n  {request} {{statusCodes: [202]}}\n"
    );
    let outcomes_of = |steps: &str, kind| {
        Runner::new(kind, |_, _| Ok(Box::new(Clock(200))))
            .run(&scenario("steps", steps))
            .iter()
            .map(|outcome| shown(&outcome.verdict))
            .collect::<Vec<_>>()
    };
    let outcomes = |kind| outcomes_of(&steps, kind);
    assert_eq!(outcomes_of(&first, HostKind::Wasmtime), ["passed"; 2]);
    assert_eq!(outcomes(HostKind::Wasmtime), ["passed"; 3]);
    assert_eq!(
        outcomes(HostKind::Envoy),
        [
            "passed",
            "skipped: needs virtual time",
            "skipped: needs virtual time"
        ]
    );
}
