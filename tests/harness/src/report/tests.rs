use std::path::PathBuf;

use super::*;
use crate::exchange::{Answer, Exchange};
use crate::judge::Mismatch;
use crate::runner::Failure;

fn outcome(scenario: &str, line: u64, host: HostKind, verdict: Verdict) -> Outcome {
    Outcome {
        scenario: scenario.to_owned(),
        case: format!("case {line}"),
        file: PathBuf::from(format!("{scenario}/cases.yaml")),
        line,
        host,
        verdict,
        fresh_vm_after: None,
    }
}

fn failed() -> Verdict {
    let mismatch = |field: &str, expected: &str, got: &str| Mismatch {
        field: field.to_owned(),
        expected: expected.to_owned(),
        got: got.to_owned(),
    };
    Verdict::Failed(Box::new(Failure {
        mismatches: vec![
            mismatch("status", "200", "404"),
            mismatch("response.body", "same\nold", "same\nnew"),
        ],
        exchange: Exchange {
            gateway_namespace: "infra".to_owned(),
            gateway: "gw".to_owned(),
            headers: vec![(b"x-a".to_vec(), b"b".to_vec())],
            ..Exchange::get("a.example", "/v2")
        },
        answer: Answer {
            status: 404,
            headers: vec![(b"content-length".to_vec(), b"0".to_vec())],
            why: vec!["no rule matches".to_owned()],
            ..Answer::default()
        },
        attempt: Some(2),
    }))
}

fn skipped() -> Verdict {
    Verdict::Skipped {
        reason: "TLS".to_owned(),
    }
}

fn error() -> Verdict {
    Verdict::Error {
        message: "no answer".to_owned(),
        log: vec!["wasm trap".to_owned()],
    }
}

fn text(outcomes: &[Outcome], out: &mut dyn std::io::Write) -> std::io::Result<()> {
    text::write(outcomes, &Conditions::new(), out)
}

/// What a report prints, without its styles.
fn printed(
    write: fn(&[Outcome], &mut dyn std::io::Write) -> std::io::Result<()>,
    outcomes: &[Outcome],
) -> String {
    let mut out = anstream::StripStream::new(Vec::new());
    write(outcomes, &mut out).unwrap();
    String::from_utf8(out.into_inner()).unwrap()
}

fn one_host() -> Vec<Outcome> {
    let core = HostKind::Core;
    vec![
        outcome("first", 4, core, Verdict::Passed),
        outcome("first", 9, core, failed()),
        outcome("second-one", 4, core, skipped()),
        outcome("third", 4, core, error()),
    ]
}

#[test]
fn the_text_ends_with_the_count() {
    let expected = "\
✗ first       1 passed, 1 failed, 0 skipped
- second-one  0 passed, 0 failed, 1 skipped
✗ third       0 passed, 1 failed, 0 skipped

FAILED first/case 9 on core
  first/cases.yaml:9
  sent    GET /v2 HTTP/1.1 to infra/gw port 80, request 2
          host: a.example
          x-a: b
  differs status         - 200
                         + 404
          response.body    same
                         - old
                         + new
  came    404 from the gateway
          content-length: 0
  why     no rule matches

ERROR third/case 4 on core
  third/cases.yaml:4
  error   no answer
  log     wasm trap

skipped
     1  TLS

1 passed, 2 failed, 1 skipped
";
    let got = printed(text, &one_host());
    let lines = |text: &str| {
        text.lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(lines(&got), lines(expected));
    assert_eq!(got.lines().last(), Some("1 passed, 2 failed, 1 skipped"));
}

#[test]
fn a_case_on_several_hosts_counts_once() {
    let (core, envoy) = (HostKind::Core, HostKind::Envoy);
    let outcomes = [
        outcome("s", 1, core, Verdict::Passed),
        outcome("s", 2, core, Verdict::Passed),
        outcome("s", 3, core, skipped()),
        outcome("s", 1, envoy, skipped()),
        outcome("s", 2, envoy, failed()),
        outcome("s", 3, envoy, skipped()),
    ];
    let tally = Tally {
        passed: 1,
        failed: 1,
        skipped: 1,
    };
    assert_eq!(Tally::of(&outcomes), tally);
    let expected = "\
core      envoy       case
passed    skipped     s/case 1
passed    FAILED    ≠ s/case 2
skipped   skipped     s/case 3

the hosts differ on 1 of 3 cases
1 passed, 1 failed, 1 skipped
";
    assert_eq!(printed(agreement::write, &outcomes), expected);
    let differences = "\nthe hosts differ\ncore      envoy       case\npassed    FAILED    ≠ s/case 2\n\n1 passed";
    let said = printed(text, &outcomes);
    assert!(said.contains(differences), "{said}");
}

#[test]
fn hosts_that_agree_need_no_table() {
    let (core, envoy) = (HostKind::Core, HostKind::Envoy);
    let outcomes = [
        outcome("s", 1, core, failed()),
        outcome("s", 1, envoy, error()),
        outcome("s", 2, core, Verdict::Passed),
        outcome("s", 2, envoy, skipped()),
    ];
    assert!(!printed(text, &outcomes).contains("differ\n"));
}

#[test]
fn an_error_of_many_cases_is_told_once_for_each_scenario() {
    let core = HostKind::Core;
    let outcomes = [
        outcome("s", 1, core, error()),
        outcome("s", 2, core, error()),
        outcome("s", 3, core, error()),
        outcome("t", 1, core, error()),
    ];
    let said = printed(text, &outcomes);
    assert_eq!(said.matches("no answer").count(), 2, "{said}");
    assert!(said.contains("also    2 more in this scenario"), "{said}");
}

#[test]
fn conditions_are_told_with_their_scenario() {
    let line = "s/manifests.yaml:3: HTTPRoute n/r: ResolvedRefs=False RefNotPermitted: no grant";
    let conditions = Conditions::from([(PathBuf::from("s/cases.yaml"), vec![line.to_owned()])]);
    let outcomes = [outcome("s", 1, HostKind::Core, failed())];
    let mut out = anstream::StripStream::new(Vec::new());
    text::write(&outcomes, &conditions, &mut out).unwrap();
    let said = String::from_utf8(out.into_inner()).unwrap();
    assert!(
        said.contains(&format!("manifests of s\n  {line}\n")),
        "{said}"
    );
}

#[test]
fn json_keeps_its_shape() {
    let document: serde_json::Value =
        serde_json::from_str(&printed(json::write, &one_host())).unwrap();
    assert_eq!(document["passed"], 1);
    assert_eq!(document["failed"], 2);
    assert_eq!(document["skipped"], 1);
    assert_eq!(document["hosts"], serde_json::json!(["core"]));
    let expected = serde_json::json!({
        "scenario": "first",
        "case": "case 9",
        "file": "first/cases.yaml",
        "line": 9,
        "differs": false,
        "results": [{
            "host": "core",
            "verdict": "failed",
            "mismatches": [
                {"field": "status", "expected": "200", "got": "404"},
                {"field": "response.body", "expected": "same\nold", "got": "same\nnew"},
            ],
            "request": {
                "gateway": "infra/gw", "port": 80, "method": "GET", "authority": "a.example",
                "path": "/v2", "headers": [{"name": "x-a", "value": "b"}], "attempt": 2,
            },
            "response": {
                "status": 404, "headers": [{"name": "content-length", "value": "0"}], "trailers": [], "backend": null,
            },
            "trace": ["no rule matches"],
        }],
    });
    assert_eq!(document["cases"][1], expected);
    let of = |case: usize| &document["cases"][case]["results"][0];
    assert_eq!(
        *of(0),
        serde_json::json!({"host": "core", "verdict": "passed"})
    );
    assert_eq!(
        *of(2),
        serde_json::json!({"host": "core", "verdict": "skipped", "reason": "TLS"})
    );
    assert_eq!(of(3)["log"], serde_json::json!(["wasm trap"]));
}

#[test]
fn junit_has_a_suite_for_each_scenario() {
    let xml = printed(junit::write, &one_host());
    let parts = [
        r#"<testsuites name="gwf replay" tests="4" skipped="1" failures="1" errors="1">"#,
        r#"<testsuite name="first on core" tests="2" skipped="0" errors="0" failures="1">"#,
        r#"<testcase name="case 4" classname="first on core" file="first/cases.yaml" line="4"/>"#,
        r#"<failure message="status, response.body not as expected">"#,
        r#"<skipped message="TLS"/>"#,
        r#"<error message="no answer">"#,
    ];
    for part in parts {
        assert!(xml.contains(part), "{part} is not in\n{xml}");
    }
}
