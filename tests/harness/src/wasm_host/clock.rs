//! Virtual time, shared by all workers: it moves only when it is told to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Nanoseconds since the Unix epoch, as every hostcall and WASI clock reports them.
#[derive(Debug)]
pub struct Clock(AtomicU64);

impl Clock {
    /// A clock that stands at `since_epoch`.
    pub fn at(since_epoch: Duration) -> Self {
        Self(AtomicU64::new(nanoseconds(since_epoch)))
    }

    /// Time since the Unix epoch.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds())
    }

    /// Time since the Unix epoch, in nanoseconds.
    pub fn nanoseconds(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Lets time pass. No tick is fired by it; see `EmbeddedEnvoy::advance` for that.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanoseconds(by), Ordering::SeqCst);
    }
}

impl Default for Clock {
    /// 2026-01-01T00:00:00Z: a fixed instant, so that runs repeat.
    fn default() -> Self {
        Self::at(Duration::from_secs(1_767_225_600))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
