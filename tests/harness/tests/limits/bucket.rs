//! What a limit means, in the plainest way: the model that the module is compared with.

use std::time::Duration;

/// A token bucket in integers that round nothing: a request is as many units as there are nanoseconds
/// in the unit of time, and each nanosecond brings as many units as there are requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) requests: u64,
    pub(crate) per: Duration,
    pub(crate) burst: u64,
}

/// The bucket of one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    units: u128,
    at: Duration,
}

impl Limit {
    /// A full bucket.
    pub(crate) fn bucket(&self) -> Bucket {
        Bucket {
            units: self.capacity(),
            at: Duration::ZERO,
        }
    }

    fn capacity(&self) -> u128 {
        u128::from(self.burst) * self.per.as_nanos()
    }
}

impl Bucket {
    /// Whether a request finds room; time does not go back.
    pub(crate) fn has_room(&mut self, limit: &Limit, now: Duration) -> bool {
        let refilled = (now - self.at).as_nanos() * u128::from(limit.requests);
        self.units = limit.capacity().min(self.units + refilled);
        self.at = now;
        self.units >= limit.per.as_nanos()
    }

    /// Takes a request that found room.
    pub(crate) fn take(&mut self, limit: &Limit) {
        self.units -= limit.per.as_nanos();
    }
}
