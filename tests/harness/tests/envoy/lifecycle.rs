//! How Envoy starts, fails, is measured and ends.

use std::process::Command;
use std::time::Duration;

use gateway_harness::envoy::{self, EnvoyError, EnvoyHost, EnvoyOptions, ModuleFolder, WasmLog};
use gateway_harness::model::RouteAction;

use gateway_harness::wasm_host::WasmCode;

use crate::fixture::{LOOP, REROUTE, forward, get, module, proxy, route, start, with_filter};
use crate::required_envoy;

#[test]
fn a_bad_module_is_refused_with_envoys_reason() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let whole = module(REROUTE);
    let bytes = whole.bytes();
    let half = WasmCode::new("half", bytes[..bytes.len() / 2].to_vec());
    let proxy = with_filter(proxy(vec![route("/", forward("v1"))]), half);
    let error = EnvoyHost::start(&binary, &proxy, &EnvoyOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Failed to parse corrupted Wasm module"),
        "{error}"
    );
    assert!(
        error.contains("Unable to create Wasm plugin probe"),
        "{error}"
    );
}

#[test]
fn a_filter_that_loops_is_no_answer_in_time() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let proxy = with_filter(proxy(vec![route("/", forward("v1"))]), module(LOOP));
    let options = EnvoyOptions {
        answer_timeout: Duration::from_millis(300),
        ..EnvoyOptions::default()
    };
    let host = EnvoyHost::start(&binary, &proxy, &options).unwrap();
    let error = host.send(&get("/")).unwrap_err().to_string();
    assert!(
        error.starts_with("no answer from envoy: none within 300ms"),
        "{error}"
    );
}

#[test]
fn a_filter_that_loops_in_its_configuration_is_not_ready_in_time() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let text = LOOP
        .replace("proxy_on_request_headers", "proxy_on_configure")
        .replace("(param i32 i32 i32)", "(param i32 i32)");
    let proxy = with_filter(proxy(vec![route("/", forward("v1"))]), module(&text));
    let options = EnvoyOptions {
        start_timeout: Duration::from_secs(1),
        ..EnvoyOptions::default()
    };
    let error = EnvoyHost::start(&binary, &proxy, &options).unwrap_err();
    assert!(matches!(error, EnvoyError::NotReady { .. }), "{error}");
}

#[test]
fn envoy_is_gone_after_drop() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &proxy(Vec::new()));
    let pid = host.pid().to_string();
    let alive = || {
        Command::new("kill")
            .args(["-0", &pid])
            .output()
            .unwrap()
            .status
            .success()
    };
    assert!(alive());
    drop(host);
    assert!(!alive());
}

#[test]
fn an_envoy_that_dies_is_reported() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &proxy(Vec::new()));
    let killed = Command::new("kill")
        .args(["-KILL", &host.pid().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    // Its socket may outlive the signal for a moment, but answers nothing any more.
    let error = host.send(&get("/")).unwrap_err();
    assert!(matches!(error, EnvoyError::NoAnswer { .. }), "{error}");
}

#[test]
fn a_load_counts_answers_and_cpu_time() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let options = EnvoyOptions {
        wasm_log: WasmLog::Warning,
        concurrency: 2,
        ..EnvoyOptions::default()
    };
    let routes = vec![route("/", RouteAction::DirectResponse(204))];
    let host = EnvoyHost::start(&binary, &proxy(routes), &options).unwrap();
    let before = host.cpu_time().unwrap();
    let load = host.load(4, 3001, &[get("/")]).unwrap();
    assert_eq!(load.by_status, [(204, 3001)].into());
    assert!(load.elapsed > Duration::ZERO);
    assert!(host.cpu_time().unwrap() > before);
}

#[test]
fn envoy_finds_nothing_wrong_with_the_bootstrap() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut rewriting = route("/a/", forward("grpc"));
    rewriting.headers = vec![("x-a".into(), "1".into()), ("x-b".into(), "".into())];
    let routes = vec![rewriting, route("/", RouteAction::DirectResponse(404))];
    let proxy = with_filter(proxy(routes), module(REROUTE));
    let file = folder.path().join("bootstrap.json");
    let modules = ModuleFolder::new(folder.path().join("modules")).unwrap();
    modules.add(&proxy.filters[0].module).unwrap();
    let bootstrap = envoy::bootstrap(&proxy, &Default::default(), &modules);
    std::fs::write(&file, bootstrap.to_string()).unwrap();

    let output = Command::new(&binary.path)
        .args([
            "--mode",
            "validate",
            "--log-level",
            "warning",
            "--config-path",
        ])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
