//! Workers that write at the same time.

use super::super::counts::Tally;
use super::*;
use crate::host::{HostError, MetricType, Status};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// One value, shared by threads.
#[derive(Debug, Default)]
struct Racing {
    value: Mutex<Option<(Vec<u8>, u32)>>,
    /// Writes that fail from now on.
    failing: AtomicU32,
    lines: AtomicU32,
}

impl Clock for Racing {
    fn now(&self) -> Result<u64, HostError> {
        Ok(BEGIN)
    }
}

impl SharedData for Racing {
    fn shared(&self, _key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError> {
        Ok(self.value.lock().unwrap().clone())
    }

    fn set_shared(&self, _key: &[u8], value: &[u8], cas: u32) -> Result<(), HostError> {
        let mut held = self.value.lock().unwrap();
        let current = held.as_ref().map(|(_, cas)| *cas);
        let less = |count: u32| count.checked_sub(1);
        let fails = (self.failing)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok();
        if fails || current.is_some_and(|current| current != cas) {
            let (call, status) = ("proxy_set_shared_data", Status::CAS_MISMATCH);
            return Err(HostError::Status { call, status });
        }
        *held = Some((value.to_vec(), current.unwrap_or(0) + 1));
        Ok(())
    }
}

impl Log for Racing {
    fn log(&self, _level: LogLevel, _message: &str) {
        self.lines.fetch_add(1, Ordering::Relaxed);
    }
}

impl Metrics for Racing {
    fn define_metric(&self, _kind: MetricType, _name: &str) -> Result<u32, HostError> {
        Ok(0)
    }

    fn increment_metric(&self, _id: u32, _by: i64) -> Result<(), HostError> {
        Ok(())
    }

    fn record_metric(&self, _id: u32, _value: u64) -> Result<(), HostError> {
        Ok(())
    }
}

impl Racing {
    fn count(&self, guard: &Guard, variant: Variant, failed: bool) {
        let one = Counts::one(variant, failed, false);
        guard.unwritten.set(guard.unwritten.get().plus(one));
        guard.synchronise(self);
    }

    fn counted(&self) -> Counts {
        let held = self.value.lock().unwrap().clone();
        let bucket = guard("{}", &MockHost::default()).settings.bucket;
        let state = record::read(&held.unwrap_or_default().0, bucket);
        let window = state.window.until(BEGIN / bucket);
        window.fold(Counts::default(), Counts::plus)
    }
}

#[test]
#[cfg_attr(target_arch = "wasm32", ignore = "no threads")]
fn counts_add_up() {
    let racing = Racing::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let guard = guard("{}", &MockHost::default());
                for number in 0..1_000 {
                    racing.count(&guard, Variant::Stable, number % 10 == 0);
                }
                while guard.unwritten.get() != Counts::default() {
                    guard.synchronise(&racing);
                }
            });
        }
    });
    let stable = racing.counted().stable;
    let expected = Tally {
        responses: 4_000,
        failures: 400,
        slow: 0,
    };
    assert_eq!(stable, expected);
}

#[test]
#[cfg_attr(target_arch = "wasm32", ignore = "no threads")]
fn one_worker_backs_off() {
    let racing = Racing::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let guard = guard("{}", &MockHost::default());
                while guard.allowed(1.0, 0.0) > 0.0 {
                    racing.count(&guard, Variant::Canary, true);
                    racing.count(&guard, Variant::Stable, false);
                }
            });
        }
    });
    assert_eq!(racing.lines.load(Ordering::Relaxed), 1);
}

#[test]
fn what_cannot_be_written_is_kept() {
    let racing = Racing::default();
    let guard = guard("{}", &MockHost::default());
    racing.failing.store(ATTEMPTS, Ordering::Relaxed);
    racing.count(&guard, Variant::Canary, true);
    assert_eq!(racing.counted(), Counts::default());
    racing.failing.store(ATTEMPTS - 1, Ordering::Relaxed);
    racing.count(&guard, Variant::Canary, false);
    let canary = racing.counted().canary;
    assert_eq!((canary.responses, canary.failures), (2, 1));
}
