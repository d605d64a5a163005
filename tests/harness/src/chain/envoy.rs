//! The embedded Envoy: listeners, workers, and what they share.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::exchange::{Answer, Exchange};
use crate::model::{Cluster, Proxy, WasmFilter};
use crate::wasm_host::{
    CalloutAnswer, Clock, LoadError, LogLevel, Plugin, Process, Responder, Runtime, Vm, VmOptions,
};

use super::jwt::JwtAuthn;
use super::router::Router;
use super::{filter_chain, waiting};

/// Which requests reach the filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Admission {
    /// Those that Envoy's connection manager lets through, with paths normalised.
    #[default]
    Envoy,
    /// All, as they are: more than 100 headers, any bytes, paths of any length. For fuzzing.
    Everything,
}

/// How an [`EmbeddedEnvoy`] runs, besides its configuration.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// Number of workers, each with a VM per filter.
    pub workers: usize,
    /// Seed of request ids and of `random_get`; each worker draws its own numbers from it.
    pub seed: u64,
    /// Virtual time.
    pub clock: Arc<Clock>,
    /// Guest log lines below this level are not kept.
    pub log_level: LogLevel,
    /// Which requests reach the filters.
    pub admission: Admission,
    /// Clusters that filters may call besides those of the proxy.
    pub clusters: Vec<String>,
    /// Answers those calls.
    pub responder: Responder,
    /// Answers say what each filter did to the headers ([`Answer::passages`]).
    pub watch: bool,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            workers: 1,
            seed: 0,
            clock: Arc::default(),
            log_level: LogLevel::default(),
            admission: Admission::default(),
            clusters: Vec::new(),
            responder: Arc::new(|_| CalloutAnswer::Unreachable),
            watch: false,
        }
    }
}

impl std::fmt::Debug for EmbeddedOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedOptions")
            .field("workers", &self.workers)
            .field("seed", &self.seed)
            .field("admission", &self.admission)
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

/// A configuration that Envoy would refuse.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A module that does not load or a plugin that does not start, with `failOpen` too.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A key set without a key that can be read.
    #[error("the keys of the JWT provider {0} have none that is valid")]
    NoKey(String),
}

/// A request that got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No listener has that port.
    #[error("no listener on port {0}")]
    NoListener(u16),
    /// There are fewer workers.
    #[error("there is no worker {0}")]
    NoWorker(usize),
    /// A filter stopped the stream, and no answer or tick is under way that could continue it.
    #[error("{filter} paused the {what} and nothing continues it\n{}", why.join("\n"))]
    Stuck {
        /// Plugin name.
        filter: String,
        /// What it paused.
        what: &'static str,
        /// What happened until then.
        why: Vec<String>,
    },
    /// A filter closed the stream.
    #[error("{filter} reset the stream\n{}", why.join("\n"))]
    Reset {
        /// Plugin name.
        filter: String,
        /// What happened until then.
        why: Vec<String>,
    },
}

/// An Envoy in this process, as far as HTTP filters can tell.
#[derive(Debug)]
pub struct EmbeddedEnvoy {
    workers: Vec<Worker>,
    process: Arc<Process>,
}

/// One worker thread's share of an [`EmbeddedEnvoy`]; workers may be lent to real threads.
#[derive(Debug)]
pub struct Worker {
    pub(crate) config: Arc<Config>,
    pub(crate) process: Arc<Process>,
    pub(crate) vms: Vec<Vm>,
    pub(crate) random: fastrand::Rng,
    pub(crate) connections: u64,
}

/// What all workers read.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) routers: HashMap<u16, Router>,
    pub(crate) clusters: HashMap<String, Cluster>,
    pub(crate) jwt: JwtAuthn,
    pub(crate) filters: Vec<WasmFilter>,
    pub(crate) admission: Admission,
    pub(crate) watch: bool,
}

impl EmbeddedEnvoy {
    /// Loads the filters and starts them on every worker.
    ///
    /// # Errors
    ///
    /// When Envoy would refuse the configuration.
    pub fn new(
        runtime: &Runtime,
        proxy: &Proxy,
        options: &EmbeddedOptions,
    ) -> Result<Self, StartError> {
        let by_name = |c: &Cluster| (c.name.clone(), c.clone());
        let clusters: HashMap<_, _> = proxy.clusters.iter().map(by_name).collect();
        let services = proxy.services.iter().map(|service| &service.name);
        let callable = clusters.keys().chain(&options.clusters).chain(services);
        let callable = callable.cloned().collect();
        let clock = Arc::clone(&options.clock);
        let process = Process::new(clock, callable, Arc::clone(&options.responder));
        let process = Arc::new(process);
        let router = |l| Router::new(l, runtime.envoy());
        let config = Arc::new(Config {
            routers: proxy
                .listeners
                .iter()
                .map(|l| (l.port, router(l)))
                .collect(),
            clusters,
            jwt: JwtAuthn::new(&proxy.jwt)?,
            filters: proxy.filters.clone(),
            admission: options.admission,
            watch: options.watch,
        });
        let workers = (0..options.workers)
            .map(|number| Worker::start(runtime, &config, &process, options, number))
            .collect::<Result<_, LoadError>>()?;
        Ok(Self { workers, process })
    }

    /// Sends one request to a worker and waits for its answer.
    ///
    /// # Errors
    ///
    /// When there is no such port or worker, or when a filter leaves the request without answer.
    pub fn send(&mut self, worker: usize, exchange: &Exchange) -> Result<Answer, Error> {
        let worker = self
            .workers
            .get_mut(worker)
            .ok_or(Error::NoWorker(worker))?;
        worker.send(exchange)
    }

    /// The workers, to be run in parallel.
    pub fn workers(&mut self) -> &mut [Worker] {
        &mut self.workers
    }

    /// Shared data, metrics and the clock.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What a filter of that name keeps in shared data, each value with its CAS number.
    pub fn shared_data(&self, filter: &str) -> BTreeMap<Vec<u8>, (Vec<u8>, u32)> {
        let filters = self.workers.first().map(|worker| &worker.config.filters);
        let named = filters.and_then(|all| all.iter().position(|one| one.name == filter));
        let values = named.map(|place| self.process.shared_values(&vm_id(filter, place)));
        values.unwrap_or_default()
    }

    /// Fires the ticks of all filters, due or not, so that they report what they have counted.
    pub fn fire_timers(&mut self) {
        for worker in &mut self.workers {
            worker.vms.iter_mut().for_each(Vm::make_ticks_due);
            worker.tick();
        }
    }

    /// Lets virtual time pass and fires every tick that falls due, in order.
    pub fn advance(&mut self, by: Duration) {
        let clock = self.process.clock();
        let end = clock.now() + by;
        let due = |workers: &[Worker]| {
            let ticks = workers.iter().filter_map(Worker::next_tick);
            ticks.min().filter(|due| *due <= end)
        };
        while let Some(due) = due(&self.workers) {
            clock.advance(due.saturating_sub(clock.now()));
            for worker in &mut self.workers {
                worker.tick();
            }
        }
        clock.advance(end.saturating_sub(clock.now()));
    }
}

impl Worker {
    fn start(
        runtime: &Runtime,
        config: &Arc<Config>,
        process: &Arc<Process>,
        options: &EmbeddedOptions,
        number: usize,
    ) -> Result<Self, LoadError> {
        let number = u64::try_from(number).unwrap_or_default();
        let mut random = fastrand::Rng::with_seed(options.seed ^ number.wrapping_mul(GOLDEN));
        let vms = config.filters.iter().enumerate().map(|(place, filter)| {
            let module = runtime.load(&filter.module)?;
            let vm_options = VmOptions {
                seed: random.u64(..),
                log_level: options.log_level,
            };
            Vm::start(
                &module,
                process,
                Arc::new(plugin(filter, place)),
                vm_options,
            )
        });
        let vms = vms.collect::<Result<_, _>>()?;
        Ok(Self {
            config: Arc::clone(config),
            process: Arc::clone(process),
            vms,
            random,
            connections: 0,
        })
    }

    /// Sends one request on a connection of its own and waits for its answer.
    ///
    /// # Errors
    ///
    /// When there is no such port, or when a filter leaves the request without answer.
    pub fn send(&mut self, exchange: &Exchange) -> Result<Answer, Error> {
        filter_chain::run(self, exchange)
    }

    /// The VMs, in the order of the filters: for what they log, use and count.
    pub fn vms(&mut self) -> &mut [Vm] {
        &mut self.vms
    }

    fn next_tick(&self) -> Option<Duration> {
        let alive = self.vms.iter().filter(|vm| vm.failure().is_none());
        alive.filter_map(Vm::next_tick).min()
    }

    /// Ticks that are due, and queues; what they ask of streams has none to act on.
    fn tick(&mut self) {
        for vm in &mut self.vms {
            // A VM that fails here is dead from the next request on, as in Envoy.
            let ticked = vm.tick(&mut Box::default()).is_ok();
            let _ = ticked && vm.drain_queues().is_ok();
        }
        waiting::answer_idle_calls(self);
    }
}

/// Spreads consecutive worker numbers over the seed space.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Envoy Gateway gives every entry of a policy a VM id of its own.
fn plugin(filter: &WasmFilter, place: usize) -> Plugin {
    Plugin {
        name: filter.name.clone(),
        root_id: filter.root_id.clone(),
        vm_id: vm_id(&filter.name, place),
        configuration: filter.configuration.clone().into_bytes(),
        fail_open: filter.fail_open,
        ..Plugin::default()
    }
}

fn vm_id(filter: &str, place: usize) -> String {
    format!("envoyextensionpolicy/{filter}/wasm/{place}")
}
