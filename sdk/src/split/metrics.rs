//! What a canary reports.

use super::spec::Variant;
use crate::host::{Host, HostError, MetricType, Metrics};
use std::cell::Cell;

/// `canary.<name>.requests_canary`, `.requests_stable`, and the gauge `.share_ppm`: the canary's present
/// share in millionths.
#[derive(Debug)]
pub(super) struct Counters {
    canary: (u32, Cell<i64>),
    stable: (u32, Cell<i64>),
    share: u32,
    reported: Cell<Option<u64>>,
}

impl Counters {
    pub(super) fn define(host: &dyn Host, name: &str) -> Result<Self, HostError> {
        let define = |kind, what: &str| host.define_metric(kind, &format!("canary.{name}.{what}"));
        Ok(Counters {
            canary: (
                define(MetricType::Counter, "requests_canary")?,
                Cell::new(0),
            ),
            stable: (
                define(MetricType::Counter, "requests_stable")?,
                Cell::new(0),
            ),
            share: define(MetricType::Gauge, "share_ppm")?,
            reported: Cell::new(None),
        })
    }

    /// Counts a request, to be reported later: a hostcall for each would cost more than the choice.
    pub(super) fn count(&self, side: Variant) {
        let (_, count) = match side {
            Variant::Canary => &self.canary,
            Variant::Stable => &self.stable,
        };
        count.set(count.get().saturating_add(1));
    }

    /// Reports what was counted, and the share if it has changed.
    pub(super) fn report(&self, share: f64, host: &(impl Metrics + ?Sized)) {
        for (metric, count) in [&self.canary, &self.stable] {
            let counted = count.take();
            if counted > 0 && host.increment_metric(*metric, counted).is_err() {
                count.set(counted);
            }
        }
        let share = (share * 1e6).round() as u64;
        if self.reported.replace(Some(share)) != Some(share) {
            // A metric that the host refuses must not stop the tick.
            let _ = host.record_metric(self.share, share);
        }
    }
}
