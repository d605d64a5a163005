//! One filter in the embedded host, timed in batches.

use std::time::{Duration, Instant};

use crate::filter_bench::{FilterBench, Measured};
use gateway_filter_modules::Module;
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, HeaderMap, Runtime, WasmCode};

use crate::measure::{
    Cell, Measurement, Samples, budget, interleaved, is_quick, median, print_table,
};

/// Requests under one clock; they are built before it starts, and dropped after it has stopped.
const BATCH: usize = 50;
/// Batches of one sample, of which the median counts.
const BATCHES: usize = 20;
/// Requests whose instructions are averaged.
const COUNTED: usize = 1_000;
/// Microseconds and hostcalls that a request may take.
const BUDGET: (f64, f64) = (3.0, 4.0);

const COLUMNS: [&str; 8] = [
    "with",
    "µs",
    "budget",
    "above do-nothing",
    "to do-nothing",
    "fuel",
    "hostcalls",
    "budget",
];

/// The row of a filter: the samples of its time, and what it takes on a runtime that counts
/// instructions.
fn row(
    subject: &impl Subject,
    counted: &Runtime,
    samples: &Samples,
    base: &Samples,
) -> Measurement<[String; 8]> {
    let mut bench = subject.load(counted)?;
    let (mut fuel, mut hostcalls) = (0, 0);
    for number in 0..COUNTED {
        let measured = request(&mut bench, subject.request(number))?;
        if measured.reply.is_some() != subject.refuses() {
            return Err(format!("{}: {:?}", subject.name(), measured.reply).into());
        }
        fuel += measured.fuel;
        hostcalls = hostcalls.max(measured.hostcalls.iter().map(|(_, count)| count).sum());
    }
    let time = samples.median();
    Ok([
        subject.name().into(),
        format!("{time:.2}"),
        budget(time, BUDGET.0, ""),
        format!("{:.2}", samples.above(base)),
        format!("{:.2}", samples.ratio_to(base)),
        (fuel / COUNTED as u64).to_string(),
        hostcalls.to_string(),
        budget(hostcalls.into(), BUDGET.1, ""),
    ])
}

/// A filter as it is to be measured.
pub trait Subject {
    /// What its row is called.
    fn name(&self) -> &str;
    /// The filter with its configuration.
    fn load(&self, runtime: &Runtime) -> Measurement<FilterBench>;
    /// The request of that number.
    fn request(&self, number: usize) -> HeaderMap;
    /// Whether requests are answered instead of passed on.
    fn refuses(&self) -> bool {
        false
    }
}

/// A request through each of `subjects`, the first of which is what others are compared with: time,
/// instructions, hostcalls.
pub fn requests(title: &str, subjects: &[impl Subject]) -> Measurement<()> {
    let (timed, counted) = (timed()?, counted()?);
    let mut cells = Vec::new();
    for subject in subjects {
        let cell: Cell = time(subject.load(&timed)?, |number| subject.request(number));
        cells.push(cell);
    }
    let samples = interleaved(if is_quick() { 3 } else { 41 }, &mut cells)?;
    let base = samples.first().cloned().unwrap_or_default();
    let mut rows = Vec::with_capacity(subjects.len());
    for (subject, samples) in subjects.iter().zip(&samples) {
        rows.push(row(subject, &counted, samples, &base)?);
    }
    let title =
        format!("One request through {title}, wasmtime (all callbacks, from creation to deletion)");
    print_table(&title, COLUMNS, &rows);
    Ok(())
}

/// What many requests, each of a client of its own, add to linear memory.
pub fn memory(
    title: &str,
    mut bench: FilterBench,
    requests: usize,
    headers: impl Fn(usize) -> HeaderMap,
) -> Measurement<()> {
    let configured = bench.vm().memory_size();
    for number in 0..requests {
        request(&mut bench, headers(number))?;
    }
    let growth = bench.vm().memory_size() - configured;
    print_table(
        &format!("Linear memory of {title} ({requests} requests, a client each)"),
        ["MiB", "growth, bytes", "budget"],
        &[[
            format!("{:.2}", configured as f64 / 1_048_576.0),
            growth.to_string(),
            budget(growth as f64, 0.0, ""),
        ]],
    );
    Ok(())
}

fn runtime(deadline: Deadline) -> Measurement<Runtime> {
    Runtime::new(EnvoyVersion::default(), deadline)
        .map_err(|error| format!("wasmtime: {error:#}").into())
}

/// Counts nothing, so nothing but the work takes time.
pub fn timed() -> Measurement<Runtime> {
    runtime(Deadline::Time(Duration::from_secs(60)))
}

/// Counts instructions.
pub fn counted() -> Measurement<Runtime> {
    runtime(Deadline::default())
}

/// A filter with its configuration.
pub fn load(runtime: &Runtime, module: Module, configuration: &str) -> Measurement<FilterBench> {
    Ok(FilterBench::load(
        runtime,
        &WasmCode::from_static(module.name, module.bytes),
        configuration,
    )?)
}

/// All callbacks of one request.
pub fn request(bench: &mut FilterBench, headers: HeaderMap) -> Measurement<Measured> {
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

fn time_batch(bench: &mut FilterBench, requests: Vec<HeaderMap>) -> Measurement<f64> {
    let mut measured = Vec::with_capacity(requests.len());
    let since = Instant::now();
    for headers in requests {
        measured.push(request(bench, headers)?);
    }
    Ok(since.elapsed().as_secs_f64() * 1e6 / measured.len() as f64)
}
