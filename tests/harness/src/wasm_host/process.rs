//! What all workers of one Envoy process share: shared data, queues, stats, time and clusters.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::callout::{Callout, CalloutAnswer};
use super::clock::Clock;
use super::queue::Queues;
use super::shared_data::SharedData;
use super::stats::Stats;

/// Answers the HTTP and gRPC calls that filters make.
pub type Responder = Arc<dyn Fn(&Callout) -> CalloutAnswer + Send + Sync>;

/// State that an Envoy process has once, whatever the number of workers.
pub struct Process {
    pub(crate) clock: Arc<Clock>,
    pub(crate) clusters: BTreeSet<String>,
    pub(crate) responder: Responder,
    shared_data: Mutex<SharedData>,
    queues: Mutex<Queues>,
    stats: Mutex<Stats>,
}

impl Process {
    /// A process that has just started. Filters may call the `clusters`; `responder` answers.
    pub fn new(clock: Arc<Clock>, clusters: BTreeSet<String>, responder: Responder) -> Self {
        Self {
            clock,
            clusters,
            responder,
            shared_data: Mutex::default(),
            queues: Mutex::default(),
            stats: Mutex::default(),
        }
    }

    /// The clock that guests read.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A value of shared data and its CAS number.
    pub fn shared_value(&self, vm_id: &str, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.shared_data().get(vm_id, key)
    }

    /// All values of shared data that VMs of that id see, each with its CAS number.
    pub fn shared_values(&self, vm_id: &str) -> BTreeMap<Vec<u8>, (Vec<u8>, u32)> {
        self.shared_data().all(vm_id)
    }

    /// How much shared data is held: its keys, and the bytes of keys and values together.
    pub fn shared_size(&self) -> (usize, usize) {
        self.shared_data().size()
    }

    /// Value of a counter or gauge, count of a histogram's samples; the name is the one that the
    /// filter gave (Envoy shows it as `wasmcustom.<name>`).
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.stats().by_name(name.as_bytes())
    }

    pub(crate) fn shared_data(&self) -> MutexGuard<'_, SharedData> {
        lock(&self.shared_data)
    }

    pub(crate) fn queues(&self) -> MutexGuard<'_, Queues> {
        lock(&self.queues)
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        lock(&self.stats)
    }
}

impl Default for Process {
    /// No clusters, nobody answers, and the clock of [`Clock::default`].
    fn default() -> Self {
        let responder: Responder = Arc::new(|_| CalloutAnswer::Unreachable);
        Self::new(Arc::default(), BTreeSet::new(), responder)
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("clock", &self.clock)
            .field("clusters", &self.clusters)
            .finish_non_exhaustive()
    }
}

/// No holder of these locks can panic half-way, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
