//! One Envoy process: started, found ready, and ended however this process ends.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::{EnvoyError, EnvoyOptions, client};
use crate::child_process::Guarded;

/// The pause between two looks at an Envoy that starts.
const LOOK: Duration = Duration::from_millis(5);

/// A running Envoy.
#[derive(Debug)]
pub struct Process {
    child: Guarded,
    folder: TempDir,
}

/// A folder for an Envoy, which is removed with it.
pub fn folder() -> Result<TempDir, EnvoyError> {
    tempfile::Builder::new()
        .prefix("gwf-envoy-")
        .tempdir()
        .map_err(EnvoyError::io("cannot make a folder for envoy"))
}

impl Process {
    /// Starts `binary` with `bootstrap`, in a folder that may have what that names; it is not ready yet.
    pub(super) fn spawn(
        folder: TempDir,
        binary: &Path,
        bootstrap: &Value,
        options: &EnvoyOptions,
    ) -> Result<Self, EnvoyError> {
        Self::spawn_with(folder, binary, bootstrap, options, &[], Stdio::null())
    }

    /// The same with further arguments.
    pub fn spawn_with(
        folder: TempDir,
        binary: &Path,
        bootstrap: &Value,
        options: &EnvoyOptions,
        arguments: &[&str],
        stdout: Stdio,
    ) -> Result<Self, EnvoyError> {
        let config = folder.path().join("bootstrap.json");
        std::fs::write(&config, bootstrap.to_string())
            .map_err(EnvoyError::io("cannot write envoy's bootstrap"))?;
        let log = File::create(folder.path().join("envoy.log"))
            .map_err(EnvoyError::io("cannot make envoy's log"))?;
        let mut command = Command::new(binary);
        command
            .arg("--config-path")
            .arg(&config)
            .arg("--admin-address-path")
            .arg(folder.path().join("admin"))
            .args(["--concurrency", &options.concurrency.to_string()])
            // Hot restart keeps a socket and shared memory under one number per machine.
            .arg("--disable-hot-restart")
            .args(["--log-level", "warning", "--component-log-level"])
            .arg(format!("wasm:{}", options.wasm_log.name()))
            .args(["--log-format", "%l %n %v", "--log-format-escaped"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(log);
        let child = Guarded::spawn(&mut command, folder.path())
            .map_err(EnvoyError::io("cannot start envoy"))?;
        Ok(Self { child, folder })
    }

    /// Waits until Envoy takes connections, and returns the admin interface's address, and where it
    /// listens for each of the ports, by the names of its listeners.
    pub(super) async fn ready(
        &self,
        listeners: &BTreeMap<u16, String>,
        timeout: Duration,
    ) -> Result<(SocketAddr, BTreeMap<u16, SocketAddr>), EnvoyError> {
        let admin = self.admin(timeout).await?;
        let answer = client::get(admin, "/listeners?format=json").await?;
        let listening: Listeners = serde_json::from_slice(&answer.body)
            .map_err(|error| EnvoyError::Admin(error.to_string()))?;
        let ports = listeners
            .iter()
            .map(|(&port, name)| Ok((port, listening.find(name)?)));
        Ok((admin, ports.collect::<Result<_, _>>()?))
    }

    /// Waits until Envoy has its configuration, and returns the admin interface's address.
    pub async fn admin(&self, timeout: Duration) -> Result<SocketAddr, EnvoyError> {
        // A filter that never returns from its configuration holds the thread that answers here.
        tokio::time::timeout(timeout, self.live())
            .await
            .map_err(|_| EnvoyError::NotReady {
                waited: timeout,
                log: self.complaints(),
            })?
    }

    /// The admin interface's address, as soon as it calls the server live.
    async fn live(&self) -> Result<SocketAddr, EnvoyError> {
        let file = self.folder.path().join("admin");
        loop {
            if let Some(status) = self.exited() {
                return Err(EnvoyError::Refused {
                    status,
                    log: self.complaints(),
                });
            }
            let address = std::fs::read_to_string(&file)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            if let Some(admin) = address
                && client::get(admin, "/ready")
                    .await
                    .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(admin);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What Envoy writes to its standard output, if that is a pipe; whoever asks first gets it.
    pub fn stdout(&self) -> Option<ChildStdout> {
        self.child.stdout()
    }

    /// How Envoy ended, if it did.
    pub fn exited(&self) -> Option<ExitStatus> {
        self.child.exited()
    }

    /// Envoy's process id.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Length of the log in bytes.
    pub fn log_length(&self) -> u64 {
        std::fs::metadata(self.log_path()).map_or(0, |file| file.len())
    }

    /// The lines that the log has from byte `start` on: `<level> <component> <text>`.
    pub fn log_since(&self, start: u64) -> Vec<String> {
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(self.log_path())?;
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// What the log has above warnings, or its last lines if there is nothing of the kind.
    pub fn complaints(&self) -> String {
        let lines = self.log_since(0);
        let severe: Vec<_> = lines
            .iter()
            .filter(|line| line.starts_with("error ") || line.starts_with("critical "))
            .collect();
        let shown = if severe.is_empty() {
            lines.iter().collect()
        } else {
            severe
        };
        let skipped = shown.len().saturating_sub(20);
        shown
            .into_iter()
            .skip(skipped)
            .map(|line| format!("  {line}\n"))
            .collect()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("envoy.log")
    }
}

/// Waits until Envoy has no request to a backend under way. A copy is under way before the answer to
/// the request that it is of.
pub(super) async fn settled(admin: SocketAddr) -> Result<(), EnvoyError> {
    loop {
        let answer = client::get(admin, "/stats?filter=upstream_rq_.*active").await?;
        let stats = String::from_utf8_lossy(&answer.body);
        if stats.lines().all(|line| line.ends_with(": 0")) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The admin interface's `/listeners?format=json` (`envoy.admin.v3.Listeners`).
#[derive(Debug, Deserialize)]
struct Listeners {
    listener_statuses: Vec<ListenerStatus>,
}

#[derive(Debug, Deserialize)]
struct ListenerStatus {
    name: String,
    local_address: LocalAddress,
}

#[derive(Debug, Deserialize)]
struct LocalAddress {
    socket_address: SocketAddress,
}

#[derive(Debug, Deserialize)]
struct SocketAddress {
    port_value: u16,
}

impl Listeners {
    fn find(&self, name: &str) -> Result<SocketAddr, EnvoyError> {
        self.listener_statuses
            .iter()
            .find(|status| status.name == name)
            .map(|status| status.local_address.socket_address.port_value)
            .map(|bound| SocketAddr::from(([127, 0, 0, 1], bound)))
            .ok_or_else(|| EnvoyError::Admin(format!("no listener {name}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_that_envoy_bound() {
        let listening: Listeners = serde_json::from_str(
            r#"{"listener_statuses": [{"name": "port-80", "local_address":
                {"socket_address": {"address": "127.0.0.1", "port_value": 40001}}}]}"#,
        )
        .unwrap();
        assert_eq!(
            listening.find("port-80").unwrap(),
            SocketAddr::from(([127, 0, 0, 1], 40001))
        );
        assert!(matches!(
            listening.find("port-81"),
            Err(EnvoyError::Admin(_))
        ));
    }
}
