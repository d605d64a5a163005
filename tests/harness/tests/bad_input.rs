//! What a user can get wrong: each gives one clear error with its place, and never a panic.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use gwf::modules;
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
struct Told {
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

    fn replay(&self, more: &[&str]) -> Told {
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
        let told = Told {
            status: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        assert!(!told.err.contains("panicked at"), "{}", told.err);
        told
    }

    /// Replays with a module of these bytes.
    fn with_module(&self, bytes: &[u8], more: &[&str]) -> Told {
        let module = self.path("filter.wasm");
        fs::write(&module, bytes).unwrap();
        self.replay(&[&["--filter", module.to_str().unwrap()], more].concat())
    }
}

impl Told {
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

#[test]
fn the_input_is_good_where_nothing_is_changed() {
    let told = good().replay(&["--host", "core,wasmtime"]);
    assert_eq!(told.status, Some(0), "{}{}", told.err, told.out);
    assert_eq!(
        told.out.lines().last(),
        Some("2 passed, 0 failed, 0 skipped")
    );
}

#[test]
fn a_filter_that_traps_fails_every_case_with_the_trap() {
    let told = good().with_module(&on_request("unreachable"), &[]);
    told.failed(&[
        "T/one on wasmtime",
        "T/two on wasmtime",
        "503 from the gateway",
        "0 passed, 2 failed, 0 skipped",
    ]);
    let why = "proxy_on_request_headers failed: wasm trap: wasm `unreachable` instruction executed";
    assert_eq!(told.out.matches(why).count(), 2, "{}", told.out);
}

#[test]
fn hosts_that_differ_fail_the_run() {
    let trapping = on_request("unreachable");
    let told = good().with_module(&trapping, &["--host", "core,wasmtime"]);
    told.failed(&[
        "the hosts differ",
        "passed    FAILED    ≠ T/one",
        "0 passed, 2 failed, 0 skipped",
    ]);
    let table = ["--host", "core,wasmtime", "--format", "agreement"];
    let told = good().with_module(&trapping, &table);
    told.failed(&[
        "core      wasmtime    case",
        "passed    FAILED    ≠ T/two",
        "the hosts differ on 2 of 2 cases",
    ]);
}

#[test]
fn a_filter_that_never_ends_is_stopped() {
    let told = good().with_module(&on_request("(loop $again (br $again)) (i32.const 0)"), &[]);
    told.failed(&[
        "503 from the gateway",
        "proxy_on_request_headers failed: it ran too long and was stopped after",
    ]);
}

#[test]
fn a_configuration_that_never_ends_is_stopped() {
    let endless = module(&format!(
        r#"{ABI} (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (loop $again (br $again)) (i32.const 1))"#
    ));
    let told = good().with_module(&endless, &[]);
    told.failed(&[
        "filter.wasm: proxy_on_configure failed: it ran too long and was stopped after",
        "also    1 more in this scenario",
    ]);
}

#[test]
fn modules_that_do_not_load_are_refused_by_name() {
    let whole = fs::read(modules::ROUTE_MATCH).unwrap();
    let cut = whole.get(..whole.len() / 2).unwrap();
    let unknown = format!(r#"(import "env" "proxy_teleport" (func)) {ABI}"#);
    let other_type = format!(r#"(import "env" "proxy_log" (func (param i64))) {ABI}"#);
    let without_abi = r#"(memory (export "memory") 1)"#;
    let wrong_callback = format!(r#"{ABI} (func (export "proxy_on_log") (param i64))"#);
    let without_malloc = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    let input = good();
    for (bytes, parts) in [
        (cut.to_vec(), ["corrupted", "unexpected end-of-file"]),
        (b"#!/bin/sh\n".to_vec(), ["corrupted", "no Wasm binary"]),
        (Vec::new(), ["corrupted", "no Wasm binary"]),
        (
            module(&unknown),
            ["Envoy 1.39 does not offer", "env.proxy_teleport"],
        ),
        (module(&other_type), ["import", "proxy_log"]),
        (
            module(without_abi),
            [
                "Missing or unknown Proxy-Wasm ABI version",
                "proxy_abi_version_0_2_1",
            ],
        ),
        (module(&wrong_callback), ["signature", "proxy_on_log"]),
        (
            module(without_malloc),
            ["malloc", "proxy_on_memory_allocate"],
        ),
    ] {
        let told = input.with_module(&bytes, &[]);
        told.refused(&parts);
        told.refused(&["filter.wasm: "]);
    }
}

#[test]
fn a_filter_that_is_not_there_is_refused() {
    let input = good();
    let gone = input.path("gone.wasm");
    let told = input.replay(&["--filter", gone.to_str().unwrap()]);
    told.refused(&["gone.wasm: cannot be read: No such file"]);
    let told = input.replay(&["--filter", "rout-match"]);
    told.refused(&["no filter `rout-match`", "route-match, do-nothing"]);
}

#[test]
fn mistakes_in_manifests_are_told_with_line_and_field() {
    for (right, wrong, parts) in [
        (
            "gatewayClassName: c",
            "gatewayClasName: c",
            &[
                "manifests.yaml:5:3: Gateway n/g: spec.gatewayClasName: unknown field",
                "did you mean `gatewayClassName`?",
            ][..],
        ),
        (
            "port: 80,",
            "port: eighty,",
            &[
                "manifests.yaml:7:20: Gateway n/g: spec.listeners[0].port: invalid type: string \"eighty\"",
            ],
        ),
        (
            "    - name: g",
            "   - nme: g",
            &["manifests.yaml:14:6: HTTPRoute n/r: spec.parentRefs[0].nme: unknown field"],
        ),
        (
            "    - name: g",
            "    - name: g\n     namespace: n",
            &["manifests.yaml:15:", "not valid YAML", "indented"],
        ),
        (
            "  rules:",
            "\trules:",
            &[
                "manifests.yaml:14:13: ",
                "YAML is indented with spaces, not tabs",
            ],
        ),
        (
            "kind: HTTPRoute",
            "kind: HTTPRoute\nkind: GRPCRoute",
            &["manifests.yaml:11:1", "the key `kind` appears twice"],
        ),
        (
            "kind: HTTPRoute\nmetadata: {namespace: n, name: r}",
            "kind: HTTPRoute",
            &["manifests.yaml:", "metadata"],
        ),
        (
            "port: 80,",
            "port: 80000,",
            &[
                "manifests.yaml:7:20: Gateway n/g: spec.listeners[0].port",
                "65535",
            ],
        ),
    ] {
        assert!(MANIFESTS.contains(right), "{right}");
        let told = Input::new(&MANIFESTS.replacen(right, wrong, 1), CASES).replay(&[]);
        told.refused(parts);
    }
}

#[test]
fn several_mistakes_are_told_together() {
    let manifests = MANIFESTS.replace("port: 80", "prt: 80");
    let told = Input::new(&manifests, CASES).replay(&[]);
    assert_eq!(told.status, Some(2));
    for line in [
        "manifests.yaml:7:20:",
        "manifests.yaml:17:21:",
        "manifests.yaml:23:12:",
    ] {
        assert_eq!(
            told.err.matches(&format!("{line} ")).count(),
            1,
            "{}",
            told.err
        );
    }
}

#[test]
fn mistakes_in_cases_are_told_with_line_and_field() {
    for (right, wrong, parts) in [
        (
            "request: {path: /two}",
            "request: {pth: /two}",
            &["cases.yaml:9:15: cases[1].request.pth: unknown field `pth`"][..],
        ),
        (
            "[200]",
            "[ok]",
            &["cases.yaml:6:30: cases[0].response.statusCodes[0]: invalid u16"],
        ),
        (
            "    request: {path: /two}",
            "   request: {path: /two}",
            &["cases.yaml:9:4: "],
        ),
        (
            "    request: {path: /two}",
            "\trequest: {path: /two}",
            &["cases.yaml:8:11: ", "found a tab"],
        ),
        (
            "cases:",
            "tests:",
            &["cases.yaml:3:1: tests: unknown field `tests`"],
        ),
        ("name: T", "name: T\nname: U", &["cases.yaml:2:1: ", "name"]),
    ] {
        assert!(CASES.contains(right), "{right}");
        let told = Input::new(MANIFESTS, &CASES.replacen(right, wrong, 1)).replay(&[]);
        told.refused(parts);
    }
}

#[test]
fn a_gateway_that_is_not_there_is_told_once() {
    let told = Input::new(MANIFESTS, &CASES.replace("name: g}", "name: other}")).replay(&[]);
    told.failed(&["cases.yaml:4", "also    1 more in this scenario"]);
    let error =
        "manifests.yaml: there is no Gateway n/other with a listener for HTTP; there is n/g";
    assert_eq!(told.out.matches(error).count(), 1, "{}", told.out);
}

#[test]
fn a_failed_case_comes_with_what_the_manifests_were_refused_for() {
    let manifests = MANIFESTS.replace(
        "{name: s, port: 8080}",
        "{name: s, namespace: m, port: 8080}",
    );
    let refusal = "manifests.yaml:17: HTTPRoute n/r: ResolvedRefs=False RefNotPermitted";
    let input = Input::new(&manifests, CASES);
    input.replay(&[]).failed(&["manifests of T", refusal]);
    let passing = CASES.replace("[200]}\n    backend: s", "[500]}");
    let input = Input::new(&manifests, &passing);
    let quiet = input.replay(&[]);
    assert_eq!(quiet.status, Some(0), "{}", quiet.out);
    assert!(!quiet.out.contains(refusal), "{}", quiet.out);
    let verbose = input.replay(&["--verbose"]);
    assert!(verbose.out.contains(refusal), "{}", verbose.out);
}

#[test]
fn folders_without_scenario_are_refused() {
    let input = good();
    fs::remove_file(input.path("cases.yaml")).unwrap();
    input
        .replay(&[])
        .refused(&["no scenario in", "manifests.yaml and cases.yaml"]);
    fs::write(input.path("cases.yaml"), CASES).unwrap();
    fs::remove_file(input.path("manifests.yaml")).unwrap();
    input
        .replay(&[])
        .refused(&["cannot read manifests.yaml", "No such file"]);
    fs::write(input.path("manifests.yaml"), b"kind: \xff\n").unwrap();
    input.replay(&[]).refused(&["manifests.yaml", "UTF-8"]);
}

#[test]
fn an_envoy_that_is_none_is_told_once() {
    let input = good();
    let envoy = input.path("envoy");
    let output = Command::new(env!("CARGO_BIN_EXE_gwf"))
        .args(["replay", "--host", "envoy"])
        .arg(input.0.path())
        .env("GWF_ENVOY", &envoy)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let err = String::from_utf8_lossy(&output.stderr);
    let told = format!("{} is not an Envoy that runs here", envoy.display());
    assert_eq!(err.matches(&told).count(), 1, "{err}");
}
