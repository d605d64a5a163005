//! The `envoy` host: scenarios in a real Envoy, over real sockets.
//!
//! A [`Proxy`] becomes a static bootstrap as Envoy Gateway would emit it ([`bootstrap()`]), every
//! cluster gets an echo backend in this process, and [`EnvoyHost::send`] is an ordinary client. What
//! another host says otherwise than this one is wrong there.

mod binary;
pub mod bootstrap;
pub mod client;
pub mod echo;
mod load;
mod module_folder;
pub mod process;
mod stats;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;
use tokio::runtime::Runtime;

pub use self::binary::{Binary, VERSION, find, how_to_get_one, install};
pub use self::bootstrap::bootstrap;
use self::bootstrap::listener_name;
pub use self::load::Load;
pub use self::module_folder::ModuleFolder;
use self::process::Process;
use crate::exchange::{Answer, Exchange, Seen};
use crate::model::{Cluster, Proxy};

/// Where the backends of clusters listen, by the cluster's name.
pub type Backends = BTreeMap<String, SocketAddr>;

/// How Envoy is run.
#[derive(Debug, Clone)]
pub struct EnvoyOptions {
    /// Number of workers; each has its own copy of every Wasm VM.
    pub concurrency: u32,
    /// The least severe lines of Wasm filters that Envoy logs.
    pub wasm_log: WasmLog,
    /// How long Envoy may take to start; it compiles every module and configures it for every worker.
    pub start_timeout: Duration,
    /// How long an answer may take; a filter that never returns holds its worker for ever.
    pub answer_timeout: Duration,
    /// HTTP filters of Envoy's own in front of all others, as its bootstrap has them: to compare with.
    pub native_filters: Vec<Value>,
}

impl Default for EnvoyOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            wasm_log: WasmLog::Info,
            start_timeout: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(15),
            native_filters: Vec::new(),
        }
    }
}

/// Puts HTTP filters in front of those that the listeners of a bootstrap have.
fn put_first(bootstrap: &mut Value, filters: &[Value]) {
    fn list<'v>(value: &'v mut Value, at: &str) -> impl Iterator<Item = &'v mut Value> + use<'v> {
        let list = value.pointer_mut(at).and_then(Value::as_array_mut);
        list.into_iter().flatten()
    }
    let listeners = list(bootstrap, "/static_resources/listeners");
    for chain in listeners.flat_map(|listener| list(listener, "/filter_chains")) {
        let present = chain.pointer_mut("/filters/0/typed_config/http_filters");
        if let Some(Value::Array(present)) = present {
            present.splice(0..0, filters.iter().cloned());
        }
    }
}

/// A level of Envoy's `wasm` logger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WasmLog {
    /// Filters' debug lines, and Envoy's own about their VMs.
    Debug,
    /// What filters log at info and above.
    Info,
    /// What filters log at warn and above; for measuring.
    Warning,
}

impl WasmLog {
    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

/// Why there is no answer from Envoy.
#[derive(Debug, Error)]
pub enum EnvoyError {
    /// No binary anywhere.
    #[error("this machine has no Envoy: not in GWF_ENVOY, GWF_DATA_DIR or the PATH")]
    NotFound,
    /// It could not be installed.
    #[error("cannot install envoy: {0}")]
    NotInstalled(String),
    /// What was found does not run, or does not say Envoy's version.
    #[error("{} is not an Envoy that runs here: {reason}", path.display())]
    NotEnvoy {
        /// What was tried.
        path: PathBuf,
        /// How it failed.
        reason: String,
    },
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// Why it could not be.
        source: io::Error,
    },
    /// Envoy ended while it started: it refuses the configuration or a module.
    #[error("envoy refused its configuration ({status}):\n{log}")]
    Refused {
        /// How it ended.
        status: ExitStatus,
        /// Its own reason, line by line.
        log: String,
    },
    /// Envoy neither ended nor became ready.
    #[error("envoy was not ready after {} s:\n{log}", waited.as_secs_f32())]
    NotReady {
        /// How long it was given.
        waited: Duration,
        /// What it said last.
        log: String,
    },
    /// The admin interface did not say where Envoy listens.
    #[error("envoy's list of listeners cannot be understood: {0}")]
    Admin(String),
    /// The scenario connects to a port on which nobody listens.
    #[error("the Gateway has no listener on port {0}")]
    NoListener(u16),
    /// The request cannot be written in the protocol it asks for: reason to skip the case.
    #[error("{0}")]
    Unsendable(String),
    /// The connection broke, what came was not HTTP, or nothing came in time.
    #[error("no answer from envoy: {reason}{}{log}", if log.is_empty() { "" } else { "\n" })]
    NoAnswer {
        /// What happened instead.
        reason: String,
        /// What Envoy logged meanwhile.
        log: String,
    },
    /// `/proc/<pid>/stat` is not as proc(5) describes it.
    #[error("cannot find the CPU time in {0:?}")]
    Cpu(String),
}

impl EnvoyError {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    fn no_answer(error: impl std::error::Error) -> Self {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        Self::NoAnswer {
            reason,
            log: String::new(),
        }
    }
}

/// How long copies of requests are waited for, as in the conformance suite.
const SETTLING: Duration = Duration::from_secs(10);

/// A running Envoy with its backends. Several threads may send at once. Dropping it ends
/// everything that was started.
///
/// Its methods block and must not be called from asynchronous code.
#[derive(Debug)]
pub struct EnvoyHost {
    process: Process,
    admin: SocketAddr,
    ports: BTreeMap<u16, SocketAddr>,
    backends: Arc<echo::Shared>,
    answer_timeout: Duration,
    begun: AtomicU64,
    ended: AtomicU64,
    /// Runs the backends and the client; the last to go.
    runtime: Runtime,
}

impl EnvoyHost {
    /// Starts a backend for each cluster of `proxy`, then Envoy, and waits until it takes
    /// connections.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::Refused`] with Envoy's own words if it does not take the configuration or a
    /// module; [`EnvoyError::NotReady`] or [`EnvoyError::Io`] if it cannot be started.
    pub fn start(
        binary: &Binary,
        proxy: &Proxy,
        options: &EnvoyOptions,
    ) -> Result<Self, EnvoyError> {
        let ports = proxy.listeners.iter().map(|listener| listener.port);
        let listeners = ports.map(|port| (port, listener_name(port))).collect();
        let configuration = |backends: &Backends, folder: &Path| {
            let modules = ModuleFolder::new(folder.join("modules"))?;
            for filter in &proxy.filters {
                modules.add(&filter.module)?;
            }
            let mut bootstrap = bootstrap(proxy, backends, &modules);
            put_first(&mut bootstrap, &options.native_filters);
            Ok(bootstrap)
        };
        Self::start_with(binary, &proxy.clusters, &listeners, configuration, options)
    }

    /// Starts a backend for each cluster, then Envoy with the bootstrap that `configuration` makes of
    /// their addresses and of a folder, which it may fill with files and which ends with Envoy, and
    /// waits until it takes connections. `listeners` says which listener of the
    /// bootstrap is meant by the port of an [`Exchange`]; on which port it listens is read from Envoy,
    /// so that it can be 0.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); [`EnvoyError::Admin`] if there is no such listener.
    pub fn start_with(
        binary: &Binary,
        clusters: &[Cluster],
        listeners: &BTreeMap<u16, String>,
        configuration: impl FnOnce(&Backends, &Path) -> io::Result<Value>,
        options: &EnvoyOptions,
    ) -> Result<Self, EnvoyError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(EnvoyError::io("cannot start the runtime"))?;
        let shared = Arc::new(echo::Shared::default());
        let (process, admin, ports) = runtime.block_on(async {
            let mut backends = Backends::new();
            for cluster in clusters {
                let (address, _) = echo::start(cluster, &shared)
                    .await
                    .map_err(EnvoyError::io("cannot start a backend"))?;
                backends.insert(cluster.name.clone(), address);
            }
            let folder = process::folder()?;
            let bootstrap = configuration(&backends, folder.path())
                .map_err(EnvoyError::io("cannot write the modules"))?;
            let process = Process::spawn(folder, &binary.path, &bootstrap, options)?;
            let (admin, ports) = process.ready(listeners, options.start_timeout).await?;
            Ok::<_, EnvoyError>((process, admin, ports))
        })?;
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Self {
            process,
            admin,
            ports,
            backends: shared,
            answer_timeout: options.answer_timeout,
            begun,
            ended,
            runtime,
        })
    }

    /// Sends one request and waits for its answer. Whose Gateway it is meant for is not looked at:
    /// this host is one proxy.
    ///
    /// `Answer::why` has what Envoy logged meanwhile, unless other requests were under way, whose
    /// lines could not be told apart. Lines written after the answer (`on_log`) come too late for it.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::Unsendable`] if no client on this machine could send it,
    /// [`EnvoyError::NoListener`], and [`EnvoyError::NoAnswer`] with what Envoy logged.
    pub fn send(&self, exchange: &Exchange) -> Result<Answer, EnvoyError> {
        let listener = self.listener(exchange.port)?;
        let before = self.process.log_length();
        let turn = self.begun.fetch_add(1, Ordering::SeqCst);
        let alone = self.ended.load(Ordering::SeqCst) == turn;
        let result = self.runtime.block_on(async {
            tokio::time::timeout(self.answer_timeout, client::send(listener, exchange)).await
        });
        let alone = alone && self.begun.load(Ordering::SeqCst) == turn + 1;
        self.ended.fetch_add(1, Ordering::SeqCst);
        match result {
            Ok(Ok(mut answer)) => {
                if alone {
                    answer.why = self.process.log_since(before);
                }
                Ok(answer)
            }
            Ok(Err(EnvoyError::NoAnswer { reason, .. })) => Err(self.no_answer(reason, before)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(self.no_answer(format!("none within {:?}", self.answer_timeout), before)),
        }
    }

    /// What backends saw of the requests with this [`REQUEST_ID`](crate::exchange::REQUEST_ID), copies
    /// included, as soon as Envoy has sent all that it has to send, or 10 s later.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::NoAnswer`] of the admin interface.
    pub fn received(&self, id: &str) -> Result<Vec<Seen>, EnvoyError> {
        let settled = self
            .runtime
            .block_on(async { tokio::time::timeout(SETTLING, process::settled(self.admin)).await });
        // What never settles is told by what is missing.
        settled.unwrap_or(Ok(()))?;
        Ok(self.backends.journal.of(id))
    }

    /// Sends so many `requests`, the `exchanges` in turn, in cleartext HTTP/1.1 as fast as `connections`
    /// kept-alive connections allow, each with one request at a time. The first exchange says for what
    /// port and from which client.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); the first that occurs ends the load.
    pub fn load(
        &self,
        connections: usize,
        requests: u64,
        exchanges: &[Exchange],
    ) -> Result<Load, EnvoyError> {
        let Some(first) = exchanges.first() else {
            return Ok(Load::default());
        };
        let listener = self.listener(first.port)?;
        self.runtime.block_on(load::run(
            listener,
            connections,
            requests,
            self.answer_timeout,
            first.client,
            exchanges,
        ))
    }

    /// CPU time that Envoy has used since it started, in all its threads, in user mode and in the
    /// kernel; precise to 10 ms.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::Io`] where there is no `/proc`.
    pub fn cpu_time(&self) -> Result<Duration, EnvoyError> {
        load::cpu_time(self.process.pid())
    }

    /// What Envoy has logged: `<level> <component> <text>`.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.process.log_since(0)
    }

    /// Envoy's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where Envoy listens for a port of the Gateway.
    fn listener(&self, port: u16) -> Result<SocketAddr, EnvoyError> {
        self.ports
            .get(&port)
            .copied()
            .ok_or(EnvoyError::NoListener(port))
    }

    fn no_answer(&self, reason: String, before: u64) -> EnvoyError {
        let reason = match self.process.exited() {
            Some(status) => format!("{reason}; envoy ended: {status}"),
            None => reason,
        };
        let log = self.process.log_since(before).join("\n");
        EnvoyError::NoAnswer { reason, log }
    }
}
