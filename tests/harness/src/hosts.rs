//! The three hosts, opened for a Gateway of a scenario.

mod core;
mod embedded;
mod real;

pub use self::core::Core;

use crate::abi::{Deadline, EnvoyVersion, Runtime};
use crate::host::{Host, HostError, HostKind};
use crate::scenario::{GatewayRef, Scenario};
use crate::{envoy, modules, proxy};
use gateway_bundle::{Bundle, GatewayBundle};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// How hosts run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of a filter of this repository, or path of a module.
    pub filter: String,
    /// Seed of everything that is random.
    pub seed: u64,
    /// The Envoy that the embedded host imitates.
    pub envoy_version: EnvoyVersion,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            filter: "route-match".into(),
            seed: 0,
            envoy_version: EnvoyVersion::default(),
        }
    }
}

/// Opens hosts, and keeps what several of them can share: manifests that are read, modules that are
/// compiled.
pub struct Hosts {
    options: Options,
    module: PathBuf,
    runtime: Runtime,
    binary: Option<envoy::Binary>,
    bundles: HashMap<PathBuf, Bundle>,
}

/// Why hosts cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is no such filter.
    #[error("there is no filter `{0}`; there are {list}, or give the path of a .wasm file", list = names())]
    UnknownFilter(String),
    /// wasmtime does not run on this machine.
    #[error("wasmtime cannot be set up: {0:#}")]
    Wasmtime(wasmtime::Error),
    /// The scenario has no such Gateway, or it has no listener.
    #[error("{manifests}: there is no Gateway {gateway} with a listener for HTTP")]
    NoGateway {
        /// Where it was looked for.
        manifests: String,
        /// The Gateway.
        gateway: String,
    },
}

fn names() -> String {
    let names: Vec<&str> = modules::ALL.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// A filter that runs longer than this for one callback is stopped.
const DEADLINE: Duration = Duration::from_secs(5);

impl Hosts {
    /// # Errors
    /// The filter is not known, or wasmtime does not run here.
    pub fn new(options: Options) -> Result<Self, OpenError> {
        let module = modules::find(&options.filter)
            .ok_or_else(|| OpenError::UnknownFilter(options.filter.clone()))?;
        let runtime = Runtime::new(options.envoy_version, Deadline::Time(DEADLINE))
            .map_err(OpenError::Wasmtime)?;
        Ok(Hosts {
            options,
            module,
            runtime,
            binary: None,
            bundles: HashMap::new(),
        })
    }

    /// Starts a host for one Gateway of a scenario.
    ///
    /// # Errors
    /// Manifests that cannot be read, a Gateway that is not there, a module or configuration that
    /// is refused, an Envoy that cannot be found.
    pub fn open(
        &mut self,
        kind: HostKind,
        scenario: &Scenario,
        gateway: &GatewayRef,
    ) -> Result<Box<dyn Host>, HostError> {
        let (options, module) = (self.options.clone(), self.module.clone());
        let gateway = self.gateway(scenario, gateway)?.clone();
        if kind == HostKind::Core {
            return Ok(Box::new(Core::new(&gateway, options.seed)?));
        }
        let proxy = proxy::proxy(&gateway, module).map_err(|error| HostError::new(&error))?;
        let explain = Core::new(&gateway, options.seed)?;
        if kind == HostKind::Wasmtime {
            return Ok(Box::new(embedded::Embedded::new(
                &self.runtime,
                &proxy,
                options.seed,
                explain,
            )?));
        }
        let binary = match &self.binary {
            Some(binary) => binary,
            None => self
                .binary
                .insert(envoy::find().map_err(|error| HostError::new(&error))?),
        };
        Ok(Box::new(real::Real::new(binary, &proxy, explain)?))
    }

    /// What a scenario's manifests come to.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn bundle(&mut self, scenario: &Scenario) -> Result<&Bundle, HostError> {
        let path = scenario.manifests.clone();
        if !self.bundles.contains_key(&path) {
            let manifests = gateway_bundle::load(std::slice::from_ref(&path))
                .map_err(|error| HostError::new(&error))?;
            self.bundles
                .insert(path.clone(), gateway_bundle::bundle(&manifests));
        }
        self.bundles.get(&path).ok_or_else(|| {
            HostError::new(&std::io::Error::other(format!(
                "{}: not read",
                path.display()
            )))
        })
    }

    fn gateway(
        &mut self,
        scenario: &Scenario,
        wanted: &GatewayRef,
    ) -> Result<&GatewayBundle, HostError> {
        let bundle = self.bundle(scenario)?;
        let found = bundle
            .gateways
            .iter()
            .find(|gateway| gateway.namespace == wanted.namespace && gateway.name == wanted.name);
        found
            .filter(|gateway| !gateway.listeners.is_empty())
            .ok_or_else(|| {
                let manifests = scenario.manifests.display().to_string();
                HostError::new(&OpenError::NoGateway {
                    manifests,
                    gateway: wanted.to_string(),
                })
            })
    }
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter
            .debug_struct("Hosts")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
