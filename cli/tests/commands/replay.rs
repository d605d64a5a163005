//! `gwf replay`: exit status, diagnostics, help.

use super::*;

fn replay(dir: &Path, more: &[&str]) -> Output {
    let mut args = vec!["replay", dir.to_str().unwrap(), "--host", "core"];
    args.extend(more);
    gwf(Path::new("."), &args)
}

/// A scenario without routes and with one case, which a running gateway answers with 404.
pub(super) fn scenario(cases: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let manifests = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {namespace: n, name: g}\n\
                     spec:\n  gatewayClassName: c\n  listeners: [{name: http, port: 80, protocol: HTTP}]\n";
    fs::write(dir.path().join("manifests.yaml"), manifests).unwrap();
    fs::write(dir.path().join("cases.yaml"), cases).unwrap();
    dir
}

pub(super) fn case(path: &str, status: u16) -> String {
    format!(
        "name: t\ngateway: {{namespace: n, name: g}}\ncases:\n- name: a\n  request: {{{path}: /}}\n  \
         response: {{statusCodes: [{status}]}}\n"
    )
}

#[test]
fn a_failed_case_gives_1_and_the_count_last() {
    let dir = scenario(&case("path", 299));
    let output = replay(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout);
    assert_eq!(out.lines().last(), Some("0 passed, 1 failed, 0 skipped"));
    assert!(
        !out.contains('\u{1b}'),
        "styles although it is no terminal: {out}"
    );
}

#[test]
fn only_skipped_cases_give_0() {
    let dir = scenario(&format!("group: mirror\n{}", case("path", 200)));
    let output = replay(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stdout).lines().last(),
        Some("0 passed, 0 failed, 1 skipped")
    );
}

#[test]
fn a_mistake_in_a_scenario_gives_2_and_its_line() {
    let dir = scenario(&case("pth", 200));
    let output = replay(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    let err = text(&output.stderr);
    for part in ["cases.yaml:5:13", "`pth`", "request: {pth: /}"] {
        assert!(err.contains(part), "{part} is not in {err}");
    }
}

#[test]
fn wrong_usage_gives_2() {
    let dir = scenario(&case("path", 200));
    assert_eq!(gwf(Path::new("."), &["replay"]).status.code(), Some(2));
    assert_eq!(
        replay(dir.path(), &["--host", "nginx"]).status.code(),
        Some(2)
    );
    assert_eq!(
        replay(dir.path(), &["--envoy-version", "newest"])
            .status
            .code(),
        Some(2)
    );
    assert_eq!(
        replay(dir.path(), &["--name", "nothing"]).status.code(),
        Some(2)
    );
    assert_eq!(
        gwf(Path::new("."), &["replay", "/does/not/exist"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn programs_get_a_document() {
    let dir = scenario(&case("path", 299));
    let output = replay(dir.path(), &["-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["failed"], 1);
    let junit = replay(dir.path(), &["-o", "junit"]);
    assert!(text(&junit.stdout).starts_with("<?xml"));
}

#[test]
fn help_has_examples() {
    let help = text(&gwf(Path::new("."), &["replay", "--help"]).stdout);
    assert!(help.contains("gwf replay tests/scenarios"), "{help}");
}

#[test]
fn a_cluster_needs_a_name_and_an_address() {
    let dir = scenario(&case("path", 404));
    for (cluster, problem) in [
        ("127.0.0.1:1", "expected NAME=ADDRESS"),
        ("ratelimit=localhost:1", "`localhost:1` is not IP:PORT"),
    ] {
        let output = replay(dir.path(), &["--cluster", cluster]);
        assert_eq!(output.status.code(), Some(2));
        let told = text(&output.stderr);
        assert!(told.contains(problem), "{told}");
    }
    let several = "ratelimit=127.0.0.1:1,other=[::1]:2";
    let output = replay(dir.path(), &["--cluster", several]);
    assert_eq!(output.status.code(), Some(0));
}
