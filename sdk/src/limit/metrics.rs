//! What a rule counts of itself, for Prometheus.

use crate::host::{HostError, MetricType, Metrics};
use std::cell::Cell;

/// The counters of one rule: `rate_limit.<policy>.<rule>.<what>`, which Envoy's Prometheus endpoint
/// shows as `rate_limit_<policy>_<rule>_<what>`.
#[derive(Debug)]
pub(super) struct Counters {
    allowed: u32,
    /// Requests that passed since the last tick: a hostcall for each would cost more than the limit.
    unreported: Cell<i64>,
    pub(super) limited: u32,
    pub(super) shadowed: u32,
    pub(super) errors: u32,
    pub(super) evictions: u32,
    pub(super) overflow: u32,
}

impl Counters {
    pub(super) fn define(
        host: &(impl Metrics + ?Sized),
        policy: &str,
        rule: &str,
    ) -> Result<Self, HostError> {
        let define = |what: &str| {
            let name = format!("rate_limit.{policy}.{rule}.{what}");
            host.define_metric(MetricType::Counter, &name)
        };
        Ok(Counters {
            allowed: define("allowed")?,
            unreported: Cell::new(0),
            limited: define("limited")?,
            shadowed: define("shadowed")?,
            errors: define("errors")?,
            evictions: define("evictions")?,
            overflow: define("overflow")?,
        })
    }

    pub(super) fn allowed(&self) {
        self.unreported.set(self.unreported.get().saturating_add(1));
    }

    /// Reports what passed since the last time.
    pub(super) fn flush(&self, host: &(impl Metrics + ?Sized)) {
        let passed = self.unreported.take();
        if passed > 0 && host.increment_metric(self.allowed, passed).is_err() {
            self.unreported.set(passed);
        }
    }
}

/// Adds one. A counter that the host refuses must not refuse a request.
pub(super) fn count(host: &(impl Metrics + ?Sized), counter: u32) {
    let _ = host.increment_metric(counter, 1);
}
