//! One split, compiled: from a request to a backend.

use super::backends::{Backends, MAX_WEIGHT};
use super::guard::Guard;
use super::overrides::Override;
use super::ramp::{Planned, Ramp};
use super::session::Session;
use super::spec::{CanarySpec, Variant};
use super::sticky::{Drawn, Sticky};
use crate::header::{self, HeaderEdit};
use crate::host::{Host, HostError};
use crate::key::Subject;
use crate::request::RequestHead;
use crate::route::InvalidConfig;

/// What a canary decides by.
#[derive(Debug)]
pub(super) struct Canary {
    pub(super) header: Box<str>,
    pub(super) backends: Backends,
    plan: Plan,
    overrides: Vec<Override>,
    sticky: Option<Sticky>,
    session: Option<Session>,
    pub(super) guard: Option<Guard>,
    variant_header: Option<Box<str>>,
}

/// The canary's share, before the guard.
#[derive(Debug)]
enum Plan {
    Fixed(f64),
    Ramp(Ramp),
}

/// The backend of a request, by its position.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) backend: usize,
    /// Of the response.
    pub(super) edits: Vec<HeaderEdit<'static>>,
    /// Nanoseconds since 1970, if the clock was read.
    pub(super) now: Option<u64>,
}

impl Canary {
    pub(super) fn new(spec: &CanarySpec, host: &dyn Host) -> Result<Self, InvalidConfig> {
        let within = |field: &'static str| move |error: InvalidConfig| error.within(field);
        let backends = Backends::new(spec)?;
        if !backends.has_canary() {
            needs_canary(spec)?;
        }
        let total = spec.weight_total.unwrap_or(100);
        if total == 0 || total > MAX_WEIGHT {
            let reason = format_args!("{total}: from 1 to {MAX_WEIGHT}");
            return Err(InvalidConfig::new("weightTotal", reason));
        }
        let mut overrides = Vec::with_capacity(spec.overrides.len());
        for (at, one) in spec.overrides.iter().enumerate() {
            let one = Override::try_from(one);
            overrides.push(one.map_err(|error| error.within(format_args!("overrides[{at}]")))?);
        }
        let sticky = spec.sticky.as_ref().map(|one| Sticky::new(one, &spec.name));
        let session = spec.session_persistence.as_ref();
        let session = session.map(|one| Session::new(one, &spec.name)).transpose();
        let guard = spec.guard.as_ref();
        let guard = guard.map(|one| Guard::new(&spec.name, one, total, host));
        Ok(Canary {
            header: header::configured(spec.header.as_deref().unwrap_or(HEADER), "header")?,
            plan: Plan::new(spec, &backends, total)?,
            backends,
            overrides,
            sticky: sticky.transpose().map_err(within("sticky"))?,
            session: session.map_err(within("sessionPersistence"))?,
            guard: guard.transpose().map_err(within("guard"))?,
            variant_header: spec
                .variant_header
                .as_deref()
                .map(|name| header::configured(name, "variantHeader"))
                .transpose()?,
        })
    }

    /// Chooses a backend; none if no backend has weight.
    pub(super) fn choose(
        &self,
        head: &RequestHead,
        host: &dyn Host,
    ) -> Result<Option<Choice>, HostError> {
        let subject = Subject::new(head, host);
        let now = match self.needs_time() {
            true => Some(host.now()?),
            false => None,
        };
        let at = now.unwrap_or_default();
        let share = self.share(at);
        let (backend, edits) = match self.forced(&subject)? {
            Some(Variant::Canary) => (self.backends.on(Variant::Canary, 0), Vec::new()),
            Some(Variant::Stable) => {
                let (draw, edits) = self.draw(&subject, host)?;
                (self.backends.on(Variant::Stable, draw), edits)
            }
            None => match self.kept(head, share, at) {
                Some((backend, edit)) => (Some(backend), Vec::from_iter(edit)),
                None => {
                    let (draw, mut edits) = self.draw(&subject, host)?;
                    let backend = self.backends.drawn(draw, share);
                    let hash = backend.and_then(|at| Some(self.backends.get(at)?.1));
                    let session = self.session.as_ref().zip(hash);
                    edits.extend(session.map(|(session, hash)| session.edit(hash, None, at)));
                    (backend, edits)
                }
            },
        };
        Ok(backend.map(|backend| Choice {
            backend,
            edits,
            now,
        }))
    }

    /// The response header that tells who served.
    pub(super) fn variant_edit(&self, backend: usize) -> Option<HeaderEdit<'_>> {
        let header = self.variant_header.as_deref()?;
        let variant = match self.backends.side(backend) {
            Some(Variant::Canary) => "canary",
            Some(Variant::Stable) => "stable",
            None => self.backends.get(backend)?.0?,
        };
        Some(HeaderEdit::set(header, variant.as_bytes()))
    }

    /// Where the first override that decides sends a request.
    fn forced(&self, subject: &Subject) -> Result<Option<Variant>, HostError> {
        for one in &self.overrides {
            if let Some(side) = one.decide(subject)? {
                return Ok(Some(side));
            }
        }
        Ok(None)
    }

    /// The backend of the client's session, and the header that goes on with it if it needs one.
    fn kept(
        &self,
        head: &RequestHead,
        share: f64,
        at: u64,
    ) -> Option<(usize, Option<HeaderEdit<'static>>)> {
        let session = self.session.as_ref()?;
        let held = session.of(head, at)?;
        let backend = self.backends.of_session(held.backend, share)?;
        let renewed = session.is_renewed(held, at);
        Some((
            backend,
            renewed.then(|| session.edit(held.backend, Some(held), at)),
        ))
    }

    fn draw(
        &self,
        subject: &Subject,
        host: &dyn Host,
    ) -> Result<(u64, Vec<HeaderEdit<'static>>), HostError> {
        let Some(sticky) = &self.sticky else {
            return Ok((host.draw(), Vec::new()));
        };
        let Drawn { draw, set_cookie } = sticky.draw(subject, host)?;
        Ok((draw, Vec::from_iter(set_cookie)))
    }

    /// The canary's share at a time, guard included.
    pub(super) fn share(&self, now: u64) -> f64 {
        let Planned { share, step_before } = match &self.plan {
            Plan::Ramp(ramp) => ramp.at(now),
            Plan::Fixed(share) => Planned {
                share: *share,
                step_before: 0.0,
            },
        };
        let guard = self.guard.as_ref();
        guard.map_or(share, |guard| guard.allowed(share, step_before))
    }

    fn needs_time(&self) -> bool {
        matches!(self.plan, Plan::Ramp(_))
            || self.session.as_ref().is_some_and(Session::is_timed)
            || self.guard.as_ref().is_some_and(Guard::measures_time)
    }
}

impl Plan {
    fn new(spec: &CanarySpec, backends: &Backends, total: u32) -> Result<Self, InvalidConfig> {
        match (&spec.ramp, spec.weight) {
            (Some(_), Some(_)) => {
                let reason = "the ramp says it; leave one of both out";
                Err(InvalidConfig::new("weight", reason))
            }
            (Some(ramp), None) => Ramp::new(ramp, total)
                .map(Plan::Ramp)
                .map_err(|error| error.within("ramp")),
            (None, Some(weight)) if weight > total => {
                let reason = format_args!("{weight} is more than weightTotal, {total}");
                Err(InvalidConfig::new("weight", reason))
            }
            (None, Some(weight)) => Ok(Plan::Fixed(f64::from(weight) / f64::from(total))),
            (None, None) if spec.backends.is_empty() => {
                let reason = "without `backends` a weight or a ramp is needed";
                Err(InvalidConfig::new("weight", reason))
            }
            (None, None) if !backends.has_canary() => Ok(Plan::Fixed(0.0)),
            (None, None) => match backends.canary_share() {
                Some(share) => Ok(Plan::Fixed(share)),
                None => Err(InvalidConfig::new("backends", "none has a weight")),
            },
        }
    }
}

/// Which backend was chosen, for a second HTTPRoute rule.
const HEADER: &str = "x-gateway-canary";

fn needs_canary(spec: &CanarySpec) -> Result<(), InvalidConfig> {
    let fields = [
        ("weight", spec.weight.is_some()),
        ("overrides", !spec.overrides.is_empty()),
        ("ramp", spec.ramp.is_some()),
        ("guard", spec.guard.is_some()),
    ];
    match fields.into_iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => {
            let reason = "which of `backends` is the `canary` is not said";
            Err(InvalidConfig::new(field, reason))
        }
        None => Ok(()),
    }
}
