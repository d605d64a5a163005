//! Routing tables of any size and the requests for them. A route here is an HTTPRoute with one rule,
//! one match and one backend: the form that costs a configuration the most.

use gateway_harness::wasm_host::{HeaderMap, MapKind};
use serde_json::{Value, json};

/// How routes differ from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A PathPrefix each, on one host.
    Prefixes,
    /// An Exact path each, on one host.
    Exact,
    /// A host each, `/` beneath it.
    Hosts,
    /// Ten routes to a host: five prefixes, each with and without a header.
    Mixed,
}

/// What tells a route from the others.
pub struct Match {
    /// Its hostname.
    pub host: String,
    /// Its path or prefix.
    pub path: String,
    /// What `x-version` must be, if it asks for it.
    pub version: Option<&'static str>,
}

impl Shape {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Prefixes => "prefixes on one host",
            Shape::Exact => "exact paths on one host",
            Shape::Hosts => "a host each",
            Shape::Mixed => "hosts × prefixes, headers",
        }
    }

    /// The match of the route of that number.
    pub fn route(self, route: usize) -> Match {
        let one_host = || "shop.example.com".to_owned();
        let (host, path, version) = match self {
            Shape::Prefixes => (one_host(), format!("/api/service-{route}"), None),
            Shape::Exact => (one_host(), format!("/api/service-{route}/orders"), None),
            Shape::Hosts => (format!("service-{route}.example.com"), "/".into(), None),
            Shape::Mixed => (
                format!("team-{}.example.com", route / 10),
                format!("/api/service-{}", route % 10 / 2),
                (route % 2 == 1).then_some("v2"),
            ),
        };
        Match {
            host,
            path,
            version,
        }
    }

    /// The configuration of `route-match` with that many routes, to that many Services in turn.
    pub fn configuration(self, routes: usize, services: usize) -> String {
        let routes = (0..routes).map(|route| self.httproute(route, route % services));
        json!({"routes": routes.collect::<Vec<_>>()}).to_string()
    }

    fn httproute(self, route: usize, service: usize) -> Value {
        let Match {
            host,
            path,
            version,
        } = self.route(route);
        let kind = match self {
            Shape::Exact => "Exact",
            _ => "PathPrefix",
        };
        let headers = version.map(|version| json!({"name": "x-version", "value": version}));
        json!({
            "kind": "HTTPRoute",
            "metadata": {"namespace": "shop", "name": format!("route-{route}")},
            "spec": {
                "hostnames": [host],
                "rules": [{
                    "matches": [{
                        "path": {"type": kind, "value": path},
                        "headers": headers.into_iter().collect::<Vec<_>>(),
                    }],
                    "backendRefs": [{"name": format!("service-{service}"), "port": 8080}],
                }],
            },
        })
    }

    /// The request for that route, as Envoy hands one over that a browser sent.
    pub fn request(self, route: usize) -> HeaderMap {
        let Match {
            host,
            path,
            version,
        } = self.route(route);
        let path = match self {
            Shape::Exact => path,
            _ => format!("{}/orders/1234?page=2", path.trim_end_matches('/')),
        };
        let id = format!("5f0c2c0e-1d0a-4c9e-8a55-{route:012}");
        let mut headers = vec![
            (":authority", host.as_str()),
            (":path", path.as_str()),
            (":method", "GET"),
            (":scheme", "http"),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101",
            ),
            ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"),
            ("accept-encoding", "gzip, deflate, br"),
            ("x-forwarded-for", "192.0.2.17"),
            ("x-forwarded-proto", "http"),
            ("x-request-id", id.as_str()),
        ];
        headers.extend(version.map(|version| ("x-version", version)));
        let pairs = headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        HeaderMap::from_pairs(MapKind::Request, pairs)
    }
}

/// How `x-gateway-route` begins for [`Shape::configuration`]'s rule of that number.
pub fn route_name(route: usize) -> String {
    format!("httproute/shop/route-{route}/rule/0")
}
