//! What it takes to count limits in a rate limit service, whose counters outlive a run.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gateway_bundle::GatewayBundle;
use gateway_filter_sdk::limit::spec::EntrySpec;
use thiserror::Error;

use crate::host::{HostError, HostKind};
use crate::model::ServiceCluster;
use crate::scenario::Scenario;

/// How long the service may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(1);
/// What an answer may take where the scenario leaves it to the default of 20 ms: a busy machine
/// must not decide whether a case passes.
const TIMEOUT: &str = "5s";

/// Nobody listens where the limits are to be counted.
#[derive(Debug, Error)]
#[error(
    "no rate limit service answers at {0}; start one (in the repository: `just ratelimit-up`), or give its \
     address with --cluster"
)]
struct NotThere(SocketAddr);

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
        if TcpStream::connect_timeout(&address, CONNECT).is_err() {
            let error = NotThere(address);
            let required = std::env::var_os("GWF_REQUIRE_RATELIMIT").is_some_and(|v| v == "1");
            return Err(match required {
                true => HostError::new(&error),
                false => HostError::unable(&error),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gateway_filter_sdk::limit::spec::{RateLimitFilterSpec, ServiceSpec};

    use super::*;

    fn service(address: Option<SocketAddr>) -> ServiceCluster {
        ServiceCluster {
            name: "ratelimit".into(),
            address,
        }
    }

    #[test]
    fn the_run_is_the_first_entry_and_time_is_ample() {
        let manifests = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../scenarios/path-routing/manifests.yaml"
        );
        let manifests = gateway_bundle::load(&[manifests.into()]).unwrap();
        let mut gateway = gateway_bundle::bundle(&manifests).gateways.remove(0);
        gateway.rate_limit = None;
        apart(&mut gateway, "run");
        assert_eq!(gateway.rate_limit, None);

        let spec: ServiceSpec = serde_json::from_value(serde_json::json!({
            "cluster": "ratelimit", "entries": [{"key": "cluster", "value": "a"}]
        }))
        .unwrap();
        gateway.rate_limit = Some(RateLimitFilterSpec {
            service: Some(spec),
            ..RateLimitFilterSpec::default()
        });
        apart(&mut gateway, "run");
        let service = gateway.rate_limit.unwrap().service.unwrap();
        let keys: Vec<_> = service
            .entries
            .iter()
            .map(|entry| entry.key.as_str())
            .collect();
        assert_eq!(keys, ["gwf", "cluster"]);
        assert_eq!(service.timeout.as_deref(), Some("5s"));
    }

    #[test]
    fn each_scenario_counts_apart_on_each_host() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/path-routing");
        let scenario = crate::scenario::load(path.as_ref()).unwrap().remove(0);
        let runs = Runs::default();
        let first = runs.of(&scenario, HostKind::Wasmtime);
        assert_eq!(runs.of(&scenario, HostKind::Wasmtime), first);
        assert_ne!(runs.of(&scenario, HostKind::Envoy), first);
        assert_ne!(Runs::default().of(&scenario, HostKind::Wasmtime), first);
    }

    #[test]
    fn a_service_must_listen_where_it_is_said_to() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(reachable(&[service(None), service(Some(address))]).is_ok());
        drop(listener);
        let error = reachable(&[service(Some(address))]).unwrap_err();
        let expected = format!("no rate limit service answers at {address}; ");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }
}
