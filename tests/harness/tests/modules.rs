//! What the modules of this repository offer and need, and how modules of other people fare.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

#[allow(dead_code, reason = "each target uses a part of it")]
mod built;
#[allow(dead_code, reason = "each target uses a part of it")]
mod filter_bench;

use std::sync::{Arc, LazyLock};

use crate::filter_bench::FilterBench;
use gateway_filter_modules::{CANARY, DO_NOTHING, Module, ROUTE_MATCH, STOCK_SDK};
use gateway_harness::chain::{Admission, EmbeddedEnvoy, EmbeddedOptions};
use gateway_harness::exchange::{Answer, Exchange, Headers};
use gateway_harness::model::{
    Cluster, Forward, Listener, Proxy, Route, RouteAction, StringMatch, UpstreamProtocol,
    VirtualHost, WasmFilter,
};
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, HeaderMap, MapKind, Plugin, Runtime};

/// Compiles each module once for all tests.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap());

/// One rule for each way of reading bytes that need not be text.
const CONFIG: &str = r#"{"routes": [{"kind": "HTTPRoute", "metadata": {"namespace": "n", "name": "r"}, "spec": {"rules": [
    {"matches": [{"headers": [{"name": "x-name", "value": "a"}]},
                 {"headers": [{"name": "x-name", "type": "RegularExpression", "value": "b+"}]},
                 {"cookies": [{"name": "user", "value": "a"}]},
                 {"cookies": [{"name": "user", "type": "RegularExpression", "value": "b+"}]},
                 {"path": {"type": "RegularExpression", "value": "/r.*"}},
                 {"queryParams": [{"name": "q", "type": "RegularExpression", "value": "b+"}]}],
     "backendRefs": [{"name": "matched", "port": 80}]},
    {"backendRefs": [{"name": "other", "port": 80}]}]}}]}"#;

fn route(name: &str, headers: Vec<(String, StringMatch)>, cluster: &str) -> Route {
    Route {
        name: name.into(),
        prefix: "/".into(),
        headers,
        filters_enabled: true,
        action: RouteAction::Forward(Forward::to(cluster)),
    }
}

/// A module in front of the backends `other`, which the entry route leads to, and `matched`.
fn envoy(module: Module, configuration: &str) -> EmbeddedEnvoy {
    let cluster = |service: &str| Cluster {
        name: format!("n/{service}:80"),
        namespace: "n".into(),
        service: service.into(),
        port: 8080,
        protocol: UpstreamProtocol::Http1,
    };
    let chosen = vec![("x-gateway-backend".into(), "n/matched:80".into())];
    let proxy = Proxy {
        listeners: vec![Listener {
            port: 80,
            virtual_hosts: vec![VirtualHost {
                name: "n/g/http/*".into(),
                domains: vec!["*".into()],
                routes: vec![
                    route("dispatch", chosen, "n/matched:80"),
                    route("entry", vec![], "n/other:80"),
                ],
            }],
            ..Listener::default()
        }],
        filters: vec![WasmFilter {
            name: "filter".into(),
            root_id: "filter".into(),
            module: built::code(module),
            configuration: configuration.into(),
            fail_open: false,
        }],
        clusters: vec![cluster("matched"), cluster("other")],
        jwt: Vec::new(),
        services: Vec::new(),
    };
    let options = EmbeddedOptions {
        workers: 2,
        admission: Admission::Everything,
        ..EmbeddedOptions::default()
    };
    EmbeddedEnvoy::new(&RUNTIME, &proxy, &options).unwrap()
}

fn get(path: &[u8], headers: &[(&str, &[u8])]) -> Exchange {
    let owned = |(name, value): &(&str, &[u8])| ((*name).into(), value.to_vec());
    Exchange {
        headers: headers.iter().map(owned).collect(),
        ..Exchange::get("x.example", path)
    }
}

fn value<'a>(headers: &'a Headers, name: &str) -> Option<&'a [u8]> {
    let found = headers.iter().find(|header| header.0 == name.as_bytes());
    found.map(|(_, value)| value.as_slice())
}

fn service(answer: &Answer) -> &str {
    answer.seen.as_ref().map_or("", |seen| &seen.service)
}

#[test]
fn a_module_of_the_proxy_wasm_crate_runs() {
    let mut envoy = envoy(STOCK_SDK, "{}");
    let answer = envoy.send(0, &get(b"/", &[("x-name", b"Ada")])).unwrap();
    assert_eq!(answer.status, 200, "{:?}", answer.why);
    let seen = answer.seen.unwrap();
    assert_eq!(value(&seen.headers, "x-greeting"), Some(&b"hello Ada"[..]));
    assert_eq!(value(&answer.headers, "x-stock-sdk"), Some(&b"yes"[..]));
}

/// `get_http_request_header` of proxy-wasm 0.2.5 unwraps UTF-8. As in Envoy, the VM of that worker
/// is dead from then on, and those of the others are not.
#[test]
fn a_panic_kills_the_vm_of_its_worker_only() {
    let mut envoy = envoy(STOCK_SDK, "{}");
    let plain = get(b"/", &[]);
    let poison = get(b"/", &[("x-name", b"\xff")]);
    let mut statuses = Vec::new();
    for (worker, exchange) in [
        (0, &plain),
        (0, &poison),
        (0, &plain),
        (1, &plain),
        (0, &plain),
    ] {
        statuses.push(envoy.send(worker, exchange).unwrap().status);
    }
    assert_eq!(statuses, [200, 503, 503, 200, 503]);
    let failure = envoy.workers()[0].vms()[0].failure().unwrap().to_string();
    assert!(
        failure.starts_with("proxy_on_request_headers failed: "),
        "{failure}"
    );
}

#[test]
fn bytes_that_are_no_text_are_matched_as_bytes() {
    let mut envoy = envoy(ROUTE_MATCH, CONFIG);
    for (path, headers, expected) in [
        (&b"/"[..], &[("x-name", &b"a"[..])][..], "matched"),
        (b"/", &[("x-name", b"bb")], "matched"),
        (b"/", &[("x-name", b"\xff")], "other"),
        (b"/", &[("x-name", b"a"), ("x-name", b"\xfe\xff")], "other"),
        (b"/", &[("x-name", b"b\xc3")], "other"),
        (b"/", &[("cookie", b"user=a")], "matched"),
        (b"/", &[("cookie", b"user=\xff")], "other"),
        (b"/", &[("cookie", b"\xff=\xfe; user=a")], "matched"),
        (b"/", &[("cookie", b"\xff\xfe\x80;;=\xff")], "other"),
        (b"/r\xc3\xa9", &[], "matched"),
        (b"/\xff\xfe", &[], "other"),
        (b"/?q=\xff", &[], "other"),
        (b"/", &[("x-gateway-backend", b"\xff")], "other"),
    ] {
        let answer = envoy.send(0, &get(path, headers)).unwrap();
        let sent = (path.escape_ascii().to_string(), headers);
        assert_eq!(service(&answer), expected, "{sent:?}: {:?}", answer.why);
    }
    assert_eq!(envoy.workers()[0].vms()[0].failure(), None);
}

/// Envoy would refuse most of these before the filter sees them.
#[test]
fn pseudo_headers_of_any_bytes_do_not_trap() {
    let mut bench = bench(CONFIG);
    for bytes in [
        &b"\xff\xfe"[..],
        b"",
        b"[",
        b":",
        b"\xff:80",
        b"a.\xc3.b",
        b"[::1",
        b"*",
        b"/?\xff=\xff&=",
    ] {
        for name in [&b":authority"[..], b":path", b":method", b":scheme"] {
            bench.request(request(&[(name, bytes)])).unwrap();
            bench
                .request(request(&[(name, b""), (name, bytes)]))
                .unwrap();
        }
        bench
            .request(HeaderMap::from_pairs(MapKind::Request, [(bytes, bytes)]))
            .unwrap();
    }
}

/// A plain request; what is given replaces its own headers of that name.
fn request(given: &[(&[u8], &[u8])]) -> HeaderMap {
    let plain = [
        (&b":authority"[..], &b"x.example"[..]),
        (b":path", b"/"),
        (b":method", b"GET"),
        (b":scheme", b"http"),
    ];
    let kept = plain
        .into_iter()
        .filter(|(name, _)| given.iter().all(|(other, _)| other != name));
    HeaderMap::from_pairs(MapKind::Request, kept.chain(given.iter().copied()))
}

fn bench(configuration: &str) -> FilterBench {
    FilterBench::load(&RUNTIME, &built::code(ROUTE_MATCH), configuration).unwrap()
}

fn plugin(configuration: &str) -> Arc<Plugin> {
    Arc::new(Plugin {
        name: "filter".into(),
        configuration: configuration.into(),
        ..Plugin::default()
    })
}

/// The backend that a plain request is sent to.
fn chosen(bench: &mut FilterBench) -> Vec<u8> {
    let stream = bench.request(request(&[])).unwrap().stream;
    let backend = stream.request_headers.get(b"x-gateway-backend");
    backend.unwrap_or_default().to_vec()
}

#[test]
fn an_update_that_is_refused_leaves_the_configuration_in_force() {
    let mut bench = bench(CONFIG);
    assert_eq!(chosen(&mut bench), b"n/other:80");
    for (right, wrong, message) in [
        (
            "\"name\": \"other\"",
            "\"nme\": \"other\"",
            "routes[0].spec.rules[1].backendRefs[0].nme: unknown field `nme`",
        ),
        (
            "\"value\": \"/r.*\"",
            "\"value\": \"/r(\"",
            "routes[0].spec.rules[0].matches[4].path.value: ",
        ),
    ] {
        let bad = CONFIG.replace(right, wrong);
        let refused = bench.vm().configure(plugin(&bad)).unwrap_err().to_string();
        assert!(refused.contains("proxy_on_configure refused"), "{refused}");
        assert!(refused.contains(message), "{refused}");
        assert_eq!(chosen(&mut bench), b"n/other:80");
    }
    let good = CONFIG.replace("\"name\": \"other\"", "\"name\": \"new\"");
    bench.vm().configure(plugin(&good)).unwrap();
    assert_eq!(chosen(&mut bench), b"n/new:80");
}

/// Envoy calls every callback that is exported.
#[test]
fn modules_export_the_callbacks_that_they_have_and_no_other() {
    let always = [
        "_initialize",
        "memory",
        "proxy_abi_version_0_2_1",
        "proxy_on_configure",
        "proxy_on_context_create",
        "proxy_on_delete",
        "proxy_on_memory_allocate",
        "proxy_on_request_headers",
    ];
    for (one, more) in [
        (ROUTE_MATCH, &["proxy_on_response_headers"][..]),
        (
            CANARY,
            &[
                "proxy_on_response_headers",
                "proxy_on_response_trailers",
                "proxy_on_tick",
            ],
        ),
        (DO_NOTHING, &[]),
    ] {
        let module = wasmtime::Module::new(&wasmtime::Engine::default(), one.bytes).unwrap();
        let mut exports: Vec<_> = module.exports().map(|export| export.name()).collect();
        exports.sort_unstable();
        assert_eq!(exports, [&always, more].concat(), "{}", one.name);
    }
}

/// What every Envoy since 1.32 offers: the 15 functions of WASI that it had first.
#[test]
fn modules_import_only_what_every_envoy_offers() {
    let wasi = [
        "fd_write",
        "fd_read",
        "fd_seek",
        "fd_close",
        "fd_fdstat_get",
        "environ_get",
        "environ_sizes_get",
        "args_get",
        "args_sizes_get",
        "clock_time_get",
        "random_get",
        "proc_exit",
        "path_open",
        "fd_prestat_get",
        "fd_prestat_dir_name",
    ];
    for one in [ROUTE_MATCH, CANARY, DO_NOTHING] {
        let module = wasmtime::Module::new(&wasmtime::Engine::default(), one.bytes).unwrap();
        for import in module.imports() {
            let (from, name) = (import.module(), import.name());
            let offered = match from {
                "env" => name.starts_with("proxy_"),
                "wasi_snapshot_preview1" => wasi.contains(&name),
                _ => false,
            };
            assert!(offered, "{} imports {from}.{name}", one.name);
        }
    }
}

#[test]
fn every_envoy_since_1_32_loads_them() {
    // The first and last of 1.32, 1.33 to 1.38 and 1.39 to 1.40, which offer the same each; to
    // compile for every one of them would take the time of all other tests together.
    for minor in [32, 33, 38, 39, 40] {
        let runtime = Runtime::new(EnvoyVersion::new(1, minor), Deadline::default()).unwrap();
        let loaded = runtime.load(&built::code(ROUTE_MATCH));
        assert!(loaded.is_ok(), "Envoy 1.{minor}: {loaded:?}");
    }
}
