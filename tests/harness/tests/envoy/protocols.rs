//! The protocol that backends are spoken to in: HTTP/2, the client's, WebSocket.

use std::path::Path;

use gateway_harness::envoy::{Backends, EnvoyHost, EnvoyOptions, ModuleFolder, bootstrap};
use gateway_harness::exchange::{Answer, ClientTls, Exchange, Message, Protocol};
use gateway_harness::model::{Certificate, RouteAction, Tls, UpstreamProtocol};
use serde_json::Value;

use crate::fixture::{
    REROUTE, cluster, forward, get, module, proxy, route, seen, send, start, with_filter,
};
use crate::required_envoy;

/// The version in which the backend was asked.
fn version(answer: &Answer) -> String {
    let report: Value = serde_json::from_slice(&answer.body).unwrap();
    report["proto"].as_str().unwrap().to_owned()
}

#[test]
fn a_backend_is_asked_in_its_own_protocol_or_the_clients() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let mut proxy = proxy(vec![
        route("/1", forward("v1")),
        route("/2", forward("grpc")),
        route("/client", forward("client")),
    ]);
    proxy
        .clusters
        .push(cluster("client", UpstreamProtocol::Client));
    let host = start(&binary, &proxy);
    let asked = |path: &str| {
        [Protocol::Http, Protocol::H2c].map(|protocol| {
            let exchange = Exchange {
                protocol,
                ..get(path)
            };
            version(&send(&host, &exchange))
        })
    };
    assert_eq!(asked("/1"), ["HTTP/1.1", "HTTP/1.1"]);
    assert_eq!(asked("/2"), ["HTTP/2.0", "HTTP/2.0"]);
    assert_eq!(asked("/client"), ["HTTP/1.1", "HTTP/2.0"]);
}

#[test]
fn a_backend_for_http2_refuses_http1() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let mut proxy = proxy(vec![route("/", forward("v1"))]);
    // Envoy is told that the backend of v2, which is for HTTP/2, speaks HTTP/1.1.
    let backends = [cluster("v2", UpstreamProtocol::Http2)];
    proxy.clusters = vec![cluster("v1", UpstreamProtocol::Http1)];
    let configuration = |addresses: &Backends, folder: &Path| {
        let backends = [("infra/v1:8080".to_owned(), addresses["infra/v2:8080"])].into();
        let modules = ModuleFolder::new(folder.join("modules"))?;
        Ok(bootstrap(&proxy, &backends, &modules))
    };
    let listeners = [(80, "port-80".to_owned())].into();
    let options = EnvoyOptions::default();
    let host = EnvoyHost::start_with(&binary, &backends, &listeners, configuration, &options);
    let answer = send(&host.unwrap(), &get("/"));
    assert_eq!((answer.status, answer.seen), (400, None));
}

/// Two messages over a WebSocket at v1.
fn conversation(path: &str) -> Exchange {
    Exchange {
        messages: vec![
            Message::Text("grüße".into()),
            Message::Binary(vec![0, 255, 7]),
        ],
        ..get(path)
    }
}

#[test]
fn messages_come_back_over_a_websocket() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let mut proxy = proxy(vec![route("/ws", forward("v1"))]);
    let signed = rcgen::generate_simple_self_signed(["x.example".to_owned()]).unwrap();
    let mut https = proxy.listeners[0].clone();
    https.port = 443;
    https.tls = Some(Tls {
        server_names: Vec::new(),
        certificates: vec![Certificate {
            chain: signed.cert.pem(),
            key: signed.signing_key.serialize_pem(),
        }],
    });
    proxy.listeners.push(https);
    let host = start(&binary, &proxy);
    let cleartext = conversation("/ws?a=b");
    let over_tls = Exchange {
        port: 443,
        tls: Some(ClientTls::default()),
        ..cleartext.clone()
    };
    for exchange in [cleartext, over_tls] {
        let answer = send(&host, &exchange);
        assert_eq!((answer.status, &answer.messages), (101, &exchange.messages));
        assert_eq!(seen(&answer).service, "v1");
        assert_eq!(seen(&answer).path, "/ws?a=b");
    }
    let plain = send(&host, &get("/ws"));
    assert_eq!(
        (plain.status, plain.messages.len()),
        (200, 0),
        "without an upgrade"
    );
    let elsewhere = send(&host, &conversation("/ws/other"));
    assert_eq!((elsewhere.status, elsewhere.messages.len()), (200, 0));
}

/// Envoy decides by the first match, before any filter runs, whether it lets a client upgrade.
#[test]
fn a_websocket_needs_a_first_match_that_forwards() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let module = module(REROUTE);
    let answered = |entry: RouteAction| {
        let mut by_header = route("/", forward("v2"));
        by_header.headers = vec![("x-gateway-backend".into(), "infra/v2:8080".into())];
        let routes = vec![by_header, route("/", entry)];
        let host = start(&binary, &with_filter(proxy(routes), module.clone()));
        send(&host, &conversation("/ws"))
    };
    let forwarded = answered(forward("v1"));
    assert_eq!((forwarded.status, forwarded.messages.len()), (101, 2));
    assert_eq!(seen(&forwarded).service, "v2");
    let refused = answered(RouteAction::DirectResponse(503));
    assert_eq!((refused.status, refused.seen), (403, None));
}
