//! What comes of a filter's gRPC call, in Envoy and in the embedded host with its own client.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use gateway_harness::chain::{self, EmbeddedEnvoy};
use gateway_harness::model::ServiceCluster;
use gateway_harness::services::ServiceClient;
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime};
use http::Response;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::fixture::{forward, get, module, proxy, route, start, with_filter};
use crate::required_envoy;

/// Calls the cluster `service` with a deadline (in ms) and answers 400 and the gRPC status.
const CALLER: &str = r#"(module
    (import "env" "proxy_grpc_call" (func $call
        (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
    (import "env" "proxy_send_local_response"
        (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "servicepkg.ServiceMethod")
    (global $stream (mut i32) (i32.const 0))
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param $id i32) (param i32 i32) (result i32)
        (global.set $stream (local.get $id))
        (drop (call $call (i32.const 0) (i32.const 7) (i32.const 7) (i32.const 11)
            (i32.const 18) (i32.const 6) (i32.const 100) (i32.const 4)
            (i32.const 0) (i32.const 0) (i32.const DEADLINE) (i32.const 200)))
        (i32.const 1))
    (func (export "proxy_on_grpc_close") (param i32 i32) (param $status i32)
        (drop (call $effective (global.get $stream)))
        (drop (call $reply (i32.add (i32.const 400) (local.get $status)) (i32.const 0) (i32.const 0)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1)))))"#;

/// The statuses that the call ends with, on Envoy and embedded, well before a deadline.
fn statuses(address: Option<SocketAddr>) -> Option<[u16; 2]> {
    statuses_within(10_000, address)
}

fn statuses_within(deadline: u32, address: Option<SocketAddr>) -> Option<[u16; 2]> {
    let binary = required_envoy::find()?;
    let caller = CALLER.replace("DEADLINE", &deadline.to_string());
    let caller = module(&caller);
    let mut proxy = with_filter(proxy(vec![route("/", forward("v1"))]), caller);
    proxy.services = vec![ServiceCluster {
        name: "service".into(),
        address,
    }];
    let real = start(&binary, &proxy).send(&get("/")).unwrap();
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::Fuel(1_000_000_000)).unwrap();
    let options = chain::EmbeddedOptions {
        responder: ServiceClient::new(&proxy.services).unwrap().responder(),
        ..chain::EmbeddedOptions::default()
    };
    let mut embedded = EmbeddedEnvoy::new(&runtime, &proxy, &options).unwrap();
    let embedded = embedded.send(0, &get("/")).unwrap();
    Some([real.status - 400, embedded.status - 400])
}

const UNAVAILABLE: u16 = 14;

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for address in [Some(address), None] {
        let Some(statuses) = statuses(address) else {
            return;
        };
        assert_eq!(statuses, [UNAVAILABLE; 2], "{address:?}");
    }
}

#[test]
fn nothing_comes_until_the_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let Some(statuses) = statuses_within(50, silent.local_addr().ok()) else {
        return;
    };
    assert_eq!(statuses, [UNAVAILABLE; 2]);
}

#[test]
fn garbage_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream
                .write_all(b"\xff\xfe\xfd garbage that is no frame at all")
                .unwrap();
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let Some(statuses) = statuses(Some(address)) else {
        return;
    };
    assert_eq!(statuses, [UNAVAILABLE; 2]);
}

/// An HTTP/2 server that gives every request this status and body, and no trailers.
fn server(runtime: &tokio::runtime::Runtime, status: u16, body: &'static [u8]) -> SocketAddr {
    let bound = tokio::net::TcpListener::bind("127.0.0.1:0");
    let listener = runtime.block_on(bound).unwrap();
    let address = listener.local_addr().unwrap();
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |_| async move {
                let response = Response::builder().status(status);
                response
                    .header("content-type", "application/grpc")
                    .body(Full::new(Bytes::from_static(body)))
            });
            let connection = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[test]
fn what_is_no_answer_is_the_same_status_on_both() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for (status, body, expected) in [
        (500, b"sorry".as_slice(), 2),
        (404, b"sorry", 12),
        (503, b"sorry", 14),
        (200, &[0, 0, 0, 0, 1, b'a'], 2),
        (200, &[], 2),
        (200, b"HTTP/1.1 200 OK", 13),
        (200, &[1, 0, 0, 0, 1, 9], 13),
    ] {
        let Some(statuses) = statuses(Some(server(&runtime, status, body))) else {
            return;
        };
        assert_eq!(statuses, [expected; 2], "{status} {body:?}");
    }
}
