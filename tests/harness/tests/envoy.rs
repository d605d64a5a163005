//! The `envoy` host against a real Envoy. Skipped where there is none, unless `GWF_REQUIRE_ENVOY=1`.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gwf::envoy::{self, Binary, EnvoyError, EnvoyHost, Options, WasmLog};
use gwf::exchange::{Answer, Exchange, Protocol, Seen};
use gwf::xds::{Cluster, Listener, Proxy, Route, RouteAction, VirtualHost, WasmFilter};

/// Sends every request to `infra/v2:8080` and says so.
const REROUTE: &str = r#"(module
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_replace_header_map_value"
        (func $replace (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "x-gateway-backendinfra/v2:8080to v2")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $replace
            (i32.const 0) (i32.const 0) (i32.const 17) (i32.const 17) (i32.const 13)))
        (drop (call $log (i32.const 2) (i32.const 30) (i32.const 5)))
        (i32.const 0)))"#;

/// Never returns from its callback.
const LOOP: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (loop $again (br $again)) (i32.const 0)))"#;

/// The binary, or none where the tests may be skipped.
fn binary() -> Option<Binary> {
    match envoy::find() {
        Ok(binary) => Some(binary),
        Err(error) if std::env::var_os("GWF_REQUIRE_ENVOY").is_some_and(|v| v == "1") => {
            panic!("{error}")
        }
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

fn start(binary: &Binary, proxy: &Proxy) -> EnvoyHost {
    EnvoyHost::start(binary, proxy, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn cluster(service: &str, http2: bool) -> Cluster {
    Cluster {
        name: format!("infra/{service}:8080"),
        namespace: "infra".into(),
        service: service.into(),
        http2,
    }
}

fn route(prefix: &str, action: RouteAction) -> Route {
    Route {
        name: format!("httproute/infra/r/rule/0/match/0/{prefix}"),
        prefix: prefix.into(),
        headers: Vec::new(),
        filters_enabled: true,
        action,
    }
}

fn forward(service: &str) -> RouteAction {
    RouteAction::Forward {
        cluster: format!("infra/{service}:8080"),
        host_rewrite_header: None,
    }
}

/// One listener on port 80 for `x.example`, in front of the backends v1, v2 and grpc.
fn proxy(routes: Vec<Route>) -> Proxy {
    let virtual_host = VirtualHost {
        name: "infra/gateway/http/x_example".into(),
        domains: vec!["x.example".into()],
        routes,
    };
    Proxy {
        listeners: vec![Listener {
            port: 80,
            virtual_hosts: vec![virtual_host],
        }],
        filters: Vec::new(),
        clusters: vec![
            cluster("v1", false),
            cluster("v2", false),
            cluster("grpc", true),
        ],
    }
}

fn with_filter(mut proxy: Proxy, module: PathBuf) -> Proxy {
    proxy.filters = vec![WasmFilter {
        name: "probe".into(),
        root_id: "root".into(),
        module,
        configuration: "{}".into(),
        fail_open: false,
    }];
    proxy
}

fn module(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("probe.wasm");
    std::fs::write(&file, wat::parse_str(text).unwrap()).unwrap();
    file
}

fn get(path: &str) -> Exchange {
    Exchange {
        gateway_namespace: "infra".into(),
        gateway: "gateway".into(),
        port: 80,
        protocol: Protocol::Http,
        method: "GET".into(),
        authority: "x.example".into(),
        path: path.into(),
        headers: Vec::new(),
        body: Vec::new(),
        client: None,
        backend_response_headers: Vec::new(),
    }
}

fn header(mut exchange: Exchange, name: &str, value: impl AsRef<[u8]>) -> Exchange {
    exchange
        .headers
        .push((name.into(), value.as_ref().to_vec()));
    exchange
}

#[track_caller]
fn send(host: &EnvoyHost, exchange: &Exchange) -> Answer {
    host.send(exchange)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn seen(answer: &Answer) -> &Seen {
    answer
        .seen
        .as_ref()
        .unwrap_or_else(|| panic!("no backend was reached: {answer:?}"))
}

fn values<'a>(headers: &'a [(Vec<u8>, Vec<u8>)], name: &str) -> Vec<&'a [u8]> {
    headers
        .iter()
        .filter(|(n, _)| n == name.as_bytes())
        .map(|(_, value)| value.as_slice())
        .collect()
}

#[test]
fn the_routes_decide_without_a_filter() {
    let Some(binary) = binary() else { return };
    let mut by_header = route("/", forward("v2"));
    by_header.headers = vec![("x-gateway-backend".into(), "infra/v2:8080".into())];
    let host = start(
        &binary,
        &proxy(vec![
            by_header,
            route("/gone", RouteAction::DirectResponse(410)),
            route("/slash/", forward("v2")),
            route("/", forward("v1")),
        ]),
    );
    let service = |exchange: &Exchange| seen(&send(&host, exchange)).service.clone();

    assert_eq!(service(&get("/")), "v1");
    assert_eq!(service(&get("/slash")), "v2");
    assert_eq!(service(&get("/slashes")), "v1");
    assert_eq!(
        service(&header(get("/gone"), "x-gateway-backend", "infra/v2:8080")),
        "v2"
    );
    assert_eq!(
        service(&header(get("/"), "x-gateway-backend", "infra/v2")),
        "v1"
    );

    let direct = send(&host, &get("/gone/1"));
    assert_eq!(
        (direct.status, direct.body.as_slice(), direct.seen),
        (410, &b""[..], None)
    );

    let unknown = send(
        &host,
        &Exchange {
            authority: "y.example".into(),
            ..get("/")
        },
    );
    assert_eq!((unknown.status, unknown.seen), (404, None));
    let port = send(
        &host,
        &Exchange {
            authority: "X.example:8080".into(),
            ..get("/")
        },
    );
    assert_eq!(
        (port.status, seen(&port).authority.as_str()),
        (200, "X.example:8080")
    );
}

#[test]
fn a_request_reaches_the_backend_as_it_was_sent() {
    let Some(binary) = binary() else { return };
    let host = start(&binary, &proxy(vec![route("/", forward("v1"))]));
    for protocol in [Protocol::Http, Protocol::H2c] {
        let mut exchange = header(get("/a?b=%20c"), "x-raw", b"\xffz");
        exchange = header(header(exchange, "x-two", "1"), "x-two", "2");
        exchange.protocol = protocol;
        exchange.method = "POST".into();
        exchange.body = vec![b'b'; 100_000];
        exchange.backend_response_headers = vec![("x-set".into(), "yes".into())];
        let answer = send(&host, &exchange);

        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(values(&answer.headers, "x-set"), [b"yes"]);
        let seen = seen(&answer);
        assert_eq!(
            (seen.namespace.as_str(), seen.method.as_str()),
            ("infra", "POST")
        );
        assert_eq!(
            (seen.authority.as_str(), seen.path.as_str()),
            ("x.example", "/a?b=%20c")
        );
        assert_eq!(values(&seen.headers, "x-raw"), [b"\xffz"]);
        assert_eq!(values(&seen.headers, "x-two"), [b"1", b"2"]);
    }
    let head = send(
        &host,
        &Exchange {
            method: "HEAD".into(),
            ..get("/")
        },
    );
    assert_eq!((head.status, head.body.as_slice()), (200, &b""[..]));
}

#[test]
fn envoy_gateways_connection_manager_answers_odd_requests() {
    let Some(binary) = binary() else { return };
    let host = start(&binary, &proxy(vec![route("/", forward("v1"))]));
    assert_eq!(seen(&send(&host, &get("/a//b/../c"))).path, "/a/c");
    assert_eq!(send(&host, &get("/a%2Fb")).status, 307);
    assert_eq!(send(&host, &get("/a#b")).status, 400);
    assert_eq!(send(&host, &header(get("/"), "x_y", "1")).status, 400);
    assert_eq!(
        values(&send(&host, &get("/")).headers, "server"),
        [] as [&[u8]; 0]
    );
    assert_eq!(
        values(&seen(&send(&host, &get("/"))).headers, "x-forwarded-proto"),
        [b"http"]
    );
}

#[test]
fn grpc_is_answered_with_trailers() {
    let Some(binary) = binary() else { return };
    let host = start(&binary, &proxy(vec![route("/", forward("grpc"))]));
    let call = |method: &str| {
        let path = format!("/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/{method}");
        let exchange = Exchange {
            protocol: Protocol::Grpc,
            method: "POST".into(),
            ..get(&path)
        };
        let answer = send(&host, &exchange);
        assert_eq!(
            (answer.status, seen(&answer).path.as_str()),
            (200, path.as_str())
        );
        assert_eq!(seen(&answer).service, "grpc");
        values(&answer.trailers, "grpc-status").concat()
    };
    assert_eq!(call("Echo"), b"0");
    assert_eq!(call("EchoThree"), b"12");
}

#[test]
fn the_host_is_rewritten_from_a_header() {
    let Some(binary) = binary() else { return };
    let action = RouteAction::Forward {
        cluster: "infra/v1:8080".into(),
        host_rewrite_header: Some("x-gateway-host".into()),
    };
    let host = start(&binary, &proxy(vec![route("/", action)]));
    assert_eq!(seen(&send(&host, &get("/"))).authority, "x.example");
    let rewritten = send(&host, &header(get("/"), "x-gateway-host", "y.example"));
    assert_eq!(seen(&rewritten).authority, "y.example");
}

#[test]
fn a_filter_runs_where_the_first_match_enables_it_and_may_reroute() {
    let Some(binary) = binary() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut by_header = route("/", forward("v2"));
    by_header.headers = vec![("x-gateway-backend".into(), "infra/v2:8080".into())];
    let mut without = route("/without", forward("v1"));
    without.filters_enabled = false;
    let routes = vec![by_header, without, route("/", forward("v1"))];
    let proxy = with_filter(proxy(routes), module(folder.path(), REROUTE));
    let host = start(&binary, &proxy);

    let rerouted = send(&host, &get("/"));
    assert_eq!(seen(&rerouted).service, "v2");
    assert!(
        rerouted.why.iter().any(|line| line.ends_with(": to v2")),
        "{:?}",
        rerouted.why
    );
    let plain = send(&host, &get("/without"));
    assert_eq!((seen(&plain).service.as_str(), plain.why.len()), ("v1", 0));
}

#[test]
fn answers_belong_to_their_requests_whatever_else_is_sent() {
    let Some(binary) = binary() else { return };
    let host = start(
        &binary,
        &proxy(vec![
            route("/grpc", forward("grpc")),
            route("/", forward("v1")),
        ]),
    );
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let host = &host;
            scope.spawn(move || {
                for turn in 0..20 {
                    let path = format!(
                        "/{}/{thread}-{turn}",
                        if turn % 2 == 0 { "grpc" } else { "http" }
                    );
                    let protocol = if turn % 2 == 0 {
                        Protocol::Grpc
                    } else {
                        Protocol::Http
                    };
                    let answer = send(
                        host,
                        &Exchange {
                            protocol,
                            ..get(&path)
                        },
                    );
                    assert_eq!(seen(&answer).path, path);
                }
            });
        }
    });
}

#[test]
fn what_cannot_be_sent_is_an_error_that_says_so() {
    let Some(binary) = binary() else { return };
    let host = start(&binary, &proxy(vec![route("/", forward("v1"))]));
    let from = |client: &str| {
        host.send(&Exchange {
            client: Some(client.parse::<IpAddr>().unwrap()),
            ..get("/")
        })
    };
    let answer = from("127.9.8.7").unwrap();
    assert_eq!(
        values(&seen(&answer).headers, "x-forwarded-for"),
        [b"127.9.8.7"]
    );
    assert!(matches!(
        from("10.0.0.1"),
        Err(EnvoyError::ClientAddress(_))
    ));
    let elsewhere = host.send(&Exchange {
        port: 81,
        ..get("/")
    });
    assert!(matches!(elsewhere, Err(EnvoyError::NoListener(81))));
}

#[test]
fn a_bad_module_is_refused_with_envoys_reason() {
    let Some(binary) = binary() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = module(folder.path(), REROUTE);
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let proxy = with_filter(proxy(vec![route("/", forward("v1"))]), file);
    let error = EnvoyHost::start(&binary, &proxy, &Options::default())
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
    let Some(binary) = binary() else { return };
    let folder = tempfile::tempdir().unwrap();
    let proxy = with_filter(
        proxy(vec![route("/", forward("v1"))]),
        module(folder.path(), LOOP),
    );
    let options = Options {
        timeout: Duration::from_millis(300),
        ..Options::default()
    };
    let host = EnvoyHost::start(&binary, &proxy, &options).unwrap();
    let error = host.send(&get("/")).unwrap_err().to_string();
    assert!(
        error.starts_with("no answer from envoy: none within 300ms"),
        "{error}"
    );
}

#[test]
fn envoy_is_gone_after_drop() {
    let Some(binary) = binary() else { return };
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
    let Some(binary) = binary() else { return };
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
    let Some(binary) = binary() else { return };
    let options = Options {
        wasm_log: WasmLog::Warning,
        concurrency: 2,
        ..Options::default()
    };
    let routes = vec![route("/", RouteAction::DirectResponse(204))];
    let host = EnvoyHost::start(&binary, &proxy(routes), &options).unwrap();
    let before = host.cpu_time().unwrap();
    let load = host.load(4, 3001, &get("/")).unwrap();
    assert_eq!(load.by_status, [(204, 3001)].into());
    assert!(load.elapsed > Duration::ZERO);
    assert!(host.cpu_time().unwrap() > before);
}

#[test]
fn envoy_finds_nothing_wrong_with_the_bootstrap() {
    let Some(binary) = binary() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut rewriting = route("/a/", forward("grpc"));
    rewriting.headers = vec![("x-a".into(), "1".into()), ("x-b".into(), String::new())];
    let routes = vec![rewriting, route("/", RouteAction::DirectResponse(404))];
    let proxy = with_filter(proxy(routes), module(folder.path(), REROUTE));
    let file = folder.path().join("bootstrap.json");
    std::fs::write(
        &file,
        envoy::bootstrap(&proxy, &Default::default()).to_string(),
    )
    .unwrap();

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
