//! The embedded host in front of a proxy, and requests for it: for several test targets.

use std::sync::{Arc, LazyLock};

use gateway_harness::chain::{Admission, EmbeddedEnvoy, EmbeddedOptions};
use gateway_harness::exchange::Exchange;
use gateway_harness::model::Proxy;
use gateway_harness::wasm_host::{Clock, Deadline, EnvoyVersion, Runtime};

/// Compiles a module once for all tests.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap());

/// An Envoy, and its clock.
pub(crate) fn envoy(
    proxy: &Proxy,
    workers: usize,
    admission: Admission,
) -> (EmbeddedEnvoy, Arc<Clock>) {
    let clock = Arc::new(Clock::default());
    let options = EmbeddedOptions {
        workers,
        admission,
        clock: Arc::clone(&clock),
        ..EmbeddedOptions::default()
    };
    let envoy = EmbeddedEnvoy::new(&RUNTIME, proxy, &options).unwrap();
    (envoy, clock)
}

pub(crate) fn get(path: &[u8], headers: &[(&str, &[u8])]) -> Exchange {
    let owned = |(name, value): &(&str, &[u8])| ((*name).into(), value.to_vec());
    Exchange {
        headers: headers.iter().map(owned).collect(),
        ..Exchange::get("x.example", path)
    }
}
