//! What all commands have in common: where manifests come from, how results and errors are printed.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const GATEWAY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec:
  gatewayClassName: any
  listeners: [{name: http, port: 80, protocol: HTTP}]
";

const ROUTE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: infra}
spec: {ports: [{name: http, port: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: infra}
spec:
  parentRefs: [{name: gw}]
  rules:
  - backendRefs: [{name: web, port: 8080}]
";

const REQUEST: [&str; 2] = ["--request", "http://a.example/"];

/// A folder with `gateway.yaml` and, a folder below, `route.yaml`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("routes")).unwrap();
    fs::write(folder.path().join("gateway.yaml"), GATEWAY).unwrap();
    fs::write(folder.path().join("routes/route.yaml"), ROUTE).unwrap();
    folder
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gwf"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1");
    command
}

fn gwf(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

/// With this on standard input.
fn gwf_reading(folder: &Path, args: &[&str], stdin: &str) -> Output {
    let mut command = command(folder, args);
    let command = command.stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(stdin.as_bytes()).unwrap();
    drop(pipe);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The schema that `gwf schema` prints accepts a document.
fn assert_documented(command: &str, document: &Value) {
    let schema = json(&gwf(Path::new("."), &["schema", command]));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(document).collect();
    assert!(errors.is_empty(), "{command}: {errors:?}\n{document:#}");
}

#[test]
fn manifests_are_named_by_position_or_as_with_kubectl() {
    let folder = folder();
    let both = ["gateway.yaml", "-f", "routes/route.yaml"];
    for manifests in [
        &["."][..],
        &["-f", "."],
        &["--filename", "gateway.yaml", "--filename", "routes"],
        &both,
    ] {
        let explained = gwf(
            folder.path(),
            &[&["explain", "-o", "json"], &REQUEST[..], manifests].concat(),
        );
        assert_eq!(explained.status.code(), Some(0), "{manifests:?}");
        let backend = &json(&explained)["explanations"][0]["answers"][0]["backend"];
        assert_eq!(*backend, "infra/web:8080", "{manifests:?}");
        let bundled = gwf(folder.path(), &[&["bundle"], manifests].concat());
        assert_eq!(bundled.status.code(), Some(0), "{manifests:?}");
        assert!(text(&bundled.stdout).contains("infra/web:8080"));
    }
    for command in ["explain", "bundle", "migrate", "serve"] {
        let none = gwf(folder.path(), &[command]);
        assert_eq!(none.status.code(), Some(2), "{command}");
        assert!(text(&none.stderr).contains("MANIFESTS"), "{command}");
    }
}

#[test]
fn a_dash_is_standard_input() {
    let folder = folder();
    let args = [
        &["explain", "-f", "-", "-f", "gateway.yaml", "-o", "json"],
        &REQUEST[..],
    ]
    .concat();
    let explained = gwf_reading(folder.path(), &args, ROUTE);
    assert_eq!(
        explained.status.code(),
        Some(0),
        "{}",
        text(&explained.stderr)
    );
    let document = json(&explained);
    let explanation = &document["explanations"][0];
    assert_eq!(explanation["answers"][0]["backend"], "infra/web:8080");
    assert_eq!(explanation["winner"]["place"]["file"], "standard input");
    assert_documented("explain", &document);

    let wrong = ROUTE.replace("backendRefs", "backendRef");
    let rejected = gwf_reading(folder.path(), &["bundle", "-f", "-"], &wrong);
    assert_eq!(rejected.status.code(), Some(2));
    let error = text(&rejected.stderr);
    assert!(error.contains("standard input:12:"), "{error}");
}

#[test]
fn errors_are_a_document_as_well() {
    let folder = folder();
    let wrong = ROUTE
        .replace("backendRefs", "backendRef")
        .replace("spec: {ports", "spec: {prts");
    fs::write(folder.path().join("routes/route.yaml"), wrong).unwrap();
    let args = [&["explain", "-f", ".", "-o", "json"], &REQUEST[..]].concat();
    let rejected = gwf(folder.path(), &args);
    assert_eq!(rejected.status.code(), Some(2));
    let document = json(&rejected);
    assert_documented("error", &document);
    let errors = document["errors"].as_array().unwrap();
    let places: Vec<_> = errors
        .iter()
        .map(|error| (error["file"].as_str().unwrap(), error["line"].as_u64()))
        .collect();
    let file = "./routes/route.yaml";
    assert_eq!(places, [(file, Some(4)), (file, Some(12))]);
    let message = errors[1]["message"].as_str().unwrap();
    assert!(
        message.contains("spec.rules[0].backendRef: unknown field"),
        "{message}"
    );

    let unknown = [
        &[
            "explain",
            "-f",
            "gateway.yaml",
            "--gateway",
            "a/b",
            "-o",
            "json",
        ],
        &REQUEST[..],
    ];
    let document = json(&gwf(folder.path(), &unknown.concat()));
    let message = document["errors"][0]["message"].as_str().unwrap();
    assert_eq!(
        message,
        "--gateway a/b: the manifests have no such Gateway; they have infra/gw"
    );

    let replayed = gwf(folder.path(), &["replay", "none", "-o", "json"]);
    assert_eq!(replayed.status.code(), Some(2));
    assert_documented("error", &json(&replayed));
}

#[test]
fn serve_reports_its_errors_as_an_event() {
    let folder = folder();
    let args = ["serve", "-f", "gateway.yaml", "-o", "json"];
    let mut serve = command(folder.path(), &args);
    let output = serve.env("GWF_ENVOY", "/no/such/envoy").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let event = json(&output);
    assert_eq!(event["event"], "failed");
    assert_documented("serve", &event);
    let message = event["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("/no/such/envoy"), "{message}");
}

#[test]
fn what_is_not_carried_over_is_a_sarif_log() {
    let folder = folder();
    let policy = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\n\
        metadata: {name: s, namespace: infra}\nspec:\n  targetRefs:\n  \
        - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}\n  cors: {allowOrigins: [\"*\"]}\n";
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let output = gwf(folder.path(), &["bundle", "-f", ".", "-o", "sarif"]);
    assert_eq!(output.status.code(), Some(1));
    let log = json(&output);
    assert_eq!(log["version"], "2.1.0");
    let result = &log["runs"][0]["results"][0];
    assert_eq!(
        (&result["ruleId"], &result["level"]),
        (&"TargetNotFound".into(), &"error".into())
    );
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "./policy.yaml");
    assert_eq!(place["region"]["startLine"], 4);

    fs::write(folder.path().join("policy.yaml"), "a: [").unwrap();
    let output = gwf(folder.path(), &["bundle", "-f", ".", "-o", "sarif"]);
    assert_eq!(output.status.code(), Some(2));
    let result = &json(&output)["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "./policy.yaml");
}

#[test]
fn objects_are_a_list_in_json() {
    let folder = folder();
    let bundled = json(&gwf(folder.path(), &["bundle", "-f", ".", "-o", "json"]));
    assert_eq!(bundled["kind"], "List");
    let items = bundled["items"].as_array().unwrap();
    assert!(
        items
            .iter()
            .any(|item| item["kind"] == "EnvoyExtensionPolicy")
    );
    let both = gwf(
        folder.path(),
        &["bundle", "-f", ".", "-o", "json", "--output-dir", "out"],
    );
    assert_eq!(both.status.code(), Some(2));
    assert!(!folder.path().join("out").exists());
}

#[test]
fn names_that_the_manifests_do_not_have_are_errors() {
    let folder = folder();
    for (args, message) in [
        (
            &["bundle", "--gateway", "infra/other"][..],
            "--gateway infra/other: the manifests have no such Gateway; they have infra/gw",
        ),
        (
            &["bundle", "--route", "infra/other"],
            "--route infra/other: no Gateway serves a route of this name",
        ),
        (
            &["bundle", "--rate-limit-service", "infra/web:1"],
            "--rate-limit-service infra/web:1: the Service has no port 1",
        ),
    ] {
        let output = gwf(folder.path(), &[args, &["-f", "."]].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = text(&output.stderr);
        assert!(error.contains(message), "{args:?}: {error}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    let folder = folder();
    let mut child = command(folder.path(), &["bundle", "-f", "."])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        !text(&output.stderr).contains("pipe"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn quiet_leaves_errors_only() {
    let (folder, out) = (folder(), tempfile::tempdir().unwrap());
    let write = [
        "bundle",
        "-f",
        ".",
        "--output-dir",
        out.path().to_str().unwrap(),
    ];
    let loud = gwf(folder.path(), &write);
    assert!(text(&loud.stderr).contains("placeholder"));
    let quiet = gwf(folder.path(), &[&write[..], &["--quiet"]].concat());
    assert_eq!(
        (quiet.status.code(), text(&quiet.stderr)),
        (Some(0), String::new())
    );
    let error = gwf(folder.path(), &["-q", "bundle", "-f", "none.yaml"]);
    assert_eq!(error.status.code(), Some(2));
    assert!(text(&error.stderr).contains("none.yaml"));
}

#[test]
fn the_modules_are_listed_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let listed = json(&gwf(folder.path(), &["modules", "-o", "json"]));
    assert_documented("modules", &listed);
    let written = gwf(folder.path(), &["modules", "--output-dir", "out/modules"]);
    assert_eq!(written.status.code(), Some(0));
    let modules = listed["modules"].as_array().unwrap();
    let names: Vec<_> = modules
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["canary", "rate-limit", "route-match"]);
    for module in modules {
        let file = format!("out/modules/{}.wasm", module["name"].as_str().unwrap());
        let bytes = fs::read(folder.path().join(file)).unwrap();
        assert_eq!(bytes.len() as u64, module["size"].as_u64().unwrap());
        assert!(bytes.starts_with(b"\0asm"));
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let hex: String = digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(module["sha256"], hex.as_str());
        assert!(text(&written.stdout).contains(&hex));
    }
}

#[test]
fn the_version_names_modules_and_releases() {
    let folder = tempfile::tempdir().unwrap();
    let document = json(&gwf(folder.path(), &["version", "-o", "json"]));
    assert_documented("version", &document);
    assert_eq!(document["gwf"], env!("CARGO_PKG_VERSION"));
    let printed = text(&gwf(folder.path(), &["version"]).stdout);
    for part in [
        format!("Envoy {}", document["envoy"].as_str().unwrap()),
        format!(
            "Envoy Gateway {}",
            document["envoyGateway"].as_str().unwrap()
        ),
        document["modules"][0]["sha256"]
            .as_str()
            .unwrap()
            .to_owned(),
    ] {
        assert!(printed.contains(&part), "{part} is not in {printed}");
    }
}

#[test]
fn every_command_has_help_with_examples_and_a_completion() {
    let folder = tempfile::tempdir().unwrap();
    let help = text(&gwf(folder.path(), &["--help"]).stdout);
    assert!(help.starts_with("gwf runs Gateway API manifests"), "{help}");
    let commands = [
        "serve",
        "explain",
        "replay",
        "bundle",
        "migrate",
        "modules",
        "run-test",
        "schema",
        "completion",
        "version",
    ];
    let completion = text(&gwf(folder.path(), &["completion", "bash"]).stdout);
    for command in commands {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
        let own = text(&gwf(folder.path(), &[command, "--help"]).stdout);
        assert!(own.contains("Example"), "{command}: {own}");
        assert!(completion.contains(&format!("gwf,{command}")), "{command}");
    }
}

#[test]
fn a_replay_is_documented() {
    let folder = folder();
    fs::write(
        folder.path().join("cases.yaml"),
        "name: t\ngateway: {namespace: infra, name: gw}\ncases:\n\
         - {name: right, request: {path: /}, response: {statusCodes: [200]}}\n\
         - {name: wrong, request: {path: /}, response: {statusCodes: [299]}}\n",
    )
    .unwrap();
    fs::write(
        folder.path().join("manifests.yaml"),
        format!("{GATEWAY}---\n{ROUTE}"),
    )
    .unwrap();
    let replayed = gwf(
        folder.path(),
        &["replay", ".", "-o", "json", "--host", "core,wasmtime"],
    );
    assert_eq!(replayed.status.code(), Some(1));
    let document = json(&replayed);
    assert_eq!(
        (&document["passed"], &document["failed"]),
        (&1.into(), &1.into())
    );
    assert_documented("replay", &document);
}
