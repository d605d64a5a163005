//! `envoy-config/examples/envoy.yaml`, for people without Kubernetes: Envoy takes it, and it answers.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

mod required_envoy;

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use gateway_harness::envoy::{Backends, EnvoyHost, EnvoyOptions};
use gateway_harness::exchange::{Answer, Exchange};
use serde_json::Value;

const FILE: &str = include_str!("../../../envoy-config/examples/envoy.yaml");

/// The file, with modules that need no `just build` in a folder.
fn text(folder: &Path) -> String {
    ["route-match", "rate-limit", "canary"]
        .iter()
        .fold(FILE.to_owned(), |text, name| {
            let place = format!("target/filters/{name}.wasm");
            assert_eq!(text.matches(&place).count(), 1, "{place}");
            let file = folder.join(name);
            std::fs::write(&file, gateway_filter_modules::find(name).unwrap().bytes).unwrap();
            text.replace(&place, file.to_str().unwrap())
        })
}

/// The file as a bootstrap that collides with nothing: the kernel chooses the ports.
fn bootstrap(folder: &Path) -> Value {
    let echo = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let echo = echo.local_addr().unwrap().port();
    let text = text(folder)
        .replace("port_value: 8080", "port_value: 0")
        .replace("port_value: 9901", "port_value: 0")
        .replace("port_value: 8081", &format!("port_value: {echo}"));
    serde_saphyr::from_str(&text).unwrap()
}

fn sent(host: &EnvoyHost, path: &str, headers: &[(&str, &str)]) -> Answer {
    let headers = headers.iter();
    let exchange = Exchange {
        headers: headers
            .map(|(name, value)| ((*name).into(), value.as_bytes().to_vec()))
            .collect(),
        ..Exchange::get("app.example.com", path)
    };
    host.send(&exchange)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn body(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

fn header(answer: &Answer, name: &str) -> Option<String> {
    let found = answer.headers.iter().find(|(n, _)| n == name.as_bytes());
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

#[test]
fn envoy_calls_the_file_valid() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("envoy.yaml");
    std::fs::write(&file, text(folder.path())).unwrap();
    let mut validate = Command::new(binary.path);
    validate
        .args(["--mode", "validate", "--config-path"])
        .arg(file);
    let output = validate.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn it_routes_limits_and_splits() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let listeners = [(80, "http".to_owned())].into();
    let options = EnvoyOptions::default();
    let bootstrap = |_: &Backends, folder: &Path| Ok(bootstrap(folder));
    let host = EnvoyHost::start_with(&binary, &[], &listeners, bootstrap, &options);
    let host = host.unwrap_or_else(|error| panic!("{error}"));

    let api = sent(&host, "/api/a", &[("x-version", "v2")]);
    assert_eq!(body(&api), "default/api-v2:8080 was asked for /api/a\n");
    let moved = sent(&host, "/old/a", &[]);
    assert_eq!(moved.status, 301);
    assert_eq!(
        header(&moved, "location").as_deref(),
        Some("http://app.example.com/new/a")
    );

    // Not exactly the sixth, for every twelve seconds one more may pass.
    let mut limited = (0..50).map(|_| sent(&host, "/api/a", &[("x-api-key", "ann")]));
    let refused = limited.find(|answer| answer.status != 200).unwrap();
    assert_eq!(refused.status, 429);
    assert!(header(&refused, "retry-after").is_some());

    let canary = sent(&host, "/checkout", &[("x-canary", "always")]);
    assert_eq!(
        body(&canary),
        "default/checkout-v2:8080 was asked for /checkout\n"
    );
    assert_eq!(header(&canary, "x-variant").as_deref(), Some("canary"));
}
