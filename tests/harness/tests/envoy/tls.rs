//! TLS: listeners told apart by server name, and what is sent before and within it.

use gateway_harness::envoy::{EnvoyError, EnvoyHost};
use gateway_harness::exchange::{Answer, ClientTls, Exchange, Protocol};
use gateway_harness::model::{Certificate, Listener, Proxy, Route, RouteAction, Tls, VirtualHost};

use crate::fixture::{forward, get, proxy, route, seen, send, start, values};
use crate::required_envoy;

fn host(domain: &str, routes: Vec<Route>) -> VirtualHost {
    VirtualHost {
        name: format!("infra/gateway/https/{domain}"),
        domains: vec![domain.into()],
        routes,
    }
}

/// What every host gets that another listener is for.
fn misdirected() -> VirtualHost {
    host("*", vec![route("/", RouteAction::DirectResponse(421))])
}

fn listener(server_names: &[&str], virtual_hosts: Vec<VirtualHost>) -> Listener {
    let names: Vec<_> = server_names.iter().map(|name| (*name).to_owned()).collect();
    let signed = rcgen::generate_simple_self_signed(names.clone()).unwrap();
    Listener {
        port: 443,
        tls: Some(Tls {
            server_names: names,
            certificates: vec![Certificate {
                chain: signed.cert.pem(),
                key: signed.signing_key.serialize_pem(),
            }],
        }),
        virtual_hosts,
        ..Listener::default()
    }
}

/// `x.example` at v1, `*.example` at v2; and, if `catching`, all other names at grpc.
fn names(catching: bool) -> Proxy {
    let to = |domain, service| host(domain, vec![route("/", forward(service))]);
    let mut https = vec![
        listener(&["x.example"], vec![to("x.example", "v1"), misdirected()]),
        listener(&["*.example"], vec![to("*.example", "v2"), misdirected()]),
    ];
    if catching {
        https.push(listener(&[], vec![to("*", "grpc")]));
    }
    let mut proxy = proxy(vec![route("/", forward("v1"))]);
    proxy.listeners.extend(https);
    proxy
}

fn exchange(server_name: &str, authority: &str) -> Exchange {
    let server_name = Some(server_name.to_owned()).filter(|name| !name.is_empty());
    Exchange {
        port: 443,
        tls: Some(ClientTls { server_name }),
        ..Exchange::get(authority, "/")
    }
}

fn to(host: &EnvoyHost, server_name: &str, authority: &str) -> Answer {
    send(host, &exchange(server_name, authority))
}

#[test]
fn the_server_name_chooses_the_listener_and_the_host_within() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &names(true));
    for (server_name, authority, service) in [
        ("x.example", "x.example", "v1"),
        ("y.example", "y.example", "v2"),
        ("y.example", "z.example", "v2"),
        ("other.invalid", "x.example", "grpc"),
        ("", "x.example", "grpc"),
    ] {
        let answer = to(&host, server_name, authority);
        assert_eq!(seen(&answer).service, service, "{server_name} {authority}");
        let forwarded = values(&seen(&answer).headers, "x-forwarded-proto");
        assert_eq!(forwarded, [b"https"]);
    }
    for (server_name, authority) in [("x.example", "y.example"), ("y.example", "other.invalid")] {
        let answer = to(&host, server_name, authority);
        assert_eq!((answer.status, answer.seen), (421, None), "{authority}");
    }
    assert_eq!(send(&host, &get("/")).status, 200, "beside it, cleartext");
}

#[test]
fn a_name_that_no_listener_has_gets_no_answer() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &names(false));
    for name in ["other.invalid", ""] {
        let refused = host.send(&exchange(name, "x.example"));
        assert!(
            matches!(refused, Err(EnvoyError::NoAnswer { .. })),
            "{refused:?}"
        );
    }
    let cleartext = Exchange {
        tls: None,
        ..exchange("", "x.example")
    };
    assert!(matches!(
        host.send(&cleartext),
        Err(EnvoyError::NoAnswer { .. })
    ));
    let unsendable = host.send(&exchange("x example", "x.example"));
    assert!(
        matches!(unsendable, Err(EnvoyError::Unsendable(_))),
        "{unsendable:?}"
    );
}

#[test]
fn both_versions_are_negotiated_and_the_clients_address_comes_first() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(&binary, &names(true));
    for protocol in [Protocol::Http, Protocol::H2c, Protocol::Grpc] {
        let answer = send(
            &host,
            &Exchange {
                client: "10.1.2.3".parse().ok(),
                protocol,
                ..exchange("", "x.example")
            },
        );
        let forwarded = values(&seen(&answer).headers, "x-forwarded-for");
        assert_eq!(forwarded, [b"10.1.2.3"]);
    }
}
