//! A configuration tried by an Envoy of its own, which loads the modules and configures them in V8.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use super::error::{Rejection, ServeError};
use super::xds::Resources;
use gateway_harness::envoy::process::{self, Process};
use gateway_harness::envoy::{Binary, EnvoyError, EnvoyOptions};

/// The pause between two looks at it.
const LOOK: Duration = Duration::from_millis(10);

/// Has `envoy --mode validate` look at the resources; it listens nowhere.
///
/// # Errors
///
/// [`Rejection::Envoy`] with its own words.
pub(super) async fn run(
    binary: &Binary,
    resources: &Resources,
    options: &EnvoyOptions,
) -> Result<(), ServeError> {
    let all = |some: &std::collections::BTreeMap<String, Value>| -> Vec<Value> {
        some.values().cloned().collect()
    };
    let bootstrap = json!({
        "node": {"id": "gwf", "cluster": "gwf"},
        "static_resources": {
            "listeners": all(&resources.listeners),
            "clusters": all(&resources.clusters),
        },
    });
    let process = Process::spawn_with(
        process::folder()?,
        &binary.path,
        &bootstrap,
        options,
        &["--mode", "validate"],
        Stdio::null(),
    )?;
    let ended = async {
        loop {
            match process.exited() {
                Some(status) => return status,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    };
    let waited = options.start_timeout;
    match tokio::time::timeout(waited, ended).await {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Rejection::envoy(&process.complaints()).into()),
        Err(_) => {
            let log = process.complaints();
            Err(Rejection::envoy(&EnvoyError::NotReady { waited, log }.to_string()).into())
        }
    }
}
