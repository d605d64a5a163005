//! The `canary` filter's configuration, compiled: which canary decides on a request, and what follows
//! for request and response.

use super::canary::Canary;
use super::guard::Guard;
use super::metrics::Counters;
use super::spec::{CanaryFilterSpec, CanarySpec, RouteTargetSpec, Variant};
use crate::header::HeaderEdit;
use crate::host::{Host, HostError};
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::InvalidConfig;
use crate::router::BACKEND_HEADER;
use crate::target::{RouteFrom, Targets};
use std::time::Duration;

/// How often requests are reported, where no guard asks for more.
const TICK: Duration = Duration::from_secs(1);

/// All canaries of a filter.
#[derive(Debug)]
pub struct Canaries {
    route_from: RouteFrom,
    targets: Targets,
    all: Vec<Canary>,
    counters: Vec<Option<Counters>>,
    /// The headers that name a choice, each once: what a client sends in them is not believed.
    owned: Vec<Box<str>>,
}

/// What the canaries select for a request.
#[derive(Debug)]
pub struct Selection<'c> {
    /// Headers that a client forged, to be removed.
    pub forged: Vec<&'c str>,
    /// Where the request goes.
    pub action: CanaryAction<'c>,
}

/// What the filter does with a request.
#[derive(Debug)]
pub enum CanaryAction<'c> {
    /// No canary is for it.
    Pass,
    /// It goes to a backend.
    Forward {
        /// The header that names it.
        header: &'c str,
        /// Its value.
        backend: &'c str,
        /// The header is there already with this value alone, so that the route is found.
        is_named: bool,
        /// What the response needs.
        chosen: Chosen,
    },
    /// It is answered: the backend of its share cannot be used, or none has weight.
    Reply(Reply),
}

/// What is kept of a choice until the response.
#[derive(Debug)]
pub struct Chosen {
    canary: usize,
    backend: usize,
    /// Of the response: sessions and generated keys.
    edits: Vec<HeaderEdit<'static>>,
    /// Its status is in the trailers; only if a guard wants to know.
    grpc: bool,
    started: Option<u64>,
    first_byte: Option<Duration>,
}

/// How much of a response the guard has observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// All that it needs.
    Complete,
    /// The headers; the gRPC status is in the trailers.
    AwaitsTrailers,
}

impl<'c> Selection<'c> {
    /// The backend of a choice that [`BACKEND_HEADER`] names; who takes it writes that header.
    pub fn take_backend(&mut self) -> Option<&'c str> {
        match &mut self.action {
            CanaryAction::Forward {
                header,
                backend,
                is_named,
                ..
            } if *header == BACKEND_HEADER => {
                *is_named = true;
                Some(backend)
            }
            _ => None,
        }
    }

    /// What is written into the request: forged headers are removed, the choice is named.
    pub fn request_edits(&self) -> impl Iterator<Item = HeaderEdit<'c>> + '_ {
        let named = match &self.action {
            CanaryAction::Forward {
                header,
                backend,
                is_named: false,
                ..
            } => Some(HeaderEdit::set(*header, backend.as_bytes())),
            _ => None,
        };
        let forged = self.forged.iter().map(|name| HeaderEdit::remove(*name));
        forged.chain(named)
    }
}

impl Canaries {
    /// Compiles a configuration. The host is asked for metrics, a tick, and the state of guards.
    ///
    /// # Errors
    /// The first value that is wrong, with its path: `canaries[0].ramp.steps[1].weight`.
    pub fn new(spec: &CanaryFilterSpec, host: &dyn Host) -> Result<Self, InvalidConfig> {
        let unusable = |error: HostError| InvalidConfig::new("", error);
        let mut canaries = Canaries {
            route_from: spec.route_from,
            targets: Targets::default(),
            all: Vec::with_capacity(spec.canaries.len()),
            counters: Vec::with_capacity(spec.canaries.len()),
            owned: Vec::new(),
        };
        for (at, one) in spec.canaries.iter().enumerate() {
            let before = spec.canaries.get(..at).unwrap_or_default();
            let added = canaries.add(at, one, before, host);
            added.map_err(|error| error.within(format_args!("canaries[{at}]")))?;
        }
        let guarded = canaries.all.iter().any(|canary| canary.guard.is_some());
        if guarded {
            host.set_tick(Guard::TICK).map_err(unusable)?;
        } else if canaries.counters.iter().any(Option::is_some) {
            host.set_tick(TICK).map_err(unusable)?;
        }
        Ok(canaries)
    }

    fn add(
        &mut self,
        at: usize,
        spec: &CanarySpec,
        before: &[CanarySpec],
        host: &dyn Host,
    ) -> Result<(), InvalidConfig> {
        if spec.name.is_empty() || before.iter().any(|other| other.name == spec.name) {
            let reason = format_args!("`{}`: empty or another canary's", spec.name);
            return Err(InvalidConfig::new("name", reason));
        }
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        let every = [RouteTargetSpec::default()];
        let targets = spec.targets.as_deref().unwrap_or(&every);
        for (at, target) in targets.iter().enumerate() {
            let RouteTargetSpec { route, rule } = target;
            let added = self
                .targets
                .add(number, route.as_deref(), *rule, Vec::new());
            added.map_err(|error| error.within(format_args!("targets[{at}]")))?;
        }
        let canary = Canary::new(spec, host)?;
        // Behind route-match the header is that filter's, and right without a choice here.
        let foreign = self.route_from == RouteFrom::Header && *canary.header == *BACKEND_HEADER;
        if !foreign && !self.owned.contains(&canary.header) {
            self.owned.push(canary.header.clone());
        }
        let counters = canary
            .backends
            .has_canary()
            .then(|| Counters::define(host, &spec.name));
        let counters = counters.transpose();
        self.counters
            .push(counters.map_err(|error| InvalidConfig::new("", error))?);
        self.all.push(canary);
        Ok(())
    }

    /// The route of a request whose rule another filter has found, where a canary asks for it.
    ///
    /// # Errors
    /// The host does not do what every host does.
    pub fn read_route(&self, head: &RequestHead, host: &dyn Host) -> Result<String, HostError> {
        match self.targets.has_routes() {
            true => self.route_from.read(head, host),
            false => Ok(String::new()),
        }
    }

    /// Decides on a request of that route:
    /// `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`.
    ///
    /// # Errors
    /// The host does not do what every host does.
    pub fn decide(
        &self,
        route: &str,
        head: &RequestHead,
        host: &dyn Host,
    ) -> Result<Selection<'_>, HostError> {
        let at = self.targets.find(route, None).map(|at| at as usize);
        let found = at.and_then(|at| Some((at, self.all.get(at)?)));
        let own = found.map(|(_, canary)| &*canary.header);
        Ok(Selection {
            forged: self.forged(head, own),
            action: match found {
                Some((at, canary)) => self.chosen(at, canary, route, head, host)?,
                None => CanaryAction::Pass,
            },
        })
    }

    /// The headers that name a choice and that a client sent, but for that of the canary that decides.
    pub fn forged(&self, head: &RequestHead, own: Option<&str>) -> Vec<&str> {
        let owned = self.owned.iter().map(|name| &**name);
        let is_forged =
            |name: &&str| own != Some(*name) && head.values(name.as_bytes()).next().is_some();
        owned.filter(is_forged).collect()
    }

    fn chosen<'c>(
        &self,
        at: usize,
        canary: &'c Canary,
        route: &str,
        head: &RequestHead,
        host: &dyn Host,
    ) -> Result<CanaryAction<'c>, HostError> {
        let is_grpc = || {
            let mut types = head.values(b"content-type");
            types.any(|value| value.starts_with(b"application/grpc"))
        };
        let choice = canary.choose(head, host)?;
        let named = choice.and_then(|choice| {
            let (name, _) = canary.backends.get(choice.backend)?;
            Some((choice, name?))
        });
        let Some((choice, backend)) = named else {
            // "All traffic which matches this rule MUST receive a 500 status code"; for a GRPCRoute,
            // "MUST receive an UNAVAILABLE status".
            return Ok(CanaryAction::Reply(Reply {
                grpc_status: (is_grpc() || route.starts_with("grpcroute/")).then_some(14),
                ..Reply::new(500)
            }));
        };
        if let Some((counters, side)) = self
            .counters
            .get(at)
            .and_then(Option::as_ref)
            .zip(canary.backends.side(choice.backend))
        {
            counters.count(side);
        }
        let mut values = head.values(canary.header.as_bytes());
        let is_named = values.next() == Some(backend.as_bytes()) && values.next().is_none();
        Ok(CanaryAction::Forward {
            header: &canary.header,
            backend,
            is_named,
            chosen: Chosen {
                canary: at,
                backend: choice.backend,
                edits: choice.edits,
                grpc: canary.guard.is_some() && is_grpc(),
                started: choice.now,
                first_byte: None,
            },
        })
    }

    /// What is written into the response, once: sessions, generated keys, and who served.
    pub fn response_edits<'c>(
        &'c self,
        chosen: &'c mut Chosen,
    ) -> impl Iterator<Item = HeaderEdit<'c>> {
        let canary = self.all.get(chosen.canary);
        let served = canary.and_then(|canary| canary.variant_edit(chosen.backend));
        chosen.edits.drain(..).chain(served)
    }

    /// Whether the guard of a choice wants to know what became of it.
    pub fn is_guarded(&self, chosen: &Chosen) -> bool {
        self.guard(chosen).is_some()
    }

    /// Whether the response of a choice is gRPC's, so that its status is not HTTP's.
    pub fn is_grpc(&self, chosen: &Chosen) -> bool {
        chosen.grpc
    }

    /// Reports the response's headers to the guard. `grpc_status` is the status of a gRPC response
    /// without a body, which carries it in its headers. A gRPC response with a body carries it in its
    /// trailers: for [`Observation::AwaitsTrailers`], call [`Canaries::ended`] with them.
    pub fn responded(
        &self,
        chosen: &mut Chosen,
        status: u16,
        grpc_status: Option<u8>,
        host: &dyn Host,
    ) -> Observation {
        let Some((guard, variant)) = self.guard(chosen) else {
            return Observation::Complete;
        };
        if guard.measures_time()
            && let (Some(started), Ok(now)) = (chosen.started, host.now())
        {
            chosen.first_byte = Some(Duration::from_nanos(now.saturating_sub(started)));
        }
        let failed = match grpc_status {
            _ if guard.is_failure(status) => true,
            Some(status) => guard.is_grpc_failure(status),
            None if chosen.grpc => return Observation::AwaitsTrailers,
            None => false,
        };
        guard.observe(variant, failed, chosen.first_byte, host);
        Observation::Complete
    }

    /// Reports the trailers of a gRPC response to the guard.
    pub fn ended(&self, chosen: &Chosen, grpc_status: u8, host: &dyn Host) {
        if let Some((guard, variant)) = self.guard(chosen) {
            let failed = guard.is_grpc_failure(grpc_status);
            guard.observe(variant, failed, chosen.first_byte, host);
        }
    }

    /// Reports what was counted, and lets guards judge.
    pub fn tick(&self, host: &dyn Host) {
        for canary in &self.all {
            if let Some(guard) = &canary.guard {
                guard.tick(host);
            }
        }
        let Ok(now) = host.now() else {
            return;
        };
        for (canary, counters) in self.all.iter().zip(&self.counters) {
            if let Some(counters) = counters {
                counters.report(canary.share(now), host);
            }
        }
    }

    fn guard(&self, chosen: &Chosen) -> Option<(&Guard, Variant)> {
        let canary = self.all.get(chosen.canary)?;
        let side = canary.backends.side(chosen.backend)?;
        Some((canary.guard.as_ref()?, side))
    }
}

#[cfg(test)]
mod tests;
