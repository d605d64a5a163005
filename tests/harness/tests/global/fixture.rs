//! The service that a test starts for itself, and what is in front of it.

use std::io::Write as _;
use std::net::SocketAddr;

use gwf::exchange::{Answer, Exchange, Protocol};
use gwf::modules::RATE_LIMIT;
use gwf::rate_limit_service::RateLimitService;
use gwf::xds::{
    Cluster, Listener, Proxy, Route, RouteAction, ServiceCluster, VirtualHost, WasmFilter,
};
use serde_json::{Value, json};

/// A service that knows these domains; absent where it is not installed.
pub(crate) fn service(domains: &[&str]) -> Option<RateLimitService> {
    let started = RateLimitService::start(domains).unwrap_or_else(|error| panic!("{error}"));
    if started.is_none() {
        let required = std::env::var_os("GWF_REQUIRE_RATELIMIT").is_some_and(|v| v == "1");
        assert!(
            !required,
            "no rate limit service: `just ratelimit-tools` installs one"
        );
        // Not by a macro: those are captured, and a test that did nothing must say so.
        let _ = writeln!(
            std::io::stderr(),
            "passed over: no rate limit service, `just ratelimit-tools` installs one"
        );
    }
    started
}

/// The domain that the filter asks in.
pub(crate) const DOMAIN: &str = "gateway-filters";

/// A policy `n/p` with these global rules, and further members of `service`.
pub(crate) fn limited(rules: &Value, service: Value) -> String {
    let mut spec = json!({"cluster": CLUSTER, "domain": DOMAIN, "timeout": "30s"});
    if let (Value::Object(spec), Value::Object(service)) = (&mut spec, service) {
        spec.extend(service);
    }
    let policy = json!({"name": "n/p", "rateLimit": {"global": {"rules": rules}}});
    json!({"policies": [policy], "service": spec}).to_string()
}

const CLUSTER: &str = "ratelimit";

/// The filter in front of the routes `/a` and `/b`.
pub(crate) fn proxy(configuration: String, service: Option<SocketAddr>) -> Proxy {
    let route = |name: &str| Route {
        name: format!("httproute/n/{name}/rule/0/match/0/*"),
        prefix: format!("/{name}"),
        headers: Vec::new(),
        filters_enabled: true,
        action: RouteAction::Forward {
            cluster: "n/backend:80".into(),
            host_rewrite_header: None,
        },
    };
    Proxy {
        listeners: vec![Listener {
            port: 80,
            trusted_hops: 0,
            virtual_hosts: vec![VirtualHost {
                name: "n/g/http/*".into(),
                domains: vec!["*".into()],
                routes: vec![route("a"), route("b")],
            }],
        }],
        filters: vec![WasmFilter {
            name: "rate-limit".into(),
            root_id: "rate-limit".into(),
            module: RATE_LIMIT.into(),
            configuration,
            fail_open: false,
        }],
        clusters: vec![Cluster {
            name: "n/backend:80".into(),
            namespace: "n".into(),
            service: "backend".into(),
            http2: false,
        }],
        services: vec![ServiceCluster {
            name: CLUSTER.into(),
            address: service,
        }],
        ..Proxy::default()
    }
}

pub(crate) fn get(path: &str) -> Exchange {
    Exchange {
        gateway_namespace: "n".into(),
        gateway: "g".into(),
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

/// The value of a response header.
pub(crate) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let found = answer.headers.iter().find(|(n, _)| n == name.as_bytes());
    found.and_then(|(_, value)| std::str::from_utf8(value).ok())
}
