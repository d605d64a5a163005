//! Each command as a user meets it: input, output, diagnostics, exit status.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

#[cfg(test)]
mod bundle;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod modules;
#[cfg(test)]
mod output;
#[cfg(test)]
mod replay;

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
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("schema.json", schema).unwrap();
    let index = compiler.compile("schema.json", &mut schemas).unwrap();
    let refusal = schemas.validate(document, index).err();
    let refusal = refusal.map(|errors| format!("{errors:#}"));
    assert_eq!(refusal, None, "{command}: {document:#}");
}
