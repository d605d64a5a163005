//! The hosts behind their names.

use gwf::host::{Host, HostError, HostKind};
use gwf::scenario::{GatewayRef, Scenario};

/// What the command line says about hosts.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Name of a filter of this project, or path of a module; absent is what the scenario needs.
    pub(crate) filter: Option<String>,
    /// Seed of everything that is random.
    pub(crate) seed: u64,
    /// The Envoy that is imitated or started, as `1.39`.
    pub(crate) envoy_version: String,
}

/// Starts a host for one Gateway of a scenario.
// MERGE: replaced when the three hosts exist; the only placeholder.
pub(crate) fn open(
    kind: HostKind,
    options: &Options,
    scenario: &Scenario,
    gateway: &GatewayRef,
) -> Result<Box<dyn Host>, HostError> {
    let Options {
        filter,
        seed,
        envoy_version,
    } = options;
    let problem = format!(
        "the host {kind} ({envoy_version}, seed {seed}) is not built yet: {filter:?} for {gateway} of {}",
        scenario.name
    );
    Err(HostError::new(&std::io::Error::other(problem)))
}
