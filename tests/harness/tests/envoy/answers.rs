//! What comes back, and what the backends saw.

use gateway_harness::chain::{self, EmbeddedEnvoy};
use gateway_harness::envoy::EnvoyError;
use gateway_harness::exchange::{Exchange, Protocol};
use gateway_harness::model::{Forward, RouteAction, ServiceCluster};
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime};

use crate::fixture::{
    REROUTE, forward, get, header, module, proxy, route, seen, send, start, values, with_filter,
};
use crate::required_envoy;

#[test]
fn the_routes_decide_without_a_filter() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
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
    let Some(binary) = required_envoy::find() else {
        return;
    };
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
    let Some(binary) = required_envoy::find() else {
        return;
    };
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
    let Some(binary) = required_envoy::find() else {
        return;
    };
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
fn the_host_is_rewritten_from_a_header_and_told_in_another() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let action = RouteAction::Forward(Forward {
        host_rewrite_header: Some("x-gateway-host".into()),
        ..Forward::to("infra/v1:8080")
    });
    let proxy = proxy(vec![route("/", action)]);
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::Fuel(1_000_000_000)).unwrap();
    let mut embedded =
        EmbeddedEnvoy::new(&runtime, &proxy, &chain::EmbeddedOptions::default()).unwrap();
    let real = start(&binary, &proxy);
    for (rewritten, forwarded, expected) in [
        (None, None, None),
        (None, Some("a"), Some("a")),
        (Some("y.example"), None, Some("x.example")),
        (Some("y.example"), Some("a"), Some("a,x.example")),
        (Some("y.example"), Some("a,x.example"), Some("a,x.example")),
    ] {
        let mut exchange = get("/");
        for (name, value) in [
            ("x-gateway-host", rewritten),
            ("x-forwarded-host", forwarded),
        ] {
            exchange
                .headers
                .extend(value.map(|value| (name.into(), value.into())));
        }
        let answers = [
            real.send(&exchange).unwrap(),
            embedded.send(0, &exchange).unwrap(),
        ];
        for answer in answers {
            let seen = seen(&answer);
            assert_eq!(seen.authority, rewritten.unwrap_or("x.example"));
            let told = values(&seen.headers, "x-forwarded-host");
            assert_eq!(
                told,
                expected.map(str::as_bytes).into_iter().collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn a_filter_runs_where_the_first_match_enables_it_and_may_reroute() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let mut by_header = route("/", forward("v2"));
    by_header.headers = vec![("x-gateway-backend".into(), "infra/v2:8080".into())];
    let mut without = route("/without", forward("v1"));
    without.filters_enabled = false;
    let routes = vec![by_header, without, route("/", forward("v1"))];
    let proxy = with_filter(proxy(routes), module(REROUTE));
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
    let Some(binary) = required_envoy::find() else {
        return;
    };
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
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &proxy(vec![route("/", forward("v1"))]));
    let elsewhere = host.send(&Exchange {
        port: 81,
        ..get("/")
    });
    assert!(matches!(elsewhere, Err(EnvoyError::NoListener(81))));
}

#[test]
fn a_client_has_the_address_of_the_scenario() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &proxy(vec![route("/", forward("v1"))]));
    for client in ["127.9.8.7", "10.0.0.1", "2001:db8::1"] {
        for protocol in [Protocol::Http, Protocol::H2c] {
            let exchange = Exchange {
                client: client.parse().ok(),
                protocol,
                ..get("/")
            };
            let answer = send(&host, &exchange);
            assert_eq!(
                values(&seen(&answer).headers, "x-forwarded-for"),
                [client.as_bytes()]
            );
        }
    }
}

#[test]
fn a_trusted_proxy_says_who_the_client_is() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let mut proxy = proxy(vec![route("/", forward("v1"))]);
    proxy.listeners[0].trusted_hops = 2;
    // A cluster that nothing leads to is taken with endpoint and without.
    proxy.services = ["127.0.0.1:1".parse().ok(), None]
        .into_iter()
        .enumerate()
        .map(|(number, address)| ServiceCluster {
            name: format!("service-{number}"),
            address,
        })
        .collect();
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::Fuel(1_000_000_000)).unwrap();
    let mut embedded =
        EmbeddedEnvoy::new(&runtime, &proxy, &chain::EmbeddedOptions::default()).unwrap();
    let real = start(&binary, &proxy);
    for (forwarded, client) in [
        ("203.0.113.7, 198.51.100.9, 192.0.2.4", "198.51.100.9"),
        ("203.0.113.7, 192.0.2.4", "203.0.113.7"),
    ] {
        let mut exchange = get("/");
        exchange.headers = vec![(b"x-forwarded-for".to_vec(), forwarded.into())];
        let answers = [
            real.send(&exchange).unwrap(),
            embedded.send(0, &exchange).unwrap(),
        ];
        for answer in answers {
            assert_eq!(
                values(&seen(&answer).headers, "x-envoy-external-address"),
                [client.as_bytes()],
                "{forwarded}"
            );
        }
    }
}
