//! Which policy a request falls to.

use super::spec::{PolicySpec, TargetSpec};
use crate::route::InvalidConfig;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A policy, and the listeners on which it applies there; empty is all of them.
type Applies = (u32, Vec<u16>);

/// From route and listener to a policy, in the same time however many there are.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// By `httproute/<namespace>/<name>` and `httproute/<namespace>/<name>/rule/<i>`.
    routes: HashMap<Box<str>, Vec<Applies>, FxBuildHasher>,
    every: Vec<Applies>,
}

impl Targets {
    pub(super) fn new(
        policies: &[PolicySpec],
        listeners: &[String],
    ) -> Result<Self, InvalidConfig> {
        let mut targets = Targets::default();
        for (number, policy) in (0u32..).zip(policies) {
            let Some(specs) = &policy.targets else {
                targets.every.push((number, Vec::new()));
                continue;
            };
            for (at, spec) in specs.iter().enumerate() {
                targets.add(number, spec, listeners).map_err(|error| {
                    error.within(format_args!("policies[{number}].targets[{at}]"))
                })?;
            }
        }
        Ok(targets)
    }

    fn add(
        &mut self,
        policy: u32,
        spec: &TargetSpec,
        names: &[String],
    ) -> Result<(), InvalidConfig> {
        let mut listeners = Vec::new();
        for (at, listener) in spec.listeners.iter().flatten().enumerate() {
            let number = names.iter().position(|name| name == listener);
            let number = number.and_then(|number| u16::try_from(number).ok());
            let place = format_args!("listeners[{at}]");
            let unknown =
                || InvalidConfig::new(place, format_args!("there is no listener `{listener}`"));
            listeners.push(number.ok_or_else(unknown)?);
        }
        let route = match (spec.route.as_deref(), spec.rule) {
            (Some(route), _) if !is_route(route) => {
                let reason = format_args!("`{route}`: not as httproute/<namespace>/<name>");
                return Err(InvalidConfig::new("route", reason));
            }
            (Some(route), Some(rule)) => format!("{route}/rule/{rule}"),
            (Some(route), None) => route.to_owned(),
            (None, Some(_)) => return Err(InvalidConfig::new("rule", "a rule needs its route")),
            (None, None) => {
                self.every.push((policy, listeners));
                return Ok(());
            }
        };
        self.routes
            .entry(route.into())
            .or_default()
            .push((policy, listeners));
        Ok(())
    }

    /// Whether the route has to be known to tell the policy.
    pub(super) fn has_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    /// The first policy that applies to a request of this route on this listener.
    pub(super) fn find(&self, route: &str, listener: Option<u16>) -> Option<u32> {
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

    fn targets(policies: &str) -> Result<Targets, String> {
        let policies: Vec<PolicySpec> = serde_json::from_str(policies).unwrap();
        let listeners = ["ns/gw/a".to_owned(), "ns/gw/b".to_owned()];
        Targets::new(&policies, &listeners).map_err(|error| error.to_string())
    }

    #[test]
    fn the_first_policy_that_applies_is_taken() {
        let targets = targets(
            r#"[{"name": "rule", "targets": [{"route": "httproute/ns/r", "rule": 1}]},
                {"name": "listener", "targets": [{"route": "httproute/ns/r", "listeners": ["ns/gw/b"]}]},
                {"name": "route", "targets": [{"route": "httproute/ns/r"}, {"route": "grpcroute/ns/g"}]},
                {"name": "b", "targets": [{"listeners": ["ns/gw/b"]}]}]"#,
        )
        .unwrap();
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
        for (target, message) in [
            (
                r#"{"route": "httproute/r"}"#,
                "policies[0].targets[0].route: `httproute/r`: not as httproute/<namespace>/<name>",
            ),
            (
                r#"{"route": "tcproute/ns/r"}"#,
                "policies[0].targets[0].route: `tcproute/ns/r`: not as httproute/<namespace>/<name>",
            ),
            (
                r#"{"rule": 1}"#,
                "policies[0].targets[0].rule: a rule needs its route",
            ),
            (
                r#"{"listeners": ["x"]}"#,
                "policies[0].targets[0].listeners[0]: there is no listener `x`",
            ),
        ] {
            let policies = format!(r#"[{{"name": "p", "targets": [{target}]}}]"#);
            assert_eq!(targets(&policies).unwrap_err(), message);
        }
    }
}
