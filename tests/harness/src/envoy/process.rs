//! One Envoy process: started, found ready, and ended however this process ends.
//!
//! Dropping [`Process`] kills Envoy. Where nothing is dropped (Ctrl-C, `SIGKILL`, an abort) a shell
//! does it, the warden: it reads from a pipe that this process holds open and never writes to while
//! Envoy runs, and the kernel closes it with this process. Both are in process groups of their own,
//! so that Ctrl-C in a terminal reaches neither before the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use super::bootstrap::listener_name;
use super::{EnvoyError, Options, client};
use crate::xds::Proxy;

/// The pause between two looks at an Envoy that starts.
const LOOK: Duration = Duration::from_millis(5);

/// A line means that Envoy is ended already; the end of the pipe, that its owner is.
const WARDEN: &str = r#"read -r _ || { kill -KILL "$1"; rm -rf "$2"; }"#;

/// A running Envoy.
#[derive(Debug)]
pub(super) struct Process {
    child: Mutex<Child>,
    pid: u32,
    warden: Child,
    folder: TempDir,
}

impl Process {
    /// Starts `binary` with `bootstrap`; it is not ready yet.
    pub(super) fn spawn(
        binary: &Path,
        bootstrap: &Value,
        options: &Options,
    ) -> Result<Self, EnvoyError> {
        let folder = tempfile::Builder::new()
            .prefix("gwf-envoy-")
            .tempdir()
            .map_err(EnvoyError::io("cannot make a folder for envoy"))?;
        let config = folder.path().join("bootstrap.json");
        std::fs::write(&config, bootstrap.to_string())
            .map_err(EnvoyError::io("cannot write envoy's bootstrap"))?;
        let log = File::create(folder.path().join("envoy.log"))
            .map_err(EnvoyError::io("cannot make envoy's log"))?;
        let mut child = Command::new(binary)
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
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(EnvoyError::io("cannot start envoy"))?;
        let pid = child.id();
        match warden(pid, folder.path()) {
            Ok(warden) => Ok(Self {
                child: Mutex::new(child),
                pid,
                warden,
                folder,
            }),
            Err(error) => {
                let _gone = child.kill().and_then(|()| child.wait());
                Err(EnvoyError::io("cannot start the shell that ends envoy")(
                    error,
                ))
            }
        }
    }

    /// Waits until Envoy takes connections, and returns where it listens for each port of `proxy`.
    pub(super) async fn ready(
        &self,
        proxy: &Proxy,
        timeout: Duration,
    ) -> Result<BTreeMap<u16, SocketAddr>, EnvoyError> {
        // A filter that never returns from its configuration holds the thread that answers here.
        let admin = tokio::time::timeout(timeout, self.live())
            .await
            .map_err(|_| EnvoyError::NotReady {
                waited: timeout,
                log: self.complaints(),
            })??;
        let answer = client::get(admin, "/listeners?format=json").await?;
        let listening: Listeners = serde_json::from_slice(&answer.body)
            .map_err(|error| EnvoyError::Admin(error.to_string()))?;
        proxy
            .listeners
            .iter()
            .map(|listener| listening.find(listener.port))
            .collect()
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

    /// How Envoy ended, if it did.
    pub(super) fn exited(&self) -> Option<ExitStatus> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().ok().flatten()
    }

    /// Envoy's process id.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Length of the log in bytes.
    pub(super) fn log_length(&self) -> u64 {
        std::fs::metadata(self.log_path()).map_or(0, |file| file.len())
    }

    /// The lines that the log has from byte `start` on: `<level> <component> <text>`.
    pub(super) fn log_since(&self, start: u64) -> Vec<String> {
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
    pub(super) fn complaints(&self) -> String {
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

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // The process id stays Envoy's until it is waited for, and the warden is gone by then.
        let _killed = child.kill();
        if let Some(mut pipe) = self.warden.stdin.take() {
            let _told = pipe.write_all(b"\n");
        }
        let _warden = self.warden.wait();
        let _status = child.wait();
    }
}

fn warden(pid: u32, folder: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args(["-c", WARDEN, "gwf-warden", &pid.to_string()])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
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
    fn find(&self, port: u16) -> Result<(u16, SocketAddr), EnvoyError> {
        let name = listener_name(port);
        self.listener_statuses
            .iter()
            .find(|status| status.name == name)
            .map(|status| status.local_address.socket_address.port_value)
            .map(|bound| (port, SocketAddr::from(([127, 0, 0, 1], bound))))
            .ok_or_else(|| EnvoyError::Admin(format!("no listener {name}")))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    /// Something to guard, a folder and the warden of both.
    fn guarded() -> (Child, TempDir, Child) {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let warden = warden(child.id(), folder.path()).unwrap();
        (child, folder, warden)
    }

    #[test]
    fn the_warden_ends_what_its_owner_left_behind() {
        let (mut child, folder, mut warden) = guarded();
        // What the kernel does when the owner is killed.
        drop(warden.stdin.take());
        assert_eq!(child.wait().unwrap().signal(), Some(9));
        warden.wait().unwrap();
        assert!(!folder.path().exists());
    }

    #[test]
    fn the_warden_touches_nothing_once_it_is_told() {
        let (mut child, folder, mut warden) = guarded();
        warden.stdin.take().unwrap().write_all(b"\n").unwrap();
        warden.wait().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        assert!(folder.path().exists());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn ports_are_those_that_envoy_bound() {
        let listening: Listeners = serde_json::from_str(
            r#"{"listener_statuses": [{"name": "port-80", "local_address":
                {"socket_address": {"address": "127.0.0.1", "port_value": 40001}}}]}"#,
        )
        .unwrap();
        assert_eq!(
            listening.find(80).unwrap(),
            (80, SocketAddr::from(([127, 0, 0, 1], 40001)))
        );
        assert!(matches!(listening.find(81), Err(EnvoyError::Admin(_))));
    }
}
