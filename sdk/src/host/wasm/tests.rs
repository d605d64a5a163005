//! Real hostcalls: these tests are a program that runs in a proxy-wasm host (`gwf run-test`), with
//! the request of which that tells.

use super::*;
use crate::host::CREATE;

const REQUEST: MapType = MapType::RequestHeaders;

/// Gives the host memory of this test program.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    allocate(size)
}

fn values(name: &[u8]) -> Vec<Vec<u8>> {
    let pairs = WasmHost.pairs(REQUEST).unwrap();
    let named = pairs.iter().filter(|pair| pair.0 == name);
    named.map(|pair| pair.1.to_vec()).collect()
}

fn status<T: std::fmt::Debug>(result: Result<T, HostError>) -> Status {
    match result.unwrap_err() {
        HostError::Status { status, .. } => status,
        error => panic!("{error}"),
    }
}

#[test]
fn the_request_is_read_in_one_call() {
    assert_eq!(values(b":authority"), [b"example.com"]);
    assert_eq!(values(b":path"), [b"/a?b=c"]);
    assert!(values(b"x-absent").is_empty());
}

#[test]
fn a_header_is_written_and_read_back() {
    WasmHost.set_header(REQUEST, b"x-set", b"\xff 1").unwrap();
    assert_eq!(values(b"x-set"), [b"\xff 1"]);
    WasmHost.add_header(REQUEST, b"x-set", b"2").unwrap();
    assert_eq!(values(b"x-set"), [&b"\xff 1"[..], b"2"]);
    WasmHost.set_header(REQUEST, b"x-set", b"3").unwrap();
    assert_eq!(values(b"x-set"), [b"3"]);
    WasmHost.remove_header(REQUEST, b"x-set").unwrap();
    WasmHost.remove_header(REQUEST, b"x-set").unwrap();
    assert!(values(b"x-set").is_empty());
}

/// Envoy's hostcalls take anything: what is bad must not get that far.
#[test]
fn what_would_end_a_header_never_reaches_the_host() {
    let before = WasmHost.pairs(REQUEST).unwrap();
    for (name, value) in [
        (&b"x-bad"[..], &b"a\r\nx-smuggled: 1"[..]),
        (b"x-bad", b"a\0"),
        (b"x-bad\r\n", b"a"),
        (b"", b"a"),
        (b":bad", b"a"),
    ] {
        for written in [
            WasmHost.set_header(REQUEST, name, value),
            WasmHost.add_header(REQUEST, name, value),
        ] {
            assert!(matches!(written, Err(HostError::InvalidHeader(_))));
        }
    }
    assert_eq!(WasmHost.pairs(REQUEST).unwrap(), before);
}

#[test]
fn a_map_of_another_phase_is_an_error() {
    let written = WasmHost.set_header(MapType::ResponseHeaders, b"a", b"b");
    assert_eq!(status(written), Status::BAD_ARGUMENT);
}

#[test]
fn shared_data_is_created_once_and_changed_by_who_read_it_last() {
    let key = b"created";
    assert_eq!(WasmHost.shared(key).unwrap(), None);
    WasmHost.set_shared(key, b"1", CREATE).unwrap();
    let again = WasmHost.set_shared(key, b"2", CREATE);
    assert_eq!(status(again), Status::CAS_MISMATCH);
    let (value, cas) = WasmHost.shared(key).unwrap().unwrap();
    assert_eq!(value, b"1");
    WasmHost.set_shared(key, b"", cas).unwrap();
    let late = WasmHost.set_shared(key, b"3", cas);
    assert_eq!(status(late), Status::CAS_MISMATCH);
    let (value, newer) = WasmHost.shared(key).unwrap().unwrap();
    assert!(value.is_empty() && newer != cas);
}

#[test]
fn the_time_is_told_in_nanoseconds() {
    let of_2020 = 1_577_836_800_000_000_000;
    assert!(WasmHost.now().unwrap() > of_2020);
}

#[test]
fn every_draw_is_another() {
    let mut drawn: Vec<u64> = (0..1_000).map(|_| WasmHost.draw()).collect();
    let ones: u32 = drawn.iter().map(|number| number.count_ones()).sum();
    assert!((31_000..33_000).contains(&ones), "{ones} of 64,000 bits");
    drawn.sort_unstable();
    drawn.dedup();
    assert_eq!(drawn.len(), 1_000);
}

#[test]
fn an_attribute_that_is_not_there_is_none() {
    let missing = WasmHost.property(&["filter_state", "missing"]);
    assert_eq!(missing, Ok(None));
    let path = WasmHost.property(&["request", "url_path"]);
    assert_eq!(path, Ok(Some(b"/a".to_vec())));
}

#[test]
fn filter_state_is_written_and_read_back() {
    WasmHost.set_property("tier", b"premium").unwrap();
    let read = WasmHost.property(&["tier"]);
    assert_eq!(read, Ok(Some(b"premium".to_vec())));
}

#[test]
fn metrics_are_defined_and_counted() {
    for kind in [MetricType::Counter, MetricType::Gauge] {
        let id = WasmHost.define_metric(kind, &format!("{kind:?}")).unwrap();
        assert_eq!(WasmHost.increment_metric(id, 2), Ok(()));
    }
    let samples = WasmHost.define_metric(MetricType::Histogram, "samples");
    assert_eq!(WasmHost.record_metric(samples.unwrap(), u64::MAX), Ok(()));
    let unknown = WasmHost.increment_metric(u32::MAX, 1);
    assert!(matches!(unknown, Err(HostError::Status { .. })));
}

#[test]
fn a_foreign_function_that_is_not_there_is_an_error() {
    let missing = WasmHost.call_foreign("no_such_function", b"");
    assert_eq!(status(missing), Status::NOT_FOUND);
    let there = WasmHost.call_foreign("clear_route_cache", b"");
    assert_eq!(there, Ok(Vec::new()));
}

#[test]
fn a_cluster_that_is_not_there_is_an_error() {
    let missing = WasmHost.http_call(&HttpCall {
        cluster: "missing",
        headers: &[
            (b":method", b"GET"),
            (b":path", b"/"),
            (b":authority", b"a"),
        ],
        body: b"",
        timeout: std::time::Duration::from_millis(1),
    });
    assert_eq!(status(missing), Status::BAD_ARGUMENT);
}

#[test]
fn every_level_is_one_of_the_hosts() {
    let levels = [
        LogLevel::Trace,
        LogLevel::Debug,
        LogLevel::Info,
        LogLevel::Warn,
        LogLevel::Error,
    ];
    for level in levels {
        let line = "a line";
        // SAFETY: the pointer is valid for reads of the given size during the call.
        let logged = unsafe { raw::proxy_log(level as u32, line.as_ptr(), line.len()) };
        assert_eq!(Status(logged), Status::OK, "{level:?}");
    }
}
