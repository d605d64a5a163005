//! One filter in the embedded host, timed in batches.

use std::path::Path;
use std::time::{Duration, Instant};

use gwf::abi::{Deadline, EnvoyVersion, HeaderMap, Runtime};
use gwf::chain::{FilterBench, Measured};

use crate::measure::{Cell, Outcome, median};

/// Requests under one clock; they are built before it starts, and dropped after it has stopped.
const BATCH: usize = 50;
/// Batches of one sample, of which the median counts.
const BATCHES: usize = 20;

fn runtime(deadline: Deadline) -> Outcome<Runtime> {
    Runtime::new(EnvoyVersion::default(), deadline)
        .map_err(|error| format!("wasmtime: {error:#}").into())
}

/// Counts nothing, so nothing but the work takes time.
pub fn timed() -> Outcome<Runtime> {
    runtime(Deadline::Time(Duration::from_secs(60)))
}

/// Counts instructions.
pub fn counted() -> Outcome<Runtime> {
    runtime(Deadline::default())
}

/// A filter with its configuration.
pub fn load(runtime: &Runtime, module: &str, configuration: &str) -> Outcome<FilterBench> {
    Ok(FilterBench::load(
        runtime,
        Path::new(module),
        configuration,
    )?)
}

/// All callbacks of one request.
pub fn request(bench: &mut FilterBench, headers: HeaderMap) -> Outcome<Measured> {
    bench
        .request(headers)
        .map_err(|failure| failure.to_string().into())
}

/// Samples of the time of a request, in microseconds; `headers` makes the request of a number.
pub fn time<'r>(mut bench: FilterBench, headers: impl Fn(usize) -> HeaderMap + 'r) -> Cell<'r> {
    let mut from = 0;
    Box::new(move || {
        let mut times = Vec::with_capacity(BATCHES);
        for _ in 0..BATCHES {
            let requests = (from..from + BATCH).map(&headers).collect();
            times.push(time_batch(&mut bench, requests)?);
            from += BATCH;
        }
        Ok(median(times))
    })
}

fn time_batch(bench: &mut FilterBench, requests: Vec<HeaderMap>) -> Outcome<f64> {
    let mut measured = Vec::with_capacity(requests.len());
    let since = Instant::now();
    for headers in requests {
        measured.push(request(bench, headers)?);
    }
    Ok(since.elapsed().as_secs_f64() * 1e6 / measured.len() as f64)
}
