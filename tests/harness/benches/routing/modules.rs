//! The compiled modules in the embedded host.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use crate::filter_bench::FilterBench;
use gateway_filter_modules::{CANARY, DO_NOTHING, Module, RATE_LIMIT, ROUTE_MATCH};
use gateway_harness::wasm_host::{Plugin, Runtime, WasmCode};

use crate::filter;
use crate::measure::{Cell, Measurement, Samples, budget, interleaved, is_quick, print_table};
use crate::workload::{Shape, route_name};

/// Requests whose instructions are averaged.
const COUNTED: usize = 1_000;
const SHAPE: Shape = Shape::Mixed;

/// A module and the number of routes it is configured with.
const SUBJECTS: [(&str, Module, usize); 4] = [
    ("do-nothing", DO_NOTHING, 0),
    ("route-match, 10 routes", ROUTE_MATCH, 10),
    ("route-match, 1,000 routes", ROUTE_MATCH, 1_000),
    ("route-match, 10,000 routes", ROUTE_MATCH, 10_000),
];

fn load(runtime: &Runtime, module: Module, routes: usize) -> Measurement<FilterBench> {
    filter::load(runtime, module, &SHAPE.configuration(routes, 10))
}

/// The route of the request of a number: they are spread evenly.
fn asked(routes: usize, number: usize) -> usize {
    number.wrapping_mul(7919) % routes.max(1)
}

/// A request through one filter: time, instructions, hostcalls.
pub fn requests() -> Measurement<()> {
    let (timed, counted) = (filter::timed()?, filter::counted()?);
    let cells = SUBJECTS.map(|(_, module, routes)| time(&timed, module, routes));
    let mut cells = cells.into_iter().collect::<Measurement<Vec<Cell>>>()?;
    let samples = interleaved(if is_quick() { 3 } else { 41 }, &mut cells)?;
    let base = samples.first().cloned().unwrap_or_default();
    let mut rows = Vec::new();
    for ((name, module, routes), samples) in SUBJECTS.into_iter().zip(&samples) {
        rows.push(request_row(name, &counted, module, routes, samples, &base)?);
    }
    print_table(
        "One request through one filter, wasmtime (all callbacks, from creation to deletion)",
        [
            "filter",
            "µs",
            "budget",
            "to do-nothing",
            "fuel",
            "hostcalls",
            "budget",
        ],
        &rows,
    );
    Ok(())
}

fn time<'r>(runtime: &'r Runtime, module: Module, routes: usize) -> Measurement<Cell<'r>> {
    let bench = load(runtime, module, routes)?;
    Ok(filter::time(bench, move |number| {
        SHAPE.request(asked(routes, number))
    }))
}

fn request_row(
    name: &str,
    counted: &Runtime,
    module: Module,
    routes: usize,
    samples: &Samples,
    base: &Samples,
) -> Measurement<[String; 7]> {
    let mut bench = load(counted, module, routes)?;
    let (mut fuel, mut hostcalls) = (0, 0);
    for number in 0..COUNTED {
        let route = asked(routes, number);
        let measured = filter::request(&mut bench, SHAPE.request(route))?;
        let named = measured.stream.request_headers.get(b"x-gateway-route");
        let wanted = route_name(route);
        if routes > 0 && !named.is_some_and(|named| named.starts_with(wanted.as_bytes())) {
            return Err(format!("{name}: {named:?} instead of {wanted}").into());
        }
        fuel += measured.fuel;
        hostcalls = hostcalls.max(measured.hostcalls.iter().map(|(_, count)| count).sum());
    }
    let time = samples.median();
    Ok([
        name.into(),
        format!("{time:.2}"),
        budget(time, 3.0, ""),
        format!("{:.2}", samples.ratio_to(base)),
        (fuel / COUNTED as u64).to_string(),
        hostcalls.to_string(),
        budget(hostcalls.into(), 4.0, ""),
    ])
}

/// The size of the modules, as built and as they are shipped.
pub fn sizes() -> Measurement<()> {
    let folder = tempfile::tempdir()?;
    let mut rows = Vec::new();
    for module in [DO_NOTHING, ROUTE_MATCH, RATE_LIMIT, CANARY] {
        let built = module.bytes.len() as f64 / 1e3;
        let input = folder.path().join(module.name);
        std::fs::write(&input, module.bytes)?;
        let (optimized, verdict) = match wasm_opt(&input, &input.with_extension("wasm"))? {
            Some(size) => (format!("{:.0}", size / 1e3), budget(size / 1e3, 150.0, "")),
            None => ("no wasm-opt here".into(), budget(built, 150.0, "")),
        };
        rows.push([
            module.name.into(),
            format!("{built:.0}"),
            optimized,
            verdict,
        ]);
    }
    print_table(
        "Module size (KB)",
        ["module", "as built", "after wasm-opt -Os", "budget"],
        &rows,
    );
    Ok(())
}

/// Size after `wasm-opt`, if it is on the PATH or among the workspace's Node modules.
fn wasm_opt(module: &Path, output: &Path) -> Measurement<Option<f64>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules/.bin/wasm-opt");
    let program = if own.is_file() {
        own
    } else {
        "wasm-opt".into()
    };
    let mut command = Command::new(program);
    command.args(["-Os", "--enable-bulk-memory", "--enable-sign-ext"]);
    command.args([
        "--enable-nontrapping-float-to-int",
        "--enable-mutable-globals",
    ]);
    command
        .args(["--strip-debug", "--strip-producers", "-o"])
        .arg(output)
        .arg(module);
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
        Ok(done) if done.status.success() => Ok(Some(std::fs::metadata(output)?.len() as f64)),
        Ok(done) => Err(String::from_utf8_lossy(&done.stderr).into()),
    }
}

/// How long a configuration takes, the start of its VM included.
pub fn configuration() -> Measurement<()> {
    const SIZES: [usize; 3] = [10, 1_000, 10_000];
    let runtime = filter::timed()?;
    let mut cells = SIZES
        .map(|routes| configure(&runtime, routes))
        .into_iter()
        .collect::<Measurement<Vec<_>>>()?;
    let samples = interleaved(if is_quick() { 1 } else { 11 }, &mut cells)?;
    let rows: Vec<_> = SIZES
        .iter()
        .zip(&samples)
        .map(|(routes, samples)| {
            let time = samples.median();
            let verdict = if *routes == 1_000 {
                budget(time, 20.0, "")
            } else {
                String::new()
            };
            [routes.to_string(), format!("{time:.1}"), verdict]
        })
        .collect();
    print_table(
        "Start and configuration of route-match (ms)",
        ["routes", "ms", "budget"],
        &rows,
    );
    Ok(())
}

fn configure(runtime: &Runtime, routes: usize) -> Measurement<Cell<'static>> {
    let module = runtime.load(&WasmCode::from_static(ROUTE_MATCH.name, ROUTE_MATCH.bytes))?;
    let configuration = SHAPE.configuration(routes, 10).into_bytes();
    Ok(Box::new(move || {
        let plugin = Plugin {
            configuration: configuration.clone(),
            ..Plugin::default()
        };
        let since = Instant::now();
        let bench = FilterBench::start(&module, &Arc::default(), plugin)?;
        let spent = since.elapsed();
        drop(bench);
        Ok(spent.as_secs_f64() * 1e3)
    }))
}

/// Linear memory after the configuration, and what many requests add to it.
pub fn memory(requests: usize) -> Measurement<()> {
    const MIB: f64 = 1024.0 * 1024.0;
    let runtime = filter::timed()?;
    let mut rows = Vec::new();
    for routes in [10, 100, 1_000, 10_000] {
        let mut bench = load(&runtime, ROUTE_MATCH, routes)?;
        let configured = bench.vm().memory_size();
        for number in 0..requests {
            filter::request(&mut bench, SHAPE.request(asked(routes, number)))?;
        }
        let growth = bench.vm().memory_size() - configured;
        let size = configured as f64 / MIB;
        let verdict = if routes == 100 {
            budget(size, 1.5, "")
        } else {
            String::new()
        };
        rows.push([
            routes.to_string(),
            format!("{size:.2}"),
            verdict,
            growth.to_string(),
            budget(growth as f64, 0.0, ""),
        ]);
    }
    print_table(
        &format!("Linear memory of route-match (growth over {requests} requests)"),
        ["routes", "MiB", "budget", "growth, bytes", "budget"],
        &rows,
    );
    Ok(())
}
