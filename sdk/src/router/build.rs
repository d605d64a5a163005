//! The second layer of the configuration: from what is written to what cannot be wrong.

use super::{Backend, Listener, Matched, Router, Rule};
use crate::action::{Actions, OwnAnswer};
use crate::route::host_index::HostIndex;
use crate::route::spec::{
    BackendRefSpec, ListenerSpec, MatchSpec, RouteKind, RouteMatchSpec, RouteSpec, RuleSpec,
};
use crate::route::{
    Conditions, Entry, Hostname, InvalidConfig, PathMatch, RouteTable, Tie, Timestamp, condition,
};
use crate::split::Split;
use crate::time::parse_rfc3339;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::rc::Rc;

impl TryFrom<RouteMatchSpec> for Router {
    type Error = InvalidConfig;

    /// Compiles the configuration.
    ///
    /// # Errors
    /// The first value that is wrong, with its path: `routes[0].spec.rules[2].matches[0].path.value`.
    fn try_from(spec: RouteMatchSpec) -> Result<Self, InvalidConfig> {
        let RouteMatchSpec { listeners, routes } = spec;
        let mut builder = Builder::new(listeners)?;
        for (at, route) in routes.iter().enumerate() {
            builder
                .add(route)
                .map_err(|error| error.within(format_args!("routes[{at}]")))?;
        }
        Ok(builder.finish())
    }
}

#[derive(Default)]
struct Builder {
    listeners: Vec<(ListenerSpec, Hostname, Vec<Entry<Matched>>)>,
    names: HashMap<Box<str>, u32, FxBuildHasher>,
    ports: Vec<(u16, HostIndex)>,
    rules: Vec<Rule>,
    needs_source: bool,
}

impl Builder {
    fn new(listeners: Vec<ListenerSpec>) -> Result<Self, InvalidConfig> {
        let mut builder = Builder::default();
        let every_host = ListenerSpec {
            name: "*".into(),
            port: 80,
            protocol: None,
            hostname: None,
        };
        let listeners = if listeners.is_empty() {
            vec![every_host]
        } else {
            listeners
        };
        for (number, listener) in (0u32..).zip(listeners) {
            builder
                .add_listener(number, listener)
                .map_err(|error| error.within(format_args!("listeners[{number}]")))?;
        }
        Ok(builder)
    }

    fn add_listener(&mut self, number: u32, listener: ListenerSpec) -> Result<(), InvalidConfig> {
        let hostname: Hostname = match listener.hostname.as_deref().unwrap_or_default().parse() {
            Ok(hostname) => hostname,
            Err(error) => return Err(InvalidConfig::new("hostname", error)),
        };
        if self
            .names
            .insert(listener.name.as_str().into(), number)
            .is_some()
        {
            return Err(InvalidConfig::new("name", "another listener has this name"));
        }
        if !self.ports.iter().any(|(port, _)| *port == listener.port) {
            self.ports.push((listener.port, HostIndex::default()));
        }
        if let Some((_, hosts)) = self.ports.iter_mut().find(|entry| entry.0 == listener.port) {
            if hosts.get(&hostname).is_some() {
                let reason = "another listener has this hostname on the same port";
                return Err(InvalidConfig::new("hostname", reason));
            }
            hosts.insert(&hostname, number);
        }
        self.listeners.push((listener, hostname, Vec::new()));
        Ok(())
    }

    fn add(&mut self, route: &RouteSpec) -> Result<(), InvalidConfig> {
        let attached = self.attached(route)?;
        let hostnames = hostnames(route)?;
        let tie = |order| -> Result<Tie, InvalidConfig> {
            Ok(Tie {
                age: age(route)?,
                name: full_name(route),
                order,
            })
        };
        for (number, spec) in route.spec.rules.iter().enumerate() {
            let place = |error: InvalidConfig| error.within(format_args!("spec.rules[{number}]"));
            let matches = compile_matches(route.kind, spec).map_err(place)?;
            let rule = compile_rule(route, number, spec, &matches).map_err(place)?;
            let index = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
            let route = rule.route.clone();
            self.rules.push(rule);
            for (order, (path, conditions)) in matches.into_iter().enumerate() {
                self.needs_source |= conditions.needs_source();
                let tie = tie((number, order))?;
                self.attach(&attached, &hostnames, |hostname| Entry {
                    policy: Matched {
                        rule: index,
                        name: route_name(&route, order, &hostname),
                    },
                    hostname,
                    path: path.clone(),
                    conditions: conditions.clone(),
                    tie: tie.clone(),
                });
            }
        }
        Ok(())
    }

    /// Puts an entry into every listener that the route is attached to, once for each hostname that
    /// listener and route have in common.
    fn attach(
        &mut self,
        attached: &[usize],
        hostnames: &[Hostname],
        entry: impl Fn(Hostname) -> Entry<Matched>,
    ) {
        for &at in attached {
            let Some((_, own, entries)) = self.listeners.get_mut(at) else {
                continue;
            };
            let mut common: Vec<Hostname> = Vec::new();
            for hostname in hostnames
                .iter()
                .filter_map(|hostname| own.intersection(hostname))
            {
                if !common.contains(&hostname) {
                    common.push(hostname);
                }
            }
            entries.extend(common.into_iter().map(&entry));
        }
    }

    fn attached(&self, route: &RouteSpec) -> Result<Vec<usize>, InvalidConfig> {
        let Some(names) = &route.listeners else {
            return Ok((0..self.listeners.len()).collect());
        };
        let known = names.iter().enumerate().map(|(at, name)| {
            self.names
                .get(name.as_str())
                .map(|&number| number as usize)
                .ok_or_else(|| {
                    let reason = format!("`{name}`: no listener has this name");
                    InvalidConfig::new(format_args!("listeners[{at}]"), reason)
                })
        });
        known.collect()
    }

    fn finish(self) -> Router {
        let listeners = self
            .listeners
            .into_iter()
            .map(|(spec, _, entries)| Listener {
                name: spec.name.into(),
                port: spec.port,
                table: RouteTable::new(entries),
            });
        Router {
            listeners: listeners.collect(),
            names: self.names,
            ports: self.ports,
            rules: self.rules,
            needs_source: self.needs_source,
        }
    }
}

/// `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`; Envoy Gateway writes the dots of a host as
/// underscores, and no host as `*`.
fn route_name(rule: &str, order: usize, hostname: &Hostname) -> Box<str> {
    let (star, host) = match hostname {
        Hostname::Any => ("*", ""),
        Hostname::Wildcard(suffix) => ("*", &**suffix),
        Hostname::Exact(name) => ("", &**name),
    };
    let mut name = format!("{rule}/match/{order}/{star}");
    name.reserve_exact(host.len());
    name.extend(host.chars().map(|c| if c == '.' { '_' } else { c }));
    name.into()
}

fn hostnames(route: &RouteSpec) -> Result<Vec<Hostname>, InvalidConfig> {
    if route.spec.hostnames.is_empty() {
        return Ok(vec![Hostname::Any]);
    }
    let parsed = route.spec.hostnames.iter().enumerate().map(|(at, text)| {
        text.parse()
            .map_err(|error| InvalidConfig::new(format_args!("spec.hostnames[{at}]"), error))
    });
    parsed.collect()
}

fn full_name(route: &RouteSpec) -> Rc<str> {
    format!("{}/{}", route.metadata.namespace, route.metadata.name).into()
}

fn age(route: &RouteSpec) -> Result<Timestamp, InvalidConfig> {
    let Some(text) = &route.metadata.creation_timestamp else {
        return Ok(Timestamp::MAX);
    };
    parse_rfc3339(text).ok_or_else(|| {
        let reason = format!("`{text}`: not a time as in 2026-01-31T12:00:00Z");
        InvalidConfig::new("metadata.creationTimestamp", reason)
    })
}

/// A rule without matches has one that asks nothing.
fn compile_matches(
    kind: RouteKind,
    spec: &RuleSpec,
) -> Result<Vec<(PathMatch, Conditions)>, InvalidConfig> {
    let everything = [MatchSpec::default()];
    let specs = if spec.matches.is_empty() {
        &everything[..]
    } else {
        &spec.matches
    };
    let compiled = specs.iter().enumerate().map(|(at, spec)| {
        condition::compile(kind, spec).map_err(|(path, error)| {
            InvalidConfig::new(path, error).within(format_args!("matches[{at}]"))
        })
    });
    compiled.collect()
}

fn compile_rule(
    route: &RouteSpec,
    number: usize,
    spec: &RuleSpec,
    matches: &[(PathMatch, Conditions)],
) -> Result<Rule, InvalidConfig> {
    let (kind, grpc) = match route.kind {
        RouteKind::HTTPRoute => ("httproute", false),
        RouteKind::GRPCRoute => ("grpcroute", true),
    };
    let actions = Actions::new(&spec.filters)?;
    let mut backends = Vec::with_capacity(spec.backend_refs.len());
    let mut weights = Vec::with_capacity(spec.backend_refs.len());
    for (at, backend) in (0u32..).zip(&spec.backend_refs) {
        let compiled = compile_backend(route, backend);
        backends.push(compiled.map_err(|e| e.within(format_args!("backendRefs[{at}]")))?);
        weights.push((backend.weight.unwrap_or(1), at));
    }
    let all = || std::iter::once(&actions).chain(backends.iter().map(|backend| &backend.actions));
    if all().any(replaces_prefix) && matches.iter().any(|(path, _)| path.prefix().is_none()) {
        let reason = "ReplacePrefixMatch needs a PathPrefix in every match of the rule";
        return Err(InvalidConfig::new("filters", reason));
    }
    Ok(Rule {
        route: format!("{kind}/{}/rule/{number}", full_name(route)).into(),
        grpc,
        actions,
        backends,
        split: Split::new(weights),
    })
}

/// "ReplacePrefixMatch is only compatible with a PathPrefix HTTPRouteMatch."
fn replaces_prefix(actions: &Actions) -> bool {
    let rewrite = actions
        .rewrite
        .as_ref()
        .and_then(|rewrite| rewrite.path.as_ref());
    rewrite.is_some_and(|path| path.needs_prefix())
        || matches!(&actions.answer, Some(OwnAnswer::Redirect(redirect)) if redirect.needs_prefix())
}

fn compile_backend(route: &RouteSpec, spec: &BackendRefSpec) -> Result<Backend, InvalidConfig> {
    if spec.weight.is_some_and(|weight| weight > 1_000_000) {
        return Err(InvalidConfig::new("weight", "0 to 1000000"));
    }
    let namespace = spec.namespace.as_ref().unwrap_or(&route.metadata.namespace);
    let id = match (&spec.invalid, spec.port) {
        (Some(_), _) => None,
        (None, Some(port)) => Some(format!("{namespace}/{}:{port}", spec.name).into()),
        (None, None) => return Err(InvalidConfig::new("port", "a Service needs a port")),
    };
    Ok(Backend {
        id,
        actions: Actions::new(&spec.filters)?,
    })
}
