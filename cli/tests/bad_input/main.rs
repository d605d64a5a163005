//! What a user can get wrong: each gives one clear error with its place, and never a panic.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

#[cfg(test)]
mod filters;
#[cfg(test)]
mod scenarios;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

const MANIFESTS: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {namespace: n, name: g}
spec:
  gatewayClassName: c
  listeners:
    - {name: http, port: 80, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {namespace: n, name: r}
spec:
  parentRefs:
    - name: g
  rules:
    - backendRefs:
        - {name: s, port: 8080}
---
apiVersion: v1
kind: Service
metadata: {namespace: n, name: s}
spec:
  ports: [{port: 8080}]
";

const CASES: &str = "\
name: T
gateway: {namespace: n, name: g}
cases:
  - name: one
    request: {path: /one}
    response: {statusCodes: [200]}
    backend: s
  - name: two
    request: {path: /two}
    response: {statusCodes: [200]}
    backend: s
";

/// What every module here has.
const ABI: &str = r#"
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))"#;

/// A scenario folder and modules in it.
struct Input(TempDir);

/// What the command said.
struct Replayed {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Input {
    fn new(manifests: &str, cases: &str) -> Self {
        let input = Self(tempfile::tempdir().unwrap());
        fs::write(input.path("manifests.yaml"), manifests).unwrap();
        fs::write(input.path("cases.yaml"), cases).unwrap();
        input
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    fn replay(&self, more: &[&str]) -> Replayed {
        let output = Command::new(env!("CARGO_BIN_EXE_gwf"))
            .arg("replay")
            .arg(self.0.path())
            .args(more)
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let text = |bytes: &[u8]| {
            let folder = format!("{}/", self.0.path().display());
            String::from_utf8_lossy(bytes).replace(&folder, "")
        };
        let told = Replayed {
            status: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        assert!(!told.err.contains("panicked at"), "{}", told.err);
        told
    }

    /// Replays with a module of these bytes.
    fn with_module(&self, bytes: &[u8], more: &[&str]) -> Replayed {
        let module = self.path("filter.wasm");
        fs::write(&module, bytes).unwrap();
        let module = format!("gateway={}", module.display());
        self.replay(&[&["--module", &module], more].concat())
    }
}

impl Replayed {
    /// One error, that says all of this, and no case was run.
    #[track_caller]
    fn refused(&self, parts: &[&str]) {
        let Self { status, out, err } = self;
        assert_eq!(*status, Some(2), "{err}{out}");
        assert_eq!(err.matches('×').count(), 1, "{err}");
        assert_eq!(out, "");
        for part in parts {
            assert!(err.contains(part), "{part} is not in\n{err}");
        }
    }

    /// Cases failed, and the report says all of this.
    #[track_caller]
    fn failed(&self, parts: &[&str]) {
        let Self { status, out, err } = self;
        assert_eq!(*status, Some(1), "{err}{out}");
        assert_eq!(err, "");
        for part in parts {
            assert!(out.contains(part), "{part} is not in\n{out}");
        }
    }
}

fn good() -> Input {
    Input::new(MANIFESTS, CASES)
}

fn module(body: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {body})")).unwrap()
}

/// A filter with this body of its request callback.
fn on_request(body: &str) -> Vec<u8> {
    module(&format!(
        r#"{ABI} (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {body})"#
    ))
}
