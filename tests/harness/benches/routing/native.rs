//! The router alone, in machine code: does the number of routes show?

use std::hint::black_box;
use std::time::Instant;

use gateway_filter_sdk::host::Pairs;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::spec::RouteMatchSpec;
use gateway_filter_sdk::router::{Decision, Router};
use gateway_harness::wasm_host::HeaderMap;

use crate::measure::{
    Cell, Measurement, Samples, budget, interleaved, is_quick, median, print_table,
};
use crate::workload::{Shape, route_name};

const SHAPES: [Shape; 4] = [Shape::Prefixes, Shape::Exact, Shape::Hosts, Shape::Mixed];
/// Sizes of a table, and how many of its routes are asked for. A gateway's traffic goes to some of
/// its routes; when it goes to 10,000 in turn, each is fetched from far out in memory anew, whatever
/// the index.
const TABLES: [(usize, usize); 5] = [
    (10, 10),
    (100, 100),
    (1_000, 1_000),
    (10_000, 100),
    (10_000, 10_000),
];
/// As many requests for every table, so that they take up as much cache.
const REQUESTS: usize = 10_000;
/// Requests that are read, then decided under one clock: a request has just been read when it is
/// decided, so it must not be what is fetched from memory.
const BATCH: usize = 50;

/// Measures and prints.
pub fn run() -> Measurement<()> {
    let rounds = if is_quick() { 3 } else { 41 };
    let mut rows = Vec::new();
    for shape in SHAPES {
        let cells = TABLES.map(|(routes, asked)| cell(shape, routes, asked));
        let mut cells = cells.into_iter().collect::<Measurement<Vec<_>>>()?;
        rows.push(row(shape, &interleaved(rounds, &mut cells)?));
    }
    print_table(
        "One decision, natively (ns; requests spread over the routes)",
        [
            "routes",
            "10",
            "100",
            "1,000",
            "10,000, 100 asked for",
            "10,000, all asked for",
            "1,000",
            "10,000 / 10",
            "all asked for",
        ],
        &rows,
    );
    Ok(())
}

fn row(shape: Shape, samples: &[Samples]) -> [String; 9] {
    let [ten, hundred, thousand, some, all] =
        std::array::from_fn(|at| samples.get(at).cloned().unwrap_or_default());
    let ratio = some.ratio_to(&ten);
    let text = |samples: &Samples| format!("{:.0}", samples.median());
    [
        shape.name().into(),
        text(&ten),
        text(&hundred),
        text(&thousand),
        text(&some),
        text(&all),
        budget(thousand.median(), 300.0, ""),
        format!("{ratio:.2}, {}", budget(ratio, 1.3, "")),
        format!("{:.2}", all.ratio_to(&ten)),
    ]
}

/// A sample is the time of a decision in nanoseconds.
fn cell(shape: Shape, routes: usize, asked: usize) -> Measurement<Cell<'static>> {
    let spec: RouteMatchSpec = serde_json::from_str(&shape.configuration(routes, 10))?;
    let router = Router::try_from(spec)?;
    let mut order: Vec<usize> = (0..REQUESTS)
        .map(|number| number % asked * (routes / asked))
        .collect();
    fastrand::Rng::with_seed(1).shuffle(&mut order);
    let requests: Vec<HeaderMap> = order.iter().map(|&route| shape.request(route)).collect();
    check(&router, &order, &requests)?;
    Ok(Box::new(move || {
        // The table as it lies in the caches when nothing else is done.
        pass(&router, &requests);
        Ok(pass(&router, &requests))
    }))
}

/// The median of the batches: where other processes take the core away, a batch takes a thousand
/// times as long.
fn pass(router: &Router, requests: &[HeaderMap]) -> f64 {
    let times = requests.chunks(BATCH).map(|batch| {
        let pairs: Vec<Pairs> = batch
            .iter()
            .map(|headers| Pairs::encode(headers.iter()))
            .collect();
        let heads: Vec<RequestHead> = pairs
            .iter()
            .map(|pairs| RequestHead::new(pairs.iter()))
            .collect();
        let since = Instant::now();
        for head in &heads {
            black_box(decide(router, black_box(head)));
        }
        since.elapsed().as_nanos() as f64 / BATCH as f64
    });
    median(times.collect())
}

fn decide<'r>(router: &'r Router, head: &RequestHead) -> Decision<'r> {
    router.decide(router.listener_for(None, &head.host()), head, || 0)
}

/// A benchmark of wrong answers is worth nothing.
fn check(router: &Router, order: &[usize], requests: &[HeaderMap]) -> Measurement<()> {
    for (&route, headers) in order.iter().zip(requests) {
        let decision = decide(router, &RequestHead::new(headers.iter()));
        let name = decision
            .applied
            .map_or("none", |applied| router.route_name(applied));
        if name != route_name(route) {
            return Err(format!("{headers:?}: {name} instead of {}", route_name(route)).into());
        }
    }
    Ok(())
}
