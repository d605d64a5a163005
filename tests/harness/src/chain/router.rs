//! Route matching as Envoy does it (`source/common/router/config_impl.cc`), on the part of xDS that
//! a bundle emits.

use std::collections::HashMap;

use crate::model::{Listener, Route, RouteAction, StringMatch, VirtualHost};
use crate::wasm_host::{EnvoyVersion, HeaderMap, RouteInfo};

/// The virtual hosts of one listener, found by domain.
#[derive(Debug)]
pub(crate) struct Router {
    virtual_hosts: Vec<VirtualHost>,
    exact: HashMap<String, usize>,
    /// `.suffix`, longest first.
    suffixes: Vec<(String, usize)>,
    any: Option<usize>,
    lines_alone: bool,
    /// [`Listener::trusted_hops`].
    pub(crate) trusted_hops: u32,
    /// [`Listener::removed_request_headers`].
    pub(crate) removed_request_headers: Vec<String>,
    /// `https` where TLS is terminated.
    pub(crate) scheme: &'static str,
}

/// The route that a request matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match<'a> {
    pub(crate) virtual_host: &'a VirtualHost,
    pub(crate) route: &'a Route,
}

impl Match<'_> {
    /// What the `xds` attributes tell of it.
    pub(crate) fn info(&self) -> RouteInfo {
        RouteInfo {
            name: self.route.name.clone(),
            virtual_host: self.virtual_host.name.clone(),
            cluster: match &self.route.action {
                RouteAction::DirectResponse(_) => None,
                RouteAction::Forward(forward) => Some(forward.cluster.clone()),
            },
        }
    }
}

impl Router {
    pub(crate) fn new(listener: &Listener, envoy: EnvoyVersion) -> Self {
        let mut router = Self {
            virtual_hosts: listener.virtual_hosts.clone(),
            exact: HashMap::new(),
            suffixes: Vec::new(),
            any: None,
            lines_alone: envoy.matches_header_lines_alone(),
            trusted_hops: listener.trusted_hops,
            removed_request_headers: listener.removed_request_headers.clone(),
            scheme: listener.tls.as_ref().map_or("http", |_| "https"),
        };
        for (place, host) in listener.virtual_hosts.iter().enumerate() {
            for domain in &host.domains {
                let domain = domain.to_ascii_lowercase();
                if domain == "*" {
                    router.any = Some(place);
                } else if let Some(suffix) = domain.strip_prefix('*') {
                    router.suffixes.push((suffix.to_owned(), place));
                } else {
                    router.exact.insert(domain, place);
                }
            }
        }
        let length = |(suffix, _): &(String, usize)| std::cmp::Reverse(suffix.len());
        router.suffixes.sort_by_key(length);
        router
    }

    /// The first matching route of the one virtual host that the authority selects. There is no
    /// falling through to another virtual host.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Option<Match<'_>> {
        let virtual_host = self.virtual_host(headers.get(b":authority")?)?;
        let path = headers.get(b":path")?;
        let path = path.split(|byte| b"?#".contains(byte)).next()?;
        let matches = |route: &&Route| {
            matches_prefix(path, route.prefix.as_bytes())
                && self.matches_headers(headers, &route.headers)
        };
        let route = virtual_host.routes.iter().find(matches)?;
        Some(Match {
            virtual_host,
            route,
        })
    }

    /// Exact, then the longest `*.suffix`, then `*`; port and case do not count.
    fn virtual_host(&self, authority: &[u8]) -> Option<&VirtualHost> {
        let host = String::from_utf8_lossy(authority).to_ascii_lowercase();
        let host = without_port(&host);
        let by_suffix = || {
            let fits = |(suffix, _): &&(String, usize)| {
                host.len() > suffix.len() && host.ends_with(suffix.as_str())
            };
            self.suffixes.iter().find(fits).map(|(_, place)| place)
        };
        let place = self
            .exact
            .get(host)
            .or_else(by_suffix)
            .or(self.any.as_ref());
        self.virtual_hosts.get(*place?)
    }

    fn matches_headers(&self, headers: &HeaderMap, wanted: &[(String, StringMatch)]) -> bool {
        wanted.iter().all(|(name, wanted)| {
            let name = name.as_bytes();
            if self.lines_alone {
                return headers.values(name).any(|value| wanted.matches(value));
            }
            let joined = headers.joined(name);
            joined.is_some_and(|value| wanted.matches(&value))
        })
    }
}

/// `path_separated_prefix`: equal, or the prefix and a slash. `/` is every path.
pub(super) fn matches_prefix(path: &[u8], prefix: &[u8]) -> bool {
    let prefix = prefix.strip_suffix(b"/").unwrap_or(prefix);
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm_host::MapKind;

    fn route(name: &str, prefix: &str, headers: &[(&str, &str)]) -> Route {
        Route {
            name: name.to_owned(),
            prefix: prefix.to_owned(),
            headers: headers
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).into()))
                .collect(),
            filters_enabled: false,
            action: RouteAction::DirectResponse(200),
        }
    }

    fn host(name: &str, domains: &[&str], routes: Vec<Route>) -> VirtualHost {
        VirtualHost {
            name: name.to_owned(),
            domains: domains.iter().map(|d| (*d).to_owned()).collect(),
            routes,
        }
    }

    fn router(virtual_hosts: Vec<VirtualHost>, envoy: EnvoyVersion) -> Router {
        let listener = Listener {
            port: 80,
            virtual_hosts,
            ..Listener::default()
        };
        Router::new(&listener, envoy)
    }

    fn found(router: &Router, pairs: &[(&str, &str)]) -> Option<String> {
        let pairs = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let headers = HeaderMap::from_pairs(MapKind::Request, pairs);
        router.find(&headers).map(|m| m.route.name.clone())
    }

    #[test]
    fn the_most_specific_host_is_taken_and_nothing_falls_through() {
        let routes = |name: &str, prefix| vec![route(name, prefix, &[])];
        let router = router(
            vec![
                host("any", &["*"], routes("any", "/")),
                host("wild", &["*.ex.com"], routes("wild", "/")),
                host("long", &["*.a.ex.com"], routes("long", "/")),
                host("exact", &["b.ex.com"], routes("exact", "/only")),
            ],
            EnvoyVersion::default(),
        );
        let at = |host, path| found(&router, &[(":authority", host), (":path", path)]);
        assert_eq!(at("B.ex.com:8080", "/only/x?y").as_deref(), Some("exact"));
        assert_eq!(at("b.ex.com", "/other"), None);
        assert_eq!(at("x.y.ex.com", "/").as_deref(), Some("wild"));
        assert_eq!(at("x.a.ex.com", "/").as_deref(), Some("long"));
        assert_eq!(at("ex.com", "/").as_deref(), Some("any"));
    }

    #[test]
    fn prefixes_end_at_segments() {
        let routes = vec![route("foo", "/foo/", &[])];
        let router = router(vec![host("h", &["*"], routes)], EnvoyVersion::default());
        let at = |path| found(&router, &[(":authority", "h"), (":path", path)]).is_some();
        assert!(at("/foo") && at("/foo/") && at("/foo/bar") && at("/foo?x"));
        assert!(!at("/foobar") && !at("/fo") && !at("/Foo"));
    }

    #[test]
    fn repeated_lines_count_alone_since_1_39() {
        let routes = vec![route("r", "/", &[("x-a", "1")])];
        let hosts = vec![host("h", &["*"], routes)];
        let request = [
            (":authority", "h"),
            (":path", "/"),
            ("x-a", "0"),
            ("x-a", "1"),
        ];
        let now = router(hosts.clone(), EnvoyVersion::new(1, 39));
        assert!(found(&now, &request).is_some());
        let before = router(hosts, EnvoyVersion::new(1, 38));
        assert_eq!(found(&before, &request), None);
        assert!(found(&before, &request[..2]).is_none());
    }
}
