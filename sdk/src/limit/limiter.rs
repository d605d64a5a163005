//! From a request to a verdict.

mod asking;

pub use asking::Asked;

use super::hand_over::HandOver;
use super::headers::lines;
use super::policy::{Local, Policy, RequestScope};
use super::refusal::Refusal;
use super::rule::Context;
use super::service::{Charge, Service};
use super::sets::Seed;
use super::spec::{PolicySpec, RateLimitFilterSpec, TargetSpec};
use crate::header::HeaderEdit;
use crate::host::{Host, HostError};
use crate::key::Subject;
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::InvalidConfig;
use crate::target::{RouteFrom, Targets};
use asking::Progress;
use std::time::Duration;

/// How often what was counted is reported.
const TICK: Duration = Duration::from_secs(1);
/// Keys that a local rule counts one by one, unless configured.
const MAX_KEYS: u32 = 10_000;

/// The compiled configuration of the `rate-limit` filter.
///
/// What it counts requests by is in shared data, so that the workers of an Envoy count
/// together and an update of the configuration goes on counting.
#[derive(Debug)]
pub struct Limiter {
    route_from: RouteFrom,
    listeners: Vec<Box<str>>,
    targets: Targets,
    policies: Vec<Policy>,
    needs_scope: bool,
    service: Option<Service>,
    refusal: Refusal,
    hand_over: Option<HandOver>,
    fails_closed: bool,
}

/// What is done with a request.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on.
    Pass(Pass),
    /// It is answered.
    Refuse(Reply),
    /// The service has to be asked: make the call that [`Limiter::call`] gives and hand its answer to
    /// [`Limiter::answered`].
    Ask(Asked),
}

/// What a request that goes on takes along.
#[derive(Debug, Default)]
pub struct Pass {
    /// For the request.
    pub request_headers: Vec<HeaderEdit<'static>>,
    /// For its response.
    pub response_headers: Vec<HeaderEdit<'static>>,
    /// What its response will be charged to.
    after: Vec<Charge>,
    policy: usize,
}

impl Limiter {
    /// Compiles a configuration. The host is asked for metrics, for a tick, and for the seed that
    /// all workers of an Envoy share.
    ///
    /// # Errors
    /// The first value that is wrong, with its path: `policies[0].rateLimit.local.rules[1].limit`.
    pub fn new(spec: &RateLimitFilterSpec, host: &dyn Host) -> Result<Self, InvalidConfig> {
        let unusable = |error: HostError| InvalidConfig::new("", error);
        let seed = Seed::agreed(host, || host.draw()).map_err(unusable)?;
        host.set_tick(TICK).map_err(unusable)?;
        let max_keys = spec.max_keys.unwrap_or(MAX_KEYS);
        if max_keys == 0 {
            return Err(InvalidConfig::new("maxKeys", "at least one key"));
        }
        let mut policies = Vec::with_capacity(spec.policies.len());
        for (at, policy) in spec.policies.iter().enumerate() {
            let context = Context {
                policy: &policy.name,
                max_keys,
                seed,
                host,
            };
            let compiled =
                check_name(&spec.policies, at).and_then(|()| Policy::new(policy, &context));
            policies.push(compiled.map_err(|error| error.within(format_args!("policies[{at}]")))?);
        }
        let service = spec
            .service
            .as_ref()
            .map(|service| Service::new(service, max_keys, seed));
        let service = service
            .transpose()
            .map_err(|error| error.within("service"))?;
        if service.is_none() && policies.iter().any(Policy::is_global) {
            return Err(InvalidConfig::new(
                "service",
                "global limits need the rate limit service",
            ));
        }
        let hand_over = spec.hand_over.as_ref().map(HandOver::new);
        let targets = targets(&spec.policies, &spec.listeners)?;
        Ok(Limiter {
            route_from: spec.route_from,
            listeners: spec
                .listeners
                .iter()
                .map(|name| name.as_str().into())
                .collect(),
            needs_scope: targets.has_routes() || policies.iter().any(Policy::needs_scope),
            targets,
            policies,
            service,
            refusal: Refusal::new(spec)?,
            fails_closed: spec.fail_closed,
            hand_over: hand_over
                .transpose()
                .map_err(|error| error.within("handOver"))?,
        })
    }

    /// What Envoy Gateway's own limiter is to be handed, if anything.
    pub fn hand_over(&self) -> Option<&HandOver> {
        self.hand_over.as_ref()
    }

    /// Counts a request of that scope against its limits: of [`Limiter::scope_of`] where the rule is
    /// known, else of [`Limiter::read_scope`].
    ///
    /// # Errors
    /// The host does not do what every host does.
    pub fn check(
        &self,
        scope: &RequestScope,
        head: &RequestHead,
        host: &dyn Host,
    ) -> Result<Verdict, HostError> {
        let found = self.targets.find(&scope.route, scope.listener);
        let found = found.and_then(|at| Some((at as usize, self.policies.get(at as usize)?)));
        let Some((at, policy)) = found else {
            return Ok(Verdict::Pass(Pass::default()));
        };
        let subject = Subject::new(head, host);
        let local = match policy.charge(&subject, scope, host)? {
            Local::Passed(figures) => figures,
            Local::Refused {
                figures,
                retry_after,
            } => {
                let figures = figures.as_slice();
                let reply = self.refusal.reply(figures, retry_after, LOCAL_BODY, &[]);
                return Ok(Verdict::Refuse(reply));
            }
        };
        let service = self.service.as_ref().filter(|_| policy.is_global());
        let Some(service) = service else {
            return Ok(Verdict::Pass(Pass {
                response_headers: lines(local.as_slice()),
                ..Pass::default()
            }));
        };
        let listener = self.listener_name(scope);
        let rest = service.charges(policy, &subject, scope, listener, host)?;
        let pass = Pass {
            after: service.after(policy, &rest),
            ..Pass::default()
        };
        let progress = Box::new(Progress {
            policy: at,
            rest,
            local,
            figures: Vec::new(),
            pass,
        });
        self.go_on(progress, host)
    }

    /// Reports what was counted since the last time.
    pub fn flush(&self, host: &dyn Host) {
        for counters in self.policies.iter().flat_map(Policy::counters) {
            counters.flush(host);
        }
    }

    /// Whether a request is answered 500 when the host refuses what counting it needs; otherwise it
    /// goes on uncounted.
    pub fn fails_closed(&self) -> bool {
        self.fails_closed
    }

    /// The scope of a request whose rule another filter has found.
    ///
    /// # Errors
    /// The host does not do what every host does.
    pub fn read_scope(
        &self,
        head: &RequestHead,
        host: &dyn Host,
    ) -> Result<RequestScope<'static>, HostError> {
        let mut scope = RequestScope::default();
        if self.needs_scope {
            scope.route = self.route_from.read(head, host)?.into();
        }
        if self.listeners.len() > 1 {
            let host = host
                .property(&["xds", "virtual_host_name"])?
                .unwrap_or_default();
            let mut parts = host.rsplitn(2, |&byte| byte == b'/');
            scope.listener = self.listener_number(parts.nth(1).unwrap_or_default());
        }
        Ok(scope)
    }

    /// The scope of a request whose rule is known: `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`
    /// on `<namespace>/<Gateway>/<listener>`.
    pub fn scope_of<'a>(&self, route: &'a str, listener: &str) -> RequestScope<'a> {
        RequestScope {
            route: if self.needs_scope {
                route.into()
            } else {
                "".into()
            },
            listener: (self.listeners.len() > 1)
                .then(|| self.listener_number(listener.as_bytes()))
                .flatten(),
        }
    }

    fn listener_number(&self, name: &[u8]) -> Option<u16> {
        let mut listeners = self.listeners.iter();
        let number = listeners.position(|listener| listener.as_bytes() == name);
        number.and_then(|number| u16::try_from(number).ok())
    }

    fn listener_name(&self, scope: &RequestScope) -> &str {
        let at = scope.listener.unwrap_or(0);
        self.listeners.get(usize::from(at)).map_or("", |name| name)
    }
}

/// Envoy's own local limiter says it.
const LOCAL_BODY: &[u8] = b"local_rate_limited";

fn targets(policies: &[PolicySpec], names: &[String]) -> Result<Targets, InvalidConfig> {
    let mut targets = Targets::default();
    let every = [TargetSpec::default()];
    for (number, policy) in (0u32..).zip(policies) {
        let specs = policy.targets.as_deref().unwrap_or(&every);
        for (at, spec) in specs.iter().enumerate() {
            let added = listeners(spec, names).and_then(|listeners| {
                targets.add(number, spec.route.as_deref(), spec.rule, listeners)
            });
            added
                .map_err(|error| error.within(format_args!("policies[{number}].targets[{at}]")))?;
        }
    }
    Ok(targets)
}

/// The numbers of a target's listeners.
fn listeners(spec: &TargetSpec, names: &[String]) -> Result<Vec<u16>, InvalidConfig> {
    let listeners = spec.listeners.iter().flatten().enumerate();
    let number = |(at, listener): (usize, &String)| {
        let number = names.iter().position(|name| name == listener);
        let number = number.and_then(|number| u16::try_from(number).ok());
        let unknown = || {
            let place = format_args!("listeners[{at}]");
            InvalidConfig::new(place, format_args!("there is no listener `{listener}`"))
        };
        number.ok_or_else(unknown)
    };
    listeners.map(number).collect()
}

/// Two policies of one name count together, so where both have a rule, it has to be the same.
fn check_name(policies: &[PolicySpec], at: usize) -> Result<(), InvalidConfig> {
    let Some((policy, before)) = policies.get(..=at).and_then(<[_]>::split_last) else {
        return Ok(());
    };
    if policy.name.is_empty() || policy.name.contains('\0') {
        return Err(InvalidConfig::new("name", "the name is empty or has a NUL"));
    }
    let mut others = before.iter().filter(|other| other.name == policy.name);
    if others.any(|other| !agree(policy, other)) {
        let reason = format_args!(
            "another policy is named `{}` and has other limits",
            policy.name
        );
        return Err(InvalidConfig::new("name", reason));
    }
    Ok(())
}

fn agree(a: &PolicySpec, b: &PolicySpec) -> bool {
    fn alike<T: PartialEq>(a: &[T], b: &[T]) -> bool {
        a.iter().zip(b).all(|(a, b)| a == b)
    }
    let rules = |policy: &PolicySpec| {
        let limits = policy.rate_limit.clone().unwrap_or_default();
        [limits.local, limits.global].map(|rules| rules.unwrap_or_default().rules)
    };
    let ([a_local, a_global], [b_local, b_global]) = (rules(a), rules(b));
    alike(&a_local, &b_local) && alike(&a_global, &b_global) && alike(&a.tiers, &b.tiers)
}

#[cfg(test)]
mod tests;
