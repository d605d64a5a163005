//! Which routes a part of a configuration is for.

use crate::host::{Host, HostError};
use crate::request::RequestHead;
use crate::route::InvalidConfig;
use crate::router::ROUTE_HEADER;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

/// Where the filter learns which route rule a request matched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteFrom {
    /// Envoy's attribute `xds.route_name`, which no client can forge.
    #[default]
    Envoy,
    /// The header `x-gateway-route`, which `route-match` writes; only behind that filter.
    Header,
}

impl RouteFrom {
    /// Envoy Gateway's name of the route that a request matched; empty if it has none.
    pub(crate) fn read(self, head: &RequestHead, host: &dyn Host) -> Result<String, HostError> {
        let name = match self {
            RouteFrom::Header => head
                .values(ROUTE_HEADER.as_bytes())
                .next()
                .map(<[u8]>::to_vec),
            RouteFrom::Envoy => host.property(&["xds", "route_name"])?,
        };
        Ok(String::from_utf8(name.unwrap_or_default()).unwrap_or_default())
    }
}

/// A part of the configuration by its number, and the listeners on which it applies; empty is all of
/// them.
type Applies = (u32, Vec<u16>);

/// From route and listener to a part of the configuration, in the same time however many there are.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// By `httproute/<namespace>/<name>` and `httproute/<namespace>/<name>/rule/<i>`.
    routes: HashMap<Box<str>, Vec<Applies>, FxBuildHasher>,
    every: Vec<Applies>,
}

impl Targets {
    /// Makes a part apply to a route, a rule of it, or without either to every request.
    pub(crate) fn add(
        &mut self,
        number: u32,
        route: Option<&str>,
        rule: Option<u32>,
        listeners: Vec<u16>,
    ) -> Result<(), InvalidConfig> {
        let route = match (route, rule) {
            (Some(route), _) if !is_route(route) => {
                let reason = format_args!("`{route}`: not as httproute/<namespace>/<name>");
                return Err(InvalidConfig::new("route", reason));
            }
            (Some(route), Some(rule)) => format!("{route}/rule/{rule}"),
            (Some(route), None) => route.to_owned(),
            (None, Some(_)) => return Err(InvalidConfig::new("rule", "a rule needs its route")),
            (None, None) => {
                self.every.push((number, listeners));
                return Ok(());
            }
        };
        let applies = self.routes.entry(route.into()).or_default();
        applies.push((number, listeners));
        Ok(())
    }

    /// Whether the route has to be known to tell the part.
    pub(crate) fn has_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    /// The first part that applies to a request of this route on this listener.
    pub(crate) fn find(&self, route: &str, listener: Option<u16>) -> Option<u32> {
        let of = |key: Option<&str>| {
            key.and_then(|key| self.routes.get(key))
                .map_or(&[][..], Vec::as_slice)
        };
        let (rule, name) = match self.has_routes() {
            true => names(route),
            false => (None, None),
        };
        [of(rule), of(name), &self.every]
            .into_iter()
            .flatten()
            .filter(|(_, listeners)| {
                listeners.is_empty()
                    || listener.is_some_and(|listener| listeners.contains(&listener))
            })
            .map(|(policy, _)| *policy)
            .min()
    }
}

/// `httproute/<namespace>/<name>/rule/<i>` of a longer name, and what precedes `/rule/`.
fn names(route: &str) -> (Option<&str>, Option<&str>) {
    let slashes = || route.match_indices('/').map(|(at, _)| at);
    let upto = |slash: usize| route.get(..slashes().nth(slash).unwrap_or(route.len()));
    (upto(4), upto(2))
}

fn is_route(route: &str) -> bool {
    let mut parts = route.split('/');
    let kind = matches!(parts.next(), Some("httproute" | "grpcroute"));
    let named = |part: Option<&str>| part.is_some_and(|part| !part.is_empty());
    kind && named(parts.next()) && named(parts.next()) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_that_applies_is_found() {
        let mut targets = Targets::default();
        let (r, g) = (Some("httproute/ns/r"), Some("grpcroute/ns/g"));
        for (number, route, rule, listeners) in [
            (0, r, Some(1), vec![]),
            (1, r, None, vec![1]),
            (2, r, None, vec![]),
            (2, g, None, vec![]),
            (3, None, None, vec![1]),
        ] {
            targets.add(number, route, rule, listeners).unwrap();
        }
        let find = |route, listener| targets.find(route, Some(listener));
        assert_eq!(find("httproute/ns/r/rule/1/match/0/*", 0), Some(0));
        assert_eq!(find("httproute/ns/r/rule/10/match/0/*", 0), Some(2));
        assert_eq!(find("httproute/ns/r/rule/0/match/0/*", 1), Some(1));
        assert_eq!(find("grpcroute/ns/g/rule/0/match/0/a_b", 0), Some(2));
        assert_eq!(find("httproute/ns/other/rule/0/match/0/*", 0), None);
        assert_eq!(find("httproute/ns/other/rule/0/match/0/*", 1), Some(3));
        assert_eq!(find("", 1), Some(3));
        assert_eq!(targets.find("httproute/ns/other", None), None);
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for (route, rule, message) in [
            (
                Some("httproute/r"),
                None,
                "route: `httproute/r`: not as httproute/<namespace>/<name>",
            ),
            (
                Some("tcproute/ns/r"),
                None,
                "route: `tcproute/ns/r`: not as httproute/<namespace>/<name>",
            ),
            (None, Some(1), "rule: a rule needs its route"),
        ] {
            let error = Targets::default().add(0, route, rule, vec![]).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
