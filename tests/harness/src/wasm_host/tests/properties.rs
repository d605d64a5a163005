use std::time::Duration;

use super::*;
use crate::wasm_host::{ResponseInfo, RouteInfo, StreamInfo};

/// A guest that asks for the property that the request header `p` names, in the request phase
/// and in `on_log`, and keeps its bytes in shared data.
fn asker() -> Vec<u8> {
    probe::guest(
        r#"(data (i32.const 100) "p")
        (func $ask
          (drop (call $get (i32.const 0) (i32.const 100) (i32.const 1) (i32.const 0) (i32.const 4)))
          (call $status (call $property (i32.load (i32.const 0)) (i32.load (i32.const 4))
            (i32.const 0) (i32.const 4)))
          (drop (call $store (i32.const 100) (i32.const 1)
            (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.const 0))))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
          (call $ask) (i32.const 0))
        (func (export "proxy_on_log") (param i32) (call $ask))"#,
    )
}

/// Status and bytes of a property in the request phase or in `on_log`.
fn property(stream: &Stream, path: &[u8], log: bool) -> (String, Vec<u8>) {
    let process = Arc::new(Process::default());
    let mut vm = start_in(&process, &asker());
    let mut stream = Box::new(stream.clone());
    stream.request_headers.set(b"p", path);
    let context = vm.create_stream(&mut stream);
    if log {
        vm.on_log(context, &mut stream).unwrap();
    } else {
        vm.on_request_headers(context, &mut stream, true).unwrap();
    }
    let status = said(&mut vm).pop().unwrap();
    let value = process.shared_value("vm", b"p");
    (status, value.map(|(bytes, _)| bytes).unwrap_or_default())
}

fn example() -> Box<Stream> {
    let mut stream = stream(&[
        (":authority", "ex.com:80"),
        (":path", "/a/b?x=1"),
        (":method", "GET"),
        ("content-length", "12"),
        ("x-a", "1"),
        ("x-a", "2"),
    ]);
    stream.info = StreamInfo {
        connection_id: 7,
        source: "10.0.0.9:4711".parse().ok(),
        protocol: "HTTP/1.1",
        start: Duration::from_nanos(5),
        route: Some(RouteInfo {
            name: "r".to_owned(),
            virtual_host: "v".to_owned(),
            cluster: None,
        }),
        ..StreamInfo::default()
    };
    stream
}

#[track_caller]
fn check(path: &str, status: &str, bytes: &[u8]) {
    let found = property(&example(), path.replace('.', "\0").as_bytes(), false);
    let found = (found.0.as_str(), found.1.as_slice());
    if status == "0" {
        assert_eq!(found, (status, bytes), "{path}");
    } else {
        assert_eq!(found.0, status, "{path}");
    }
}

#[test]
fn values_are_encoded_as_envoy_serializes_them() {
    check("request.path", "0", b"/a/b?x=1");
    check("request.url_path", "0", b"/a/b");
    check("request.query", "0", b"x=1");
    check("request.host", "0", b"ex.com:80");
    check("request.headers.x-a", "0", b"1,2");
    check("request.protocol", "0", b"HTTP/1.1");
    check("request.size", "0", &12_i64.to_le_bytes());
    check("request.time", "0", &5_i64.to_le_bytes());
    check("source.address", "0", b"10.0.0.9:4711");
    check("source.port", "0", &4711_i64.to_le_bytes());
    check("connection.id", "0", &7_i64.to_le_bytes());
    check("connection.mtls", "0", &[0]);
    check("xds.route_name", "0", b"r");
    check("xds.virtual_host_name", "0", b"v");
    check("xds.listener_direction", "0", &0_i64.to_le_bytes());
    check("plugin_name", "0", b"probe");
    check("plugin_vm_id", "0", b"vm");
    check("metadata", "0", b"");
    check("plugin_root_id", "0", b"");
    check("connection.requested_server_name", "0", b"");
}

#[test]
fn maps_have_the_form_of_pairs() {
    let mut one = stream(&[]);
    one.request_headers.add(b"a", b"1");
    one.request_headers.add(b"a", b"2");
    let (status, bytes) = property(&one, b"request\0headers", false);
    assert_eq!(status, "0");
    assert!(
        bytes.starts_with(b"\x02\0\0\0\x01\0\0\0\x03\0\0\0"),
        "{bytes:?}"
    );
    assert!(
        bytes.ends_with(b"a\x001,2\0p\0request\0headers\0"),
        "{bytes:?}"
    );
}

#[test]
fn what_is_absent_is_not_found_and_a_root_cannot_be_serialized() {
    for absent in [
        "nothing",
        "request.nothing",
        "request.referer",
        "request.path.more",
        "request.duration",
        "response.code",
        "connection.tls_version",
        "xds.cluster_name",
        "upstream.address",
        "xds.listener_name",
        "route_name",
        "plugin_name.",
        "filter_state.nothing",
    ] {
        check(absent, "1", b"");
    }
    for root in ["", "request", "connection", "xds", "filter_state"] {
        check(root, "3", b"");
    }
}

#[test]
fn request_headers_are_gone_with_the_response_and_back_in_on_log() {
    let mut responding = example();
    responding.info.response = Some(ResponseInfo {
        code: 429,
        details: "because".to_owned(),
        flags: 0x800,
    });
    let before = |path: &[u8]| property(&responding, path, false);
    assert_eq!(before(b"request\0path").0, "1");
    assert_eq!(before(b"request\0headers"), ("0".to_owned(), vec![0; 4]));
    assert_eq!(before(b"request\0protocol").1, b"HTTP/1.1");
    assert_eq!(before(b"response\0code").1, 429_i64.to_le_bytes());
    assert_eq!(before(b"response\0code_details").1, b"because");
    assert_eq!(before(b"response\0grpc_status").1, 14_i64.to_le_bytes());
    let log = |path: &[u8]| property(&responding, path, true);
    assert_eq!(log(b"request\0path").1, b"/a/b?x=1");
    assert_eq!(log(b"request\0duration").0, "0");
}

#[test]
fn written_properties_are_read_by_their_single_name() {
    let written = |name: &str, size: usize| {
        let wasm = probe::on_request(
            &format!(
                r#"(call $status (call $set_property (i32.const 100) (i32.const {size}) (i32.const 120) (i32.const 3)))
                (call $status (call $property (i32.const 100) (i32.const {size}) (i32.const 0) (i32.const 4)))"#
            ),
            &format!(r#"(data (i32.const 100) "{name}") (data (i32.const 120) "val")"#),
        );
        let mut stream = stream(&[(":path", "/")]);
        let said = asked(&wasm, &mut stream).concat();
        let state = stream.filter_state.keys().next().cloned().unwrap();
        (said, String::from_utf8(state).unwrap())
    };
    assert_eq!(written("a", 1), ("00".to_owned(), "wasm.a".to_owned()));
    assert_eq!(
        written("a\\00b", 3),
        ("01".to_owned(), "wasm.a\0b".to_owned())
    );
    assert_eq!(written("request\\00path", 12).0, "00");
}

#[test]
fn filter_state_of_envoy_takes_only_hits() {
    let call = |arguments: &str, size: usize| {
        let wasm = probe::on_request(
            &format!(
                r#"(call $status (call $foreign (i32.const 100) (i32.const 22) (i32.const 200) (i32.const {size}) (i32.const 0) (i32.const 4)))"#
            ),
            &format!(
                r#"(data (i32.const 100) "set_envoy_filter_state") (data (i32.const 200) "{arguments}")"#
            ),
        );
        asked(&wasm, &mut stream(&[])).concat()
    };
    let key = "\\0a\\1benvoy.ratelimit.hits_addend";
    assert_eq!(call(&format!("{key}\\12\\017"), 29 + 3), "0");
    assert_eq!(call(&format!("{key}\\12\\02-7"), 29 + 4), "2");
    assert_eq!(call("\\0a\\01a\\12\\017", 6), "1");
    assert_eq!(call("\\0a\\09a", 3), "2");
}
