//! `gwf run-test` with programs in the text format.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

use std::process::{Command, Output};

/// Runs a program with two arguments; `body` is its `_start`.
fn run(imports: &str, body: &str) -> Output {
    let program = format!(
        r#"(module {imports}
             (memory (export "memory") 1)
             (data (i32.const 64) "out\n")
             (data (i32.const 80) "\40\00\00\00\04\00\00\00")
             (func (export "_start") {body}))"#
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.wasm");
    std::fs::write(&file, wat::parse_str(program).unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gwf"));
    command
        .arg("run-test")
        .arg(file)
        .args(["first", "--second"]);
    command.output().unwrap()
}

fn wasi(name: &str, parameters: &str) -> String {
    format!(r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} {parameters}))"#)
}

fn exit(body: &str, name: &str, parameters: &str) -> Option<i32> {
    let imports = wasi(name, parameters) + &wasi("proc_exit", "(param i32)");
    run(&imports, body).status.code()
}

#[test]
fn a_program_that_returns_has_succeeded() {
    assert_eq!(run("", "").status.code(), Some(0));
}

#[test]
fn its_exit_status_is_the_commands() {
    let body = "(call $proc_exit (i32.const 101)) unreachable";
    let output = run(&wasi("proc_exit", "(param i32)"), body);
    assert_eq!(output.status.code(), Some(101));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn it_sees_its_name_and_its_arguments() {
    let body = r#"(drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
                  (call $proc_exit (i32.load (i32.const 0)))"#;
    let count = exit(body, "args_sizes_get", "(param i32 i32) (result i32)");
    assert_eq!(count, Some(3));
    let body = r#"(drop (call $args_get (i32.const 0) (i32.const 1024)))
                  (call $proc_exit (i32.load8_u (i32.load (i32.const 8))))"#;
    let last = exit(body, "args_get", "(param i32 i32) (result i32)");
    assert_eq!(last, Some(b'-'.into()));
}

#[test]
fn what_it_prints_is_printed() {
    let body = "(drop (call $fd_write (i32.const 1) (i32.const 80) (i32.const 1) (i32.const 0)))
                (drop (call $fd_write (i32.const 2) (i32.const 80) (i32.const 1) (i32.const 0)))";
    let output = run(
        &wasi("fd_write", "(param i32 i32 i32 i32) (result i32)"),
        body,
    );
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"out\n"[..], &b"out\n"[..])
    );
}

#[test]
fn it_may_call_the_host() {
    let imports = r#"(import "env" "proxy_add_header_map_value"
                       (func $add (param i32 i32 i32 i32 i32) (result i32)))"#;
    let body =
        "(if (call $add (i32.const 0) (i32.const 64) (i32.const 3) (i32.const 64) (i32.const 3))
                  (then unreachable))";
    assert_eq!(run(imports, body).status.code(), Some(0));
}

#[test]
fn a_trap_is_told_and_is_no_success() {
    let output = run("", "unreachable");
    assert_eq!(output.status.code(), Some(134));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("_start failed: wasm trap: wasm `unreachable`"),
        "{error}"
    );
}

#[test]
fn what_cannot_be_run_is_refused() {
    let output = run(r#"(import "env" "unheard_of" (func))"#, "");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("does not offer the import env.unheard_of"),
        "{error}"
    );
}
