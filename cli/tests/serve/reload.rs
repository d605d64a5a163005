//! What an edit does.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use gateway_filter_modules::GATEWAY;
use serde_json::{Value, json};

use crate::fixture::{Folder, Served, address, eventually, get, route, service, shop};
use crate::required_envoy;

fn answers(at: SocketAddr) -> String {
    get(at, "a.example", "/", "").service()
}

fn changes(event: &Value) -> Vec<&str> {
    let changes = event["changes"].as_array().unwrap();
    changes.iter().filter_map(Value::as_str).collect()
}

#[test]
fn an_edit_is_picked_up_and_what_it_replaced_is_removed() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    let mut served = Served::start(&folder, &[]);
    let ready = served.next("ready");
    let at = address(&ready);
    assert_eq!(answers(at), "cart");
    let echo: SocketAddr = ready["services"][0]["address"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();

    folder.write("shop.yaml", &shop("pay"));
    let reloaded = served.next("reloaded");
    assert_eq!(
        changes(&reloaded),
        [
            "HTTPRoute shop/all changed",
            "Service shop/cart removed",
            "Service shop/pay added"
        ]
    );
    assert_eq!(address(&reloaded), at);
    assert_eq!(answers(at), "pay");

    let admin: SocketAddr = ready["admin"].as_str().unwrap().parse().unwrap();
    eventually("the old cluster is gone", || {
        let clusters = get(admin, "admin", "/clusters", "").body;
        assert!(clusters.contains("shop/pay:8080"), "{clusters}");
        (!clusters.contains("shop/cart:8080")).then_some(())
    });
    eventually("the old backend is gone", || {
        std::net::TcpStream::connect(echo).err()
    });
    assert_eq!(answers(at), "pay");
}

#[test]
fn a_request_that_is_under_way_is_answered_by_the_old_configuration() {
    if required_envoy::find().is_none() {
        return;
    }
    let backend = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = format!("cart={}", backend.local_addr().unwrap());
    let folder = Folder::with(&[shop("cart"), service("pay")].concat());
    let mut served = Served::start(&folder, &["--backend", &own, "--drain", "600"]);
    let at = address(&served.next("ready"));
    let slow = thread::spawn(move || get(at, "a.example", "/", ""));
    let (mut stream, _) = backend.accept().unwrap();
    folder.write("shop.yaml", &[shop("pay"), service("cart")].concat());
    served.next("reloaded");
    assert_eq!(answers(at), "pay");
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow";
    stream.write_all(answer).unwrap();
    let answer = slow.join().unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "slow"));
    assert!(answer.head.contains("x-told: cart"), "{answer:?}");
}

#[test]
fn a_service_whose_protocol_changes_is_spoken_to_in_the_new_one() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    let mut served = Served::start(&folder, &[]);
    let at = address(&served.next("ready"));
    let protocol = || {
        let seen: Value = serde_json::from_str(&get(at, "a.example", "/", "").body).unwrap();
        seen["proto"].clone()
    };
    assert_eq!(protocol(), "HTTP/1.1");
    let h2c = "{port: 8080, appProtocol: kubernetes.io/h2c}";
    folder.write("shop.yaml", &shop("cart").replace("{port: 8080}", h2c));
    assert_eq!(
        changes(&served.next("reloaded")),
        ["Service shop/cart changed"]
    );
    assert_eq!(protocol(), "HTTP/2.0");
}

#[test]
fn a_file_that_is_added_is_picked_up_and_listens_where_it_says() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    let further = shop("pay")
        .replace("name: public", "name: inner")
        .replace("name: all", "name: inner")
        .replace("port: 80,", "port: 81,");
    folder.write("a.yaml", &further);
    let mut served = Served::start(&folder, &["--port", "81=0"]);
    served.next("ready");
    fs::remove_file(folder.manifests().join("a.yaml")).unwrap();
    let at = address(&served.next("reloaded"));
    folder.write("a.yaml", &further);
    let reloaded = served.next("reloaded");
    assert_eq!(reloaded["listeners"].as_array().unwrap().len(), 2);
    assert_eq!(reloaded["listeners"][0]["gateway"], "shop/inner");
    assert_eq!(answers(address(&reloaded)), "pay");
    assert_eq!(answers(at), "cart");

    fs::remove_file(folder.manifests().join("a.yaml")).unwrap();
    assert_eq!(address(&served.next("reloaded")), at);
    assert_eq!(answers(at), "cart");

    // A folder that comes and goes as a whole.
    let (outside, inside) = (folder.path().join("more"), folder.manifests().join("more"));
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("more.yaml"), service("more")).unwrap();
    fs::rename(&outside, &inside).unwrap();
    assert_eq!(
        changes(&served.next("reloaded")),
        ["Service shop/more added"]
    );
    fs::rename(&inside, &outside).unwrap();
    assert_eq!(
        changes(&served.next("reloaded")),
        ["Service shop/more removed"]
    );
}

/// A route with a pattern that the filter does not know, where RE2 does.
fn unicode_class() -> String {
    let matches = r"- matches: [{path: {type: RegularExpression, value: '/\p{L}+'}}]
    filters:";
    shop("pay").replace("- filters:", matches)
}

#[test]
fn a_bad_manifest_is_refused_and_the_old_one_stays() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    let mut served = Served::start(&folder, &[]);
    let at = address(&served.next("ready"));
    let field = shop("pay").replace("parentRefs", "parentReferences");
    for (bad, reasons) in [
        (field, ["shop.yaml:18:", "unknown field"]),
        (
            unicode_class(),
            [
                "routes[0].spec.rules[0].matches[0].path.value",
                r"`/\p{L}+`",
            ],
        ),
        (
            service("pay"),
            ["there is no Gateway", "in these manifests"],
        ),
        ("a: [".to_owned(), ["shop.yaml:", ""]),
    ] {
        folder.write("shop.yaml", &bad);
        let refused = served.next("rejected");
        let reason = refused["errors"][0]["message"].as_str().unwrap();
        assert!(reasons.iter().all(|part| reason.contains(part)), "{reason}");
        assert_eq!(answers(at), "cart");
    }
    folder.write("shop.yaml", &shop("cart"));
    assert_eq!(served.next("reloaded")["changes"], json!([]));
    folder.write("shop.yaml", &shop("pay"));
    served.next("reloaded");
    assert_eq!(answers(at), "pay");
}

#[test]
fn a_module_that_is_none_is_refused_and_another_one_is_taken() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&shop("cart"));
    let mut served = Served::start(&folder, &[]);
    let at = address(&served.next("ready"));
    folder.replace_module(b"not a module");
    let refused = served.next("rejected");
    let reason = refused["errors"][0]["message"].as_str().unwrap();
    assert!(reason.contains("Failed to load Wasm code"), "{reason}");
    assert_eq!(answers(at), "cart");

    // The same with a custom section at its end.
    let mut module = GATEWAY.bytes.to_vec();
    module.extend(b"\0\x03\x02hi");
    folder.replace_module(&module);
    assert_eq!(
        changes(&served.next("reloaded")),
        ["module gateway changed"]
    );
    assert_eq!(answers(at), "cart");
}

#[test]
fn an_edit_that_needs_a_port_of_another_program_is_refused() {
    if required_envoy::find().is_none() {
        return;
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let both = "listeners: [{name: more, port: 81, protocol: HTTP}, ";
    let both = shop("cart").replace("listeners: [", both);
    let folder = Folder::with(&both);
    let mut served = Served::start(&folder, &["--port", &format!("81={port}")]);
    served.next("ready");
    folder.write("shop.yaml", &shop("cart"));
    let at = address(&served.next("reloaded"));
    // The port is given up with the last connection of the listener that had it.
    let other = eventually("the port is free", || {
        TcpListener::bind(("127.0.0.1", port)).ok()
    });
    folder.write("shop.yaml", &both);
    let refused = served.next("rejected");
    let reason = refused["errors"][0]["message"].as_str().unwrap();
    assert!(reason.contains(&format!("127.0.0.1:{port}")), "{reason}");
    assert!(reason.contains("--port 81=0"), "{reason}");
    assert_eq!(answers(at), "cart");
    drop(other);
    folder.write(
        "more.yaml",
        &[service("pay"), route("more", "public", "pay")].concat(),
    );
    assert_eq!(
        served.next("reloaded")["listeners"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
