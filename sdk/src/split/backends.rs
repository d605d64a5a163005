//! What is chosen from, and which of it is the canary.

use super::race::{name_hash, winner};
use super::spec::{BackendSpec, CanarySpec, Variant};
use crate::header::is_value;
use crate::route::InvalidConfig;

/// The backends of a split.
#[derive(Debug)]
pub(super) struct Backends {
    all: Vec<Backend>,
    canary: Option<usize>,
    /// The canary's share by the weights; `None` if nobody has one.
    canary_share: Option<f64>,
    /// The sum of the weights of all but the canary.
    stable: f64,
}

#[derive(Debug)]
struct Backend {
    name: Option<Box<str>>,
    hash: u64,
    weight: f64,
}

impl Backends {
    pub(super) fn new(spec: &CanarySpec) -> Result<Self, InvalidConfig> {
        let named = |name: &str| BackendSpec {
            name: Some(name.to_owned()),
            weight: None,
        };
        let (all, canary) = match spec.backends.as_slice() {
            [] => (vec![named("stable"), named("canary")], Some(1)),
            backends => (backends.to_vec(), None),
        };
        let position = |name: &String| {
            let at = all.iter().position(|one| one.name.as_ref() == Some(name));
            let unknown = format_args!("there is no backend `{name}`");
            at.ok_or_else(|| InvalidConfig::new("canary", unknown))
        };
        let canary = spec.canary.as_ref().map(position).transpose()?.or(canary);
        let mut backends = Backends {
            all: Vec::with_capacity(all.len()),
            canary,
            canary_share: None,
            stable: 0.0,
        };
        for (at, spec) in all.iter().enumerate() {
            let backend = Backend::new(spec, at, &backends.all);
            let backend = backend.map_err(|error| error.within(format_args!("backends[{at}]")))?;
            if canary != Some(at) {
                backends.stable += backend.weight;
            }
            backends.all.push(backend);
        }
        if let Some(canary) = canary {
            backends.take_sides(canary);
        }
        Ok(backends)
    }

    /// Where no backend but the canary has a weight, they are even: `never`, a ramp or the guard may
    /// send requests there all the same.
    fn take_sides(&mut self, canary: usize) {
        let weight = self.all.get(canary).map_or(0.0, |canary| canary.weight);
        let sum = self.stable + weight;
        self.canary_share = (sum > 0.0).then(|| weight / sum);
        if self.stable == 0.0 {
            let others = self.all.iter_mut().enumerate();
            for (_, backend) in others.filter(|(at, _)| *at != canary) {
                backend.weight = 1.0;
                self.stable += 1.0;
            }
        }
    }

    pub(super) fn has_canary(&self) -> bool {
        self.canary.is_some()
    }

    /// The canary's share by the weights alone; `None` if nobody has one.
    pub(super) fn canary_share(&self) -> Option<f64> {
        self.canary_share
    }

    /// Who gets this draw, given the canary's share.
    pub(super) fn drawn(&self, draw: u64, share: f64) -> Option<usize> {
        let runner =
            |(at, backend): (usize, &Backend)| (backend.hash, self.weight(at, backend, share));
        winner(draw, self.all.iter().enumerate().map(runner))
    }

    /// Who gets this draw on one side, whatever the canary's share.
    pub(super) fn on(&self, side: Variant, draw: u64) -> Option<usize> {
        match side {
            Variant::Canary => self.canary,
            Variant::Stable => self.drawn(draw, 0.0),
        }
    }

    /// The backend of a session, if it may have traffic.
    pub(super) fn of_session(&self, hash: u64, share: f64) -> Option<usize> {
        let of = |(_, backend): &(usize, &Backend)| backend.hash == hash;
        let (at, backend) = self.all.iter().enumerate().find(of)?;
        (self.weight(at, backend, share) > 0.0).then_some(at)
    }

    fn weight(&self, at: usize, backend: &Backend, share: f64) -> f64 {
        match self.canary {
            None => backend.weight,
            Some(canary) if canary == at => share,
            Some(_) => (1.0 - share) * (backend.weight / self.stable),
        }
    }

    /// Name and hash; no name for a backend that cannot be used.
    pub(super) fn get(&self, at: usize) -> Option<(Option<&str>, u64)> {
        let backend = self.all.get(at)?;
        Some((backend.name.as_deref(), backend.hash))
    }

    /// On which side a backend is, if there are sides.
    pub(super) fn side(&self, at: usize) -> Option<Variant> {
        self.canary.map(|canary| match canary == at {
            true => Variant::Canary,
            false => Variant::Stable,
        })
    }
}

impl Backend {
    fn new(spec: &BackendSpec, at: usize, before: &[Backend]) -> Result<Self, InvalidConfig> {
        let name = spec.name.as_deref();
        if let Some(name) = name {
            if name.is_empty() || !is_value(name.as_bytes()) {
                let reason = format_args!("`{name}`: not a value of a header");
                return Err(InvalidConfig::new("name", reason));
            }
            if before
                .iter()
                .any(|other| other.name.as_deref() == Some(name))
            {
                let reason = format_args!("`{name}` is there twice");
                return Err(InvalidConfig::new("name", reason));
            }
        }
        let weight = spec.weight.unwrap_or(1);
        if weight > MAX_WEIGHT {
            let reason = format_args!("{weight} is more than {MAX_WEIGHT}");
            return Err(InvalidConfig::new("weight", reason));
        }
        let unusable = || name_hash(&format!("\0{at}"));
        Ok(Backend {
            name: name.map(Box::from),
            hash: name.map_or_else(unusable, name_hash),
            weight: f64::from(weight),
        })
    }
}

/// "Maximum: 1000000", of a backendRef.
pub(super) const MAX_WEIGHT: u32 = 1_000_000;
