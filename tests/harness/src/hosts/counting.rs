//! What it takes to count limits in a rate limit service, whose counters outlive a run.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gateway_bundle::GatewayBundle;
use gateway_filter_sdk::limit::spec::EntrySpec;
use thiserror::Error;

use crate::host::{HostError, HostKind};
use crate::scenario::Scenario;
use crate::xds::ServiceCluster;

/// How long the service may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// What an answer may take where the scenario leaves it to the default of 20 ms: a busy machine
/// must not decide whether a case passes.
const TIMEOUT: &str = "5s";

/// Nobody listens where the limits are to be counted.
#[derive(Debug, Error)]
#[error("no rate limit service at {address}: `just ratelimit-up` starts one")]
struct NotThere {
    address: SocketAddr,
    source: io::Error,
}

/// A fresh name for each scenario on each kind of host: its Gateways count together, and apart from
/// every other run.
#[derive(Default)]
pub(super) struct Runs(Mutex<BTreeMap<(PathBuf, HostKind), String>>);

impl Runs {
    pub(super) fn of(&self, scenario: &Scenario, host: HostKind) -> String {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let run = runs.entry((scenario.file.clone(), host));
        run.or_insert_with(|| format!("{:032x}", fastrand::u128(..)))
            .clone()
    }
}

/// Puts the name of the run in front of every descriptor.
pub(super) fn apart(gateway: &mut GatewayBundle, run: &str) {
    let limits = gateway.rate_limit.as_mut();
    let Some(service) = limits.and_then(|limits| limits.service.as_mut()) else {
        return;
    };
    let entry = EntrySpec {
        key: "gwf".into(),
        value: run.into(),
    };
    service.entries.insert(0, entry);
    service.timeout.get_or_insert_with(|| TIMEOUT.into());
}

/// Whether the services that have an address answer there; without, a cluster is meant to be empty.
///
/// # Errors
/// A reason to skip the case, or with `GWF_REQUIRE_RATELIMIT=1` to fail it.
pub(super) fn reachable(services: &[ServiceCluster]) -> Result<(), HostError> {
    for address in services.iter().filter_map(|service| service.address) {
        if let Err(source) = TcpStream::connect_timeout(&address, CONNECT) {
            let error = NotThere { address, source };
            let required = std::env::var_os("GWF_REQUIRE_RATELIMIT").is_some_and(|v| v == "1");
            return Err(match required {
                true => HostError::new(&error),
                false => HostError::unable(&error),
            });
        }
    }
    Ok(())
}
