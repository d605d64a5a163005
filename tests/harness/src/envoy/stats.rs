//! What a running Envoy says of its filters: what they have counted, and whether one trapped.

use std::thread;
use std::time::{Duration, Instant};

use super::{EnvoyError, EnvoyHost, client};

/// Within this every filter has reported what it counts: the slowest tick is a second.
const TICKS: Duration = Duration::from_secs(5);
/// The pause between two looks at a metric.
const LOOK: Duration = Duration::from_millis(50);

impl EnvoyHost {
    /// The present value of a counter or gauge, by its name in `/stats`; a filter's own have
    /// `wasmcustom.` in front.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::NoAnswer`] of the admin interface.
    pub fn stat(&self, name: &str) -> Result<Option<u64>, EnvoyError> {
        let answer = self.runtime.block_on(client::get(self.admin, "/stats"))?;
        let body = String::from_utf8_lossy(&answer.body);
        let mut stats = body.lines().filter_map(|line| line.split_once(": "));
        let found = stats.find(|(stat, _)| *stat == name);
        Ok(found.and_then(|(_, value)| value.parse().ok()))
    }

    /// The value of a filter's counter or gauge, as soon as it is `awaited`, or what it is 5 s later: filters
    /// report some of them at their ticks only.
    ///
    /// # Errors
    ///
    /// [`EnvoyError::NoAnswer`] of the admin interface.
    pub fn metric(&self, name: &str, awaited: u64) -> Result<Option<u64>, EnvoyError> {
        let since = Instant::now();
        loop {
            let value = self.stat(&format!("wasmcustom.{name}"))?;
            if value == Some(awaited) || since.elapsed() > TICKS {
                return Ok(value);
            }
            thread::sleep(LOOK);
        }
    }

    /// The line in which Envoy has logged the trap of a VM, if one trapped:
    /// `Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable`.
    #[must_use]
    pub fn vm_failure(&self) -> Option<String> {
        let is_trap = |line: &String| line.contains("Function: ") && line.contains(" failed: ");
        self.log().into_iter().find(is_trap)
    }
}
