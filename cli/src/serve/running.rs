//! The Envoy that serves. It reads its listeners and clusters from files and watches them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::access_log;
use super::error::{Rejection, ServeError};
use super::xds::Resources;
use gateway_harness::envoy::process::Process;
use gateway_harness::envoy::{Binary, EnvoyError, EnvoyOptions, client};

/// The pause between two looks at Envoy's counters.
const LOOK: Duration = Duration::from_millis(5);
/// The pause between two looks whether it runs.
const PAUSE: Duration = Duration::from_millis(50);
/// An Envoy that does not answer may be about to end.
const LAST: Duration = Duration::from_secs(1);

/// Listeners or clusters, as their discovery names them.
#[derive(Debug, Clone, Copy)]
struct Discovery {
    file: &'static str,
    kind: &'static str,
    version: &'static str,
    rejected: &'static str,
}

const LDS: Discovery = Discovery {
    file: "lds.json",
    kind: "type.googleapis.com/envoy.config.listener.v3.Listener",
    version: "listener_manager.lds.version_text",
    rejected: "listener_manager.lds.update_rejected",
};
const CDS: Discovery = Discovery {
    file: "cds.json",
    kind: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    version: "cluster_manager.cds.version_text",
    rejected: "cluster_manager.cds.update_rejected",
};

/// A running Envoy and what it was last given.
#[derive(Debug)]
pub(super) struct Running {
    process: Process,
    admin: SocketAddr,
    folder: PathBuf,
    workers: u64,
    patience: Duration,
    version: u64,
    in_force: Resources,
}

impl Running {
    /// Starts Envoy in `folder` and waits until all workers listen.
    pub(super) async fn start(
        binary: &Binary,
        folder: TempDir,
        first: &Resources,
        drain: Duration,
        options: &EnvoyOptions,
    ) -> Result<Self, ServeError> {
        let discovered = folder.path().join("xds");
        let written = fs::create_dir(&discovered)
            .and_then(|()| write(&discovered, CDS, 0, &first.clusters))
            .and_then(|()| write(&discovered, LDS, 0, &first.listeners));
        written.map_err(ServeError::io("cannot write envoy's configuration"))?;
        let drain = drain.as_secs().max(1).to_string();
        let arguments = [
            "--drain-time-s",
            &drain,
            "--drain-strategy",
            "immediate",
            "--file-flush-interval-msec",
            access_log::FLUSH,
        ];
        let bootstrap = bootstrap(&discovered);
        let process = Process::spawn_with(
            folder,
            &binary.path,
            &bootstrap,
            options,
            &arguments,
            Stdio::piped(),
        )?;
        let admin = process.admin(options.start_timeout).await?;
        let running = Self {
            process,
            admin,
            folder: discovered,
            workers: u64::from(options.concurrency),
            patience: options.start_timeout,
            version: 0,
            in_force: first.clone(),
        };
        running.workers_follow(&Stats::default()).await?;
        Ok(running)
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its admin interface.
    pub(super) fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// What it writes to its standard output.
    pub(super) fn stdout(&self) -> Option<ChildStdout> {
        self.process.stdout()
    }

    /// Waits until Envoy ends, which it should not.
    pub(super) async fn ended(&self) -> ServeError {
        loop {
            if let Some(status) = self.process.exited() {
                let log = self.process.complaints();
                return ServeError::Died { status, log };
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Puts other resources in force: first the clusters that are new, then the listeners. Clusters
    /// that are no longer used stay, for the connections of the replaced listeners.
    ///
    /// # Errors
    ///
    /// [`Rejection::Envoy`] if Envoy rejects some of them; what was in force is again.
    pub(super) async fn replace(&mut self, next: &Resources) -> Result<(), ServeError> {
        let before = self.in_force.clone();
        let mut clusters = before.clusters.clone();
        clusters.extend(next.clusters.clone());
        let replaced = match self.tell(CDS, &clusters).await {
            Ok(()) => self.tell(LDS, &next.listeners).await,
            refused => refused,
        };
        if let Err(ServeError::Rejected(reason)) = replaced {
            // An update is not all or nothing: of several listeners some may have been taken.
            self.tell(LDS, &before.listeners).await?;
            self.tell(CDS, &before.clusters).await?;
            return Err(reason.into());
        }
        replaced
    }

    /// Removes the clusters that `current` does not have, once no connection can need them. Returns
    /// whether that is so.
    pub(super) async fn prune(&mut self, current: &Resources) -> Result<bool, ServeError> {
        let stats = self.stats().await?;
        let draining = stats.number("listener_manager.total_listeners_draining")
            + stats.number("listener_manager.total_filter_chains_draining");
        if draining > 0 {
            return Ok(false);
        }
        self.tell(CDS, &current.clusters).await?;
        Ok(true)
    }

    /// Replaces a file and waits until Envoy acts on it.
    async fn tell(
        &mut self,
        discovery: Discovery,
        resources: &BTreeMap<String, Value>,
    ) -> Result<(), ServeError> {
        let in_force = match discovery.file {
            file if file == LDS.file => &mut self.in_force.listeners,
            _ => &mut self.in_force.clusters,
        };
        if in_force == resources {
            return Ok(());
        }
        in_force.clone_from(resources);
        self.version += 1;
        let before = self.stats().await?;
        let logged = self.process.log_length();
        write(&self.folder, discovery, self.version, resources)
            .map_err(ServeError::io("cannot write envoy's configuration"))?;
        let version = format!("\"{}\"", self.version);
        let after = self
            .until(|stats| {
                stats.text(discovery.version) == version
                    || stats.number(discovery.rejected) > before.number(discovery.rejected)
            })
            .await?;
        if after.text(discovery.version) != version {
            let lines = self.process.log_since(logged);
            let words: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            return Err(Rejection::envoy(&words).into());
        }
        self.workers_follow(&before).await
    }

    /// Waits until every worker has every listener that was added or modified since.
    async fn workers_follow(&self, before: &Stats) -> Result<(), ServeError> {
        let since = |stats: &Stats, names: &[&str]| -> u64 {
            let grown = |name: &&str| stats.number(name).saturating_sub(before.number(name));
            names.iter().map(grown).sum()
        };
        let followed = |stats: &Stats| {
            let changed = [
                "listener_manager.listener_added",
                "listener_manager.listener_modified",
            ];
            let created = [
                "listener_manager.listener_create_success",
                "listener_manager.listener_create_failure",
            ];
            stats.number("listener_manager.total_listeners_warming") == 0
                && since(stats, &created) >= since(stats, &changed) * self.workers
        };
        self.until(followed).await?;
        Ok(())
    }

    async fn until(&self, condition: impl Fn(&Stats) -> bool) -> Result<Stats, ServeError> {
        let begun = Instant::now();
        loop {
            let stats = self.stats().await?;
            if condition(&stats) {
                return Ok(stats);
            }
            let waited = begun.elapsed();
            if waited > self.patience {
                let log = self.process.complaints();
                return Err(EnvoyError::NotReady { waited, log }.into());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn stats(&self) -> Result<Stats, ServeError> {
        const PATH: &str = "/stats?filter=^(listener_manager|cluster_manager.cds).";
        let waited = self.patience;
        let answer = match tokio::time::timeout(waited, client::get(self.admin, PATH)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let ended = tokio::time::timeout(LAST, self.ended()).await;
                return Err(ended.unwrap_or(error.into()));
            }
            Err(_) => {
                let log = self.process.complaints();
                return Err(EnvoyError::NotReady { waited, log }.into());
            }
        };
        let text = String::from_utf8_lossy(&answer.body);
        let lines = text.lines().filter_map(|line| line.split_once(": "));
        let pairs = lines.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(Stats(pairs.collect()))
    }
}

/// Envoy's counters, gauges and texts by name.
#[derive(Debug, Default)]
struct Stats(HashMap<String, String>);

impl Stats {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap_or(0)
    }
}

fn bootstrap(folder: &Path) -> Value {
    let source = |discovery: Discovery| {
        json!({
            "path_config_source": {"path": folder.join(discovery.file)},
            "resource_api_version": "V3",
        })
    };
    json!({
        "node": {"id": "gwf", "cluster": "gwf"},
        "admin": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}}},
        "dynamic_resources": {"lds_config": source(LDS), "cds_config": source(CDS)},
    })
}

/// Moves a new file in place of the old one: Envoy sees one or the other.
fn write(
    folder: &Path,
    discovery: Discovery,
    version: u64,
    resources: &BTreeMap<String, Value>,
) -> io::Result<()> {
    let typed = |resource: &Value| {
        let mut resource = resource.clone();
        if let Value::Object(members) = &mut resource {
            members.insert("@type".into(), json!(discovery.kind));
        }
        resource
    };
    let resources: Vec<Value> = resources.values().map(typed).collect();
    let response = json!({"version_info": version.to_string(), "resources": resources});
    let unfinished = folder.with_extension("unfinished");
    fs::write(&unfinished, response.to_string())?;
    fs::rename(unfinished, folder.join(discovery.file))
}

#[cfg(test)]
mod tests {
    use super::super::trial;
    use super::*;
    use gateway_harness::envoy::{self, process};

    /// A listener that answers with `body`, on a port that Envoy is given by the kernel.
    fn resources(body: &str) -> Resources {
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "a",
            "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [{
                "match": {"prefix": "/"},
                "direct_response": {"status": 200, "body": {"inline_string": body}},
            }]}]},
            "http_filters": [{"name": "router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            }}],
        });
        let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
        let listener = json!({
            "name": "a",
            "address": address,
            "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
        });
        Resources {
            listeners: [("a".to_owned(), listener)].into(),
            clusters: BTreeMap::new(),
        }
    }

    #[tokio::test]
    async fn what_envoy_rejects_is_taken_back() {
        let binary = match envoy::find() {
            Ok(binary) => binary,
            Err(error) => {
                let required = std::env::var_os("GWF_REQUIRE_ENVOY");
                assert!(required.is_none_or(|v| v != "1"), "{error}");
                return;
            }
        };
        let options = EnvoyOptions::default();
        let (folder, drain) = (process::folder().unwrap(), Duration::from_secs(1));
        let started = Running::start(&binary, folder, &resources("old"), drain, &options).await;
        let mut running = started.unwrap();
        let listeners = client::get(running.admin(), "/listeners")
            .await
            .unwrap()
            .body;
        let listeners = String::from_utf8(listeners).unwrap();
        let at = listeners
            .trim()
            .strip_prefix("a::")
            .unwrap()
            .parse()
            .unwrap();

        // Tried, it is found good: only a real listener needs a socket.
        let mut next = resources("new");
        let mut elsewhere = next.listeners["a"].clone();
        elsewhere["name"] = json!("b");
        elsewhere["address"]["socket_address"]["address"] = json!("203.0.113.1");
        next.listeners.insert("b".into(), elsewhere);
        next.clusters.insert("c".into(), json!({"name": "c"}));
        trial::run(&binary, &next, &options).await.unwrap();
        let refused = running.replace(&next).await.unwrap_err();
        assert!(matches!(refused, ServeError::Rejected(_)), "{refused}");
        assert!(refused.to_string().contains("203.0.113.1"), "{refused}");
        assert_eq!(running.in_force, resources("old"));
        assert_eq!(client::get(at, "/").await.unwrap().body, b"old");

        running.replace(&resources("new")).await.unwrap();
        assert_eq!(client::get(at, "/").await.unwrap().body, b"new");
    }
}
