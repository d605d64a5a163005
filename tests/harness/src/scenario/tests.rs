mod body;
mod folder;
mod jwt;
mod kind;
mod native;
mod skip;
mod time;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use super::model::{AnsweredBy, Awaited, Capture, ExpectedRequest, Status, Until, What};
use super::*;

const MANIFESTS: &str = "kind: Gateway\nmetadata: {namespace: infra, name: gw}\n";

/// A folder with one scenario in it.
fn folder(cases: &str, manifests: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("cases.yaml"), cases).unwrap();
    fs::write(dir.path().join("manifests.yaml"), manifests).unwrap();
    dir
}

fn loaded(cases: &str) -> Scenario {
    let dir = folder(cases, MANIFESTS);
    let mut scenarios = load(dir.path()).unwrap();
    assert_eq!(scenarios.len(), 1);
    scenarios.remove(0)
}

/// The message of a file that is refused, without its folder.
fn refused(cases: &str) -> String {
    let dir = folder(cases, MANIFESTS);
    let message = load(dir.path()).unwrap_err().to_string();
    message.replace(&format!("{}/", dir.path().display()), "")
}

/// One case that is valid, and below it the given lines of YAML.
fn one_case(more: &str) -> String {
    format!(
        "name: t\ngateway: {{namespace: infra, name: gw}}\ncases:\n- name: a\n  \
         request: {{path: /}}\n  response: {{statusCodes: [200]}}\n{more}"
    )
}

fn steps(entries: &str) -> String {
    format!("name: t\ngateway: {{namespace: infra, name: gw}}\nsteps:\n{entries}")
}

fn sent(case: &Case) -> &model::Requests {
    match &case.what {
        What::Requests(requests) => requests,
        other => panic!("not a request: {other:?}"),
    }
}

#[test]
fn a_case_has_defaults_filled_in() {
    let scenario = loaded(&one_case(""));
    let case = &scenario.cases[0];
    assert!(!scenario.ordered);
    assert_eq!((case.name.as_str(), case.line), ("a", 4));
    assert_eq!(case.gateway.to_string(), "infra/gw");
    let trial = &sent(case).trial;
    assert_eq!(
        (trial.request.port, trial.request.method.as_str()),
        (80, "GET")
    );
    assert_eq!(trial.expected.status, Status::Http(vec![200]));
    assert_eq!(trial.expected.answered_by, AnsweredBy::Unstated);
    assert_eq!(trial.expected.request, None);
}

#[test]
fn a_null_backend_is_any_of_the_namespace_and_an_absent_one_is_none() {
    let any = loaded(&one_case("  backend: null\n  namespace: infra\n"));
    let expected = AnsweredBy::Backend {
        namespace: Some("infra".to_owned()),
        names: vec![],
    };
    assert_eq!(sent(&any.cases[0]).trial.expected.answered_by, expected);

    let gateway = loaded(&one_case("  answeredByGateway: true\n"));
    let expected = AnsweredBy::Gateway;
    assert_eq!(sent(&gateway.cases[0]).trial.expected.answered_by, expected);
}

#[test]
fn a_stated_request_without_method_means_get() {
    let scenario = loaded(&one_case("  expectedRequest: {path: /x}\n"));
    let expected = ExpectedRequest {
        method: Some("GET".to_owned()),
        path: Some("/x".to_owned()),
        ..ExpectedRequest::default()
    };
    assert_eq!(
        sent(&scenario.cases[0]).trial.expected.request,
        Some(expected)
    );
}

#[test]
fn also_accepted_statuses_count() {
    let yaml = one_case("").replace(
        "statusCodes: [200]",
        "statusCodes: [504], alsoAccepted: [408]",
    );
    let scenario = loaded(&yaml);
    let status = &sent(&scenario.cases[0]).trial.expected.status;
    assert_eq!(*status, Status::Http(vec![504, 408]));
}

#[test]
fn grpc_and_weights_are_read() {
    let scenario = loaded(
        "name: t\ngateway: {namespace: n, name: g}\ncases:\n\
         - name: call\n  grpc:\n    request: {path: /a.B/C, protocol: grpc}\n    \
         response: {grpcStatus: Unimplemented, grpcStatusCode: 12}\n\
         - name: shares\n  weights:\n    request: {path: /}\n    response: {statusCodes: [200]}\n    \
         namespace: n\n    requests: 10\n    expected: {a: 1, b: 0.0}\n    tolerance: 0.05\n    attempts: 3\n",
    );
    let trial = &sent(&scenario.cases[0]).trial;
    assert_eq!(trial.request.method, "POST");
    let expected = Status::Grpc {
        code: 12,
        name: "Unimplemented".to_owned(),
    };
    assert_eq!(trial.expected.status, expected);
    match &scenario.cases[1].what {
        What::Weights(weights) => assert_eq!((weights.requests, weights.shares["a"]), (10, 1.0)),
        other => panic!("not weights: {other:?}"),
    }
}

#[test]
fn any_of_takes_the_request_above_it() {
    let scenario = loaded(
        "name: t\ngateway: {namespace: n, name: g}\ncases:\n- name: a\n  repeat: 3\n  \
         request: {path: /shared}\n  anyOf:\n  - response: {statusCodes: [200]}\n    backend: one\n  \
         - request: {path: /own}\n    response: {statusCodes: [500]}\n",
    );
    let requests = sent(&scenario.cases[0]);
    let paths: Vec<_> = requests
        .trials()
        .map(|trial| trial.request.path.as_str())
        .collect();
    assert_eq!(paths, ["/shared", "/own"]);
    assert!(matches!(requests.until, Until::Times(3)));
}

#[test]
fn any_of_shares_what_is_stated_above_it() {
    let scenario = loaded(
        "name: t\ngateway: {namespace: n, name: g}\ncases:\n- name: a\n  request: {path: /}\n  \
         response: {statusCodes: [200]}\n  namespace: n\n  anyOf:\n  - backend: one\n  \
         - response: {statusCodes: [500]}\n",
    );
    let expected: Vec<_> = sent(&scenario.cases[0])
        .trials()
        .map(|trial| &trial.expected)
        .collect();
    let one = AnsweredBy::Backend {
        namespace: Some("n".to_owned()),
        names: vec!["one".to_owned()],
    };
    assert_eq!(
        (&expected[0].status, &expected[0].answered_by),
        (&Status::Http(vec![200]), &one)
    );
    let none = AnsweredBy::Unstated;
    assert_eq!(
        (&expected[1].status, &expected[1].answered_by),
        (&Status::Http(vec![500]), &none)
    );
}

#[test]
fn a_step_without_name_has_its_number_and_expects_what_it_sends() {
    let scenario = loaded(&steps(
        "- notes: first\n  request: {path: /p, headers: {A: b}}\n  \
         response: {statusCodes: [200]}\n  backend: b\n  namespace: n\n",
    ));
    assert!(scenario.ordered);
    let step = &scenario.cases[0];
    assert_eq!(
        (step.name.as_str(), step.notes.as_deref()),
        ("0", Some("first"))
    );
    let expected = &sent(step).trial.expected;
    let seen = expected.request.as_ref().unwrap();
    assert_eq!(
        (seen.path.as_deref(), seen.headers["A"].as_str()),
        (Some("/p"), "b")
    );
}

#[test]
fn a_step_waits_and_captures() {
    let scenario = loaded(&steps(
        "- request: {path: /}\n  eventually: {status: 429, within: 4, at: 3, before: [200]}\n  \
         response: {statusCodes: [429]}\n  capture: {a: response.headers.X, b: response.cookies.Y}\n\
         - request: {path: '/${a}'}\n  response: {statusCodes: [200]}\n",
    ));
    let requests = sent(&scenario.cases[0]);
    assert_eq!(requests.capture["a"], Capture::Header("X".to_owned()));
    assert_eq!(requests.capture["b"], Capture::Cookie("Y".to_owned()));
    match &requests.until {
        Until::Eventually(until) => {
            assert_eq!(until.awaited, Awaited::Status(429));
            assert_eq!((until.within, until.at), (4, Some(3)));
        }
        Until::Times(_) => panic!("does not wait"),
    }
}

#[test]
fn an_unknown_field_is_refused_with_its_place() {
    assert_eq!(
        refused(&one_case("").replace("{path: /}", "{pth: /}")),
        "cases.yaml:5:13: cases[0].request.pth: unknown field `pth`, expected one of scheme, host, \
         port, method, path, headers, body, protocol, clientAddress, effectiveClient, sni, alpn"
    );
}

#[test]
fn mistakes_are_refused_with_their_place() {
    let yaml = one_case("").replace("- name: a\n ", "- name: a\n");
    assert!(
        refused(&yaml).starts_with("cases.yaml:5:2: while parsing a block mapping, "),
        "{}",
        refused(&yaml)
    );
    let cases = [
        (
            one_case("  repeat: x\n"),
            "cases.yaml:7:11: cases[0].repeat: invalid u32",
        ),
        (
            one_case("").replace("gateway: {namespace: infra, name: gw}\n", ""),
            "cases.yaml:3:3: cases[0].gateway: neither the case nor the file names a Gateway",
        ),
        (
            one_case("").replace("  request: {path: /}\n", ""),
            "cases.yaml:4:3: cases[0].request: missing: the case is of no kind that sends nothing",
        ),
        (
            one_case("  anyOf: []\n"),
            "cases.yaml:4:3: cases[0].anyOf: must not be empty",
        ),
        (
            one_case("  repeat: 0\n"),
            "cases.yaml:4:3: cases[0].repeat: must be at least 1",
        ),
        (
            one_case("  capture: {x: body}\n"),
            "cases.yaml:4:3: cases[0].capture.x: \"body\" is neither response.headers.NAME nor \
             response.cookies.NAME",
        ),
        (
            one_case("").replace("{path: /}", "{path: '/${x}'}"),
            "cases.yaml:4:3: cases[0].request: no earlier step captures ${x}",
        ),
        (
            one_case("").replace("{statusCodes: [200]}", "{}"),
            "cases.yaml:4:3: cases[0].response: needs either statusCodes or grpcStatusCode",
        ),
        (
            "name: t\n".to_owned(),
            "cases.yaml:1:1: needs either cases or steps",
        ),
    ];
    for (yaml, message) in cases {
        assert_eq!(refused(&yaml), message);
    }
}

#[test]
fn broken_manifests_are_refused_with_their_place() {
    let dir = folder(&one_case(""), "kind: Gateway\n  metadata: {}\n");
    let message = load(dir.path()).unwrap_err().to_string();
    assert!(message.contains("manifests.yaml:2:"), "{message}");
}

#[test]
fn a_service_is_known_by_its_selector() {
    let manifests = "kind: Service\nmetadata: {namespace: n, name: s}\nspec: {selector: {app: v1}}\n---\n\
                     kind: Service\nmetadata: {namespace: n, name: manual}\nspec: {}\n---\n\
                     kind: Deployment\nmetadata: {namespace: n, name: v2}\n";
    let dir = folder(&one_case(""), manifests);
    let backends = &load(dir.path()).unwrap()[0].backends;
    assert_eq!(backends.behind("n", "s"), "v1");
    assert_eq!(backends.behind("n", "manual"), "v2");
    assert_eq!(backends.behind("other", "s"), "s");
}

#[test]
fn a_status_that_no_backend_answers_is_refused() {
    let grpc =
        one_case("  backendStatus: {v2: 503}\n").replace("path: /", "path: /, protocol: grpc");
    for (yaml, expected) in [
        (
            one_case("  backendStatus: {v2: 14}\n"),
            "14 is not in 200..=599",
        ),
        (grpc, "503 is not in 0..=16"),
    ] {
        let message = refused(&yaml);
        let field = "cases[0].backendStatus.v2: ";
        assert!(message.contains(&format!("{field}{expected}")), "{message}");
    }
}

#[test]
fn the_number_of_a_request_is_no_captured_value() {
    let step = "- request: {path: '/${n}'}\n  response: {statusCodes: [200]}\n";
    assert_eq!(loaded(&steps(step)).cases.len(), 1);
    let captured = steps(&format!("{step}  capture: {{n: response.headers.x}}\n"));
    let message = refused(&captured);
    assert!(
        message.contains("capture.n: stands for the number"),
        "{message}"
    );
    let weights = one_case("").replace("request:", "weights: {request:");
    let weights = weights
        .replace("/}", "'/${x}'}")
        .replace("\n  response:", ", response:");
    let weights = weights.replacen(
        "[200]}",
        "[200]}, namespace: n, requests: 1, expected: {a: 1}, tolerance: 0}",
        1,
    );
    let message = refused(&weights);
    assert!(
        message.contains("only ${n}, the number of the request,"),
        "{message}"
    );
}

#[test]
fn a_scenario_says_how_many_workers_it_needs() {
    assert_eq!(loaded(&one_case("")).workers.get(), 1);
    assert_eq!(
        loaded(&format!("workers: 4\n{}", one_case("")))
            .workers
            .get(),
        4
    );
    let message = refused(&format!("workers: 0\n{}", one_case("")));
    assert!(message.contains("workers: must be at least 1"), "{message}");
}
