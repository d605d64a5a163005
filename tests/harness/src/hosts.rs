//! The three hosts, opened for a Gateway of a scenario.

mod certificates;
mod core;
mod embedded;
mod rate_limit_service;
mod real;

pub use self::core::Core;

use crate::envoy;
use crate::host::{Host, HostError, HostKind};
use crate::proxy::{self, Certificates, Modules, Services};
use crate::scenario::{GatewayRef, Scenario};
use crate::wasm_host::{Deadline, EnvoyVersion, LoadError, Runtime};
use gateway_bundle::{Bundle, GatewayBundle, LoadErrors, Manifests, Problem, Severity};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use thiserror::Error;

/// Manifests, and what they come to.
pub type Read = Arc<(Manifests, Bundle)>;

/// How hosts run.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// The filters.
    pub modules: Modules,
    /// Seed of everything that is random.
    pub seed: u64,
    /// The Envoy that the embedded host imitates.
    pub envoy_version: EnvoyVersion,
    /// Where the services listen that filters call.
    pub services: Services,
    /// Whether ClientTrafficPolicies take headers off before the first match. Without, the filters alone
    /// stand against forged ones.
    pub early_removal: bool,
}

/// Where `just ratelimit-up` starts a rate limit service, and what scenarios call it.
pub const RATE_LIMIT_SERVICE: (&str, SocketAddr) = (
    "ratelimit",
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 18_081),
);

impl HostOptions {
    /// These modules; all else as `gwf replay` has it by default.
    #[must_use]
    pub fn new(modules: Modules) -> Self {
        Self {
            modules,
            seed: 0,
            envoy_version: EnvoyVersion::default(),
            services: [RATE_LIMIT_SERVICE]
                .map(|(name, address)| (name.to_owned(), address))
                .into(),
            early_removal: true,
        }
    }
}

/// Opens hosts, and keeps what several of them can share: manifests that are read, modules that are
/// compiled. Threads may share it.
pub struct Hosts {
    options: HostOptions,
    runtime: Runtime,
    binary: OnceLock<envoy::Binary>,
    manifests: Mutex<HashMap<Vec<PathBuf>, Read>>,
    runs: rate_limit_service::Runs,
}

/// Why hosts cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// wasmtime does not run on this machine.
    #[error("wasmtime cannot be set up: {0:#}")]
    Wasmtime(wasmtime::Error),
    /// The module is none that the imitated Envoy would load.
    #[error("{0}")]
    Module(LoadError),
    /// There is no Envoy to run.
    #[error("{0}")]
    Envoy(envoy::EnvoyError),
    /// The manifests have mistakes.
    #[error("{}", lines(&.0.problems))]
    Manifests(LoadErrors),
    /// The scenario has no such Gateway, or it has no listener.
    #[error(
        "{manifests}: there is no Gateway {wanted} with a listener for HTTP; there is {}",
        list(there.clone())
    )]
    NoGateway {
        /// Where it was looked for.
        manifests: String,
        /// The Gateway.
        wanted: GatewayRef,
        /// Those that could be meant.
        there: Vec<String>,
    },
}

fn list(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    if names.is_empty() {
        return "none".into();
    }
    names.join(", ")
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

/// Instructions after which a callback is stopped: about a second, where a request takes tens of
/// thousands of instructions and the configuration of thousands of routes millions. They are
/// counted and not timed, so that a run ends alike on every machine.
const DEADLINE: Deadline = Deadline::Fuel(1_000_000_000);

impl Hosts {
    /// # Errors
    /// wasmtime does not run here.
    pub fn new(options: HostOptions) -> Result<Self, OpenError> {
        let runtime = Runtime::new(options.envoy_version, DEADLINE).map_err(OpenError::Wasmtime)?;
        Ok(Hosts {
            options,
            runtime,
            binary: OnceLock::new(),
            manifests: Mutex::default(),
            runs: rate_limit_service::Runs::default(),
        })
    }

    /// Does what a host of this kind needs whatever the scenario, so that what is missing can be
    /// said once and not for each case.
    ///
    /// # Errors
    /// A module that the imitated Envoy would not load, an Envoy that cannot be found.
    pub fn prepare(&self, kind: HostKind) -> Result<(), OpenError> {
        match kind {
            HostKind::Core => Ok(()),
            HostKind::Wasmtime => {
                let loaded = self.runtime.load(&self.options.modules.gateway);
                loaded.map(drop).map_err(OpenError::Module)
            }
            HostKind::Envoy => self.binary().map(drop),
        }
    }

    /// Starts a host for one Gateway of a scenario.
    ///
    /// # Errors
    /// Manifests that cannot be read, a Gateway that is not there, a module or configuration that
    /// is refused, an Envoy that cannot be found; as something that the host cannot do, that no
    /// rate limit service listens where the scenario needs one.
    pub fn open(
        &self,
        kind: HostKind,
        scenario: &Scenario,
        gateway: &GatewayRef,
    ) -> Result<Box<dyn Host>, HostError> {
        let refused = |error: OpenError| HostError::new(&error);
        let read = self.read(scenario);
        let (manifests, bundle) = &*read.map_err(|errors| refused(OpenError::Manifests(errors)))?;
        let gateway = find(bundle, scenario, gateway).map_err(refused)?;
        let seed = self.options.seed;
        let core = Core::new(gateway, seed)?;
        if kind == HostKind::Core {
            return Ok(Box::new(core));
        }
        let mut gateway = gateway.clone();
        rate_limit_service::apart(&mut gateway, &self.runs.of(scenario, kind));
        let proxy = proxy::proxy(
            manifests,
            &gateway,
            &self.options.modules,
            &self.options.services,
        );
        let mut proxy = proxy.map_err(|error| HostError::new(&error))?;
        let mut made = Certificates::default();
        let stated = certificates::stated(scenario, &gateway, &mut made, &mut proxy);
        stated.map_err(|error| HostError::new(&error))?;
        let completed = made.complete(&mut proxy);
        completed.map_err(|error| HostError::new(&error))?;
        proxy.jwt.clone_from(&scenario.jwt);
        if !self.options.early_removal {
            for listener in &mut proxy.listeners {
                listener.removed_request_headers.clear();
            }
        }
        rate_limit_service::reachable(&proxy.services)?;
        let workers = scenario.workers;
        if kind == HostKind::Wasmtime {
            let host = embedded::Embedded::new(&self.runtime, &proxy, seed, workers, core)?;
            return Ok(Box::new(host));
        }
        let binary = self.binary().map_err(refused)?;
        Ok(Box::new(real::Real::new(binary, &proxy, workers, core)?))
    }

    /// A scenario's manifests, and what they come to.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(&self, scenario: &Scenario) -> Result<Read, LoadErrors> {
        let paths = &scenario.manifests;
        let mut manifests = self
            .manifests
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = manifests.get(paths) {
            return Ok(Arc::clone(read));
        }
        let loaded = gateway_bundle::load(paths)?;
        let bundle = gateway_bundle::bundle(&loaded);
        let read = Arc::new((loaded, bundle));
        manifests.insert(paths.clone(), Arc::clone(&read));
        Ok(read)
    }

    /// What of a scenario's manifests was refused or ignored, one line each.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn conditions(&self, scenario: &Scenario) -> Result<Vec<String>, LoadErrors> {
        let read = self.read(scenario)?;
        let entries = read.1.report.entries.iter();
        let told = entries.filter(|entry| entry.severity > Severity::Note);
        Ok(told.map(ToString::to_string).collect())
    }

    fn binary(&self) -> Result<&envoy::Binary, OpenError> {
        if let Some(binary) = self.binary.get() {
            return Ok(binary);
        }
        let found = envoy::find().map_err(OpenError::Envoy)?;
        Ok(self.binary.get_or_init(|| found))
    }
}

fn find<'b>(
    bundle: &'b Bundle,
    scenario: &Scenario,
    wanted: &GatewayRef,
) -> Result<&'b GatewayBundle, OpenError> {
    let served = bundle
        .gateways
        .iter()
        .filter(|gateway| !gateway.listeners.is_empty());
    let is_wanted = |gateway: &&GatewayBundle| {
        gateway.namespace == wanted.namespace && gateway.name == wanted.name
    };
    served
        .clone()
        .find(is_wanted)
        .ok_or_else(|| OpenError::NoGateway {
            manifests: list(
                scenario
                    .manifests
                    .iter()
                    .map(|path| path.display().to_string()),
            ),
            wanted: wanted.clone(),
            there: served
                .map(|gateway| format!("{}/{}", gateway.namespace, gateway.name))
                .collect(),
        })
}

impl std::fmt::Debug for Hosts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter
            .debug_struct("Hosts")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
