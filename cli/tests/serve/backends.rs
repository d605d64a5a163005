//! Who answers, where, and what is told of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use serde_json::json;

use crate::fixture::{Folder, Served, address, gateway, get, route, service, shop};
use crate::required_envoy;

/// Routes to two Services and to one that is not there.
fn three_routes() -> String {
    let manifests = [
        gateway("public"),
        service("cart"),
        service("pay"),
        route("cart", "public", "cart")
            .replace("rules:", "hostnames: [cart.example.com]\n  rules:"),
        route("pay", "public", "pay").replace("rules:", "hostnames: ['*.example.com']\n  rules:"),
        route("lost", "public", "nowhere"),
    ];
    manifests.concat()
}

#[test]
fn a_request_comes_to_the_backend_of_its_route() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&three_routes());
    let mut served = Served::start(&folder, &["--access-log"]);
    let ready = served.next("ready");
    let at = address(&ready);

    let answer = get(at, "cart.example.com", "/a?b=c", "");
    assert_eq!(
        (answer.status, answer.service().as_str()),
        (200, "cart"),
        "{answer:?}"
    );
    assert!(answer.head.contains("x-told: cart"), "{answer:?}");
    let line = served.next("request");
    assert_eq!(line["status"], 200);
    assert_eq!(line["path"], "/a?b=c");
    assert_eq!(line["details"], "via_upstream");
    assert_eq!(
        line["rule"],
        "httproute/shop/cart/rule/0/match/0/cart_example_com"
    );
    assert_eq!(line["backend"], "shop/cart:8080");

    let forged = "x-gateway-backend: shop/cart:8080\r\n";
    let answer = get(at, "pay.example.com", "/", forged);
    assert_eq!(
        (answer.status, answer.service().as_str()),
        (200, "pay"),
        "{answer:?}"
    );
    served.next("request");
    assert_eq!(get(at, "example.org", "/", "").status, 500);
}

#[test]
fn what_is_served_and_what_is_not_is_told_at_the_start() {
    if required_envoy::find().is_none() {
        return;
    }
    let folder = Folder::with(&three_routes());
    let policy = "apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\n\
        metadata: {name: login, namespace: shop}\nspec:\n  \
        targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: public}]\n  cors: {}\n";
    folder.write("policy.yaml", policy);
    let mut served = Served::start(&folder, &[]);
    let ready = served.next("ready");
    let at = address(&ready);
    assert_eq!(ready["listeners"][0]["gateway"], "shop/public");
    assert_eq!(ready["listeners"][0]["url"], json!(format!("http://{at}")));
    let services = ready["services"].as_array().unwrap();
    let services: Vec<_> = services
        .iter()
        .map(|one| (&one["service"], &one["backend"]))
        .collect();
    assert_eq!(
        services,
        [
            (&json!("shop/cart:8080"), &json!("echo")),
            (&json!("shop/pay:8080"), &json!("echo"))
        ]
    );
    let refused = ready["rejected"].as_array().unwrap();
    let of = |severity: &str| refused.iter().find(|one| one["severity"] == severity);
    let policy = of("not served").unwrap();
    assert_eq!(policy["object"], "SecurityPolicy shop/login");
    let refused = of("error").unwrap();
    assert_eq!(refused["condition"], "ResolvedRefs=False BackendNotFound");
    assert!(
        refused["file"].as_str().unwrap().ends_with("shop.yaml"),
        "{refused}"
    );
    let example = format!("curl -i -H 'host: cart.example.com' http://{at}/");
    assert!(
        ready["examples"]
            .as_array()
            .unwrap()
            .contains(&json!(example)),
        "{ready:#}"
    );
}

#[test]
fn a_limit_is_told_with_what_is_left() {
    if required_envoy::find().is_none() {
        return;
    }
    let limit = "---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: limit, namespace: shop}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: public}]
  rateLimit: {type: Local, local: {rules: [{limit: {requests: 2, unit: Hour}}]}}
";
    let folder = Folder::with(&[&shop("cart"), limit].concat());
    let mut served = Served::start(&folder, &["--access-log"]);
    let at = address(&served.next("ready"));
    let mut told = Vec::new();
    for _ in 0..3 {
        let status = get(at, "a.example", "/", "").status;
        let line = served.next("request");
        assert_eq!(line["status"], status);
        assert_eq!(line["limit"], "2");
        told.push((status, line["remaining"].as_str().unwrap().to_owned()));
    }
    let expected = [(200, "1"), (200, "0"), (429, "0")];
    assert_eq!(
        told,
        expected.map(|(status, left)| (status, left.to_owned()))
    );

    // Counters outlive a reload.
    folder.write("more.yaml", &service("more"));
    served.next("reloaded");
    assert_eq!(get(at, "a.example", "/", "").status, 429);
    assert!(served.next("request")["retryAfter"].is_string());
}

/// Answers one request with `own`.
fn real_backend() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let _length = stream.read(&mut request).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown";
        stream.write_all(answer).unwrap();
    });
    address
}

#[test]
fn a_service_with_an_address_is_there() {
    if required_envoy::find().is_none() {
        return;
    }
    let own = real_backend();
    let folder = Folder::with(&shop("cart"));
    let mut served = Served::start(&folder, &["--backend", &format!("shop/cart={own}")]);
    let ready = served.next("ready");
    assert_eq!(
        ready["services"],
        json!([{"service": "shop/cart:8080", "backend": "address", "address": own}])
    );
    assert_eq!(get(address(&ready), "a.example", "/", "").body, "own");
}

#[test]
fn two_gateways_of_one_port_are_apart() {
    if required_envoy::find().is_none() {
        return;
    }
    let manifests = [
        shop("cart"),
        gateway("inner"),
        service("pay"),
        route("pay", "inner", "pay"),
    ];
    let folder = Folder::with(&manifests.concat());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut served = Served::start(&folder, &["--port", &format!("80={port}")]);
    let ready = served.next("ready");
    let [first, second] = [0, 1].map(|index| {
        let address = ready["listeners"][index]["address"].as_str().unwrap();
        address.parse::<SocketAddr>().unwrap()
    });
    assert_eq!(first.port(), port);
    assert_ne!(second.port(), port);
    assert_eq!(
        ready["listeners"][1]["notes"],
        json!([format!("{port} is another listener's")])
    );
    assert_eq!(get(first, "a.example", "/", "").service(), "cart");
    assert_eq!(get(second, "a.example", "/", "").service(), "pay");

    let mut served = Served::start(&folder, &["--gateway", "shop/inner"]);
    let ready = served.next("ready");
    assert_eq!(ready["listeners"].as_array().unwrap().len(), 1);
    assert_eq!(get(address(&ready), "a.example", "/", "").service(), "pay");
}
