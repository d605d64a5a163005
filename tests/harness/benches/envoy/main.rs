//! CPU time per request of a real Envoy, side by side in one run: without a filter, with filters,
//! with Envoy's own limiter, and with the routes in Envoy's own list.
//! `cargo bench -p gwf --bench envoy [-- --quick] [-- --only limit]`
//!
//! Every request is answered by a direct response, so that what is measured is Envoy's filter chain
//! and not its upstream connections: the dispatch routes answer 200 where a bundle's would forward,
//! and the entry route answers 503, so that a filter which does nothing is noticed. Ten filters in a
//! row each fetch the headers, decide, write and clear the route cache; the route itself is matched
//! anew once, by the router behind them. So the row of a single filter has the re-match in it, and a
//! tenth of ten has a tenth of it.

#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../canaries.rs"]
mod canaries;
mod limited;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../limits.rs"]
mod limits;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../measure.rs"]
mod measure;
mod one_pass;
mod split;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../workload.rs"]
mod workload;

use std::time::Duration;

use gateway_filter_modules::{DO_NOTHING, GATEWAY, Module, ROUTE_MATCH};
use gateway_filter_sdk::router::BACKEND_HEADER;
use gateway_harness::envoy::{Binary, EnvoyHost, EnvoyOptions, WasmLog, find};
use gateway_harness::exchange::Exchange;
use gateway_harness::model::{Listener, Proxy, Route, RouteAction, VirtualHost, WasmFilter};
use gateway_harness::wasm_host::WasmCode;

use serde_json::Value;

use measure::{Cell, Measurement, Samples, budget, interleaved, is_quick, print_table};
use workload::{Match, Shape, route_name};

/// All routes on one host: Envoy hashes hosts and walks the routes of one.
const SHAPE: Shape = Shape::Prefixes;
/// Services behind the routes; each has a dispatch route.
const SERVICES: usize = 10;
/// Different requests of a sample, spread evenly over the routes.
const SPREAD: usize = 16;
const CONNECTIONS: usize = 4;

/// One Envoy to measure.
struct Subject {
    name: String,
    proxy: Proxy,
    /// Filters in a row.
    filters: usize,
    /// What differs between its routes, and which of them are asked for.
    shape: Shape,
    asked: Vec<usize>,
    /// Requests of one sample.
    requests: u64,
    /// CPU time that one filter may take, in µs.
    budget: Option<f64>,
    /// Envoy's own filters, in front.
    native: Vec<Value>,
}

fn main() -> Measurement<()> {
    let binary = find()?;
    let (rounds, divisor) = if is_quick() { (2, 40) } else { (11, 1) };
    let only = std::env::args()
        .skip_while(|argument| argument != "--only")
        .nth(1);
    let mut subjects = subjects();
    subjects.retain(|Subject { name, .. }| {
        let is_base = name == "no filter" || name.starts_with("do-nothing");
        is_base || only.as_ref().is_none_or(|only| name.contains(only))
    });
    let hosts = subjects
        .iter()
        .map(|subject| start(&binary, subject))
        .collect::<Measurement<Vec<_>>>()?;
    let mut cells: Vec<Cell> = subjects
        .iter()
        .zip(&hosts)
        .map(|(subject, host)| {
            let cell: Cell = Box::new(move || sample(host, subject, subject.requests / divisor));
            cell
        })
        .collect();
    let samples = interleaved(rounds, &mut cells)?;
    let base = samples.first().cloned().unwrap_or_default();
    let rows: Vec<_> = subjects
        .iter()
        .zip(&samples)
        .map(|(subject, samples)| row(subject, samples, &base))
        .collect();
    print_table(
        &format!("CPU time of Envoy {} per request (µs)", binary.version),
        [
            "Envoy with",
            "µs",
            "above none",
            "per filter",
            "to none",
            "budget",
        ],
        &rows,
    );
    Ok(())
}

fn row(subject: &Subject, samples: &Samples, base: &Samples) -> [String; 6] {
    let above = samples.above(base);
    let each = (subject.filters > 0).then(|| above / subject.filters as f64);
    [
        subject.name.clone(),
        format!("{:.1}", samples.median()),
        format!("{above:.1}"),
        each.map(|each| format!("{each:.2}")).unwrap_or_default(),
        format!("{:.2}", samples.ratio_to(base)),
        subject
            .budget
            .zip(each)
            .map(|(at_most, each)| budget(each, at_most, ""))
            .unwrap_or_default(),
    ]
}

fn subjects() -> Vec<Subject> {
    let mut subjects = vec![with_filters("no filter", 0, DO_NOTHING, 10)];
    for in_a_row in [1, 10] {
        subjects.push(with_filters(
            &format!("do-nothing × {in_a_row}"),
            in_a_row,
            DO_NOTHING,
            10,
        ));
    }
    for routes in [10, 1_000, 10_000] {
        for in_a_row in [1, 10] {
            let name = format!("route-match × {in_a_row}, {routes} routes");
            let mut subject = with_filters(&name, in_a_row, ROUTE_MATCH, routes);
            subject.budget = (in_a_row == 10).then_some(5.0);
            subjects.push(subject);
        }
    }
    subjects.extend(one_pass::subjects());
    subjects.extend(limited::subjects());
    subjects.extend(split::subjects());
    subjects.push(native("a random one", SHAPE, spread(10_000)));
    subjects.push(native("the last", SHAPE, vec![9_999]));
    subjects.push(native(
        "a random one, 1,000 hosts",
        Shape::Mixed,
        spread(10_000),
    ));
    subjects
}

fn with_filters(name: &str, in_a_row: usize, module: Module, routes: usize) -> Subject {
    filtered(
        name,
        in_a_row,
        module,
        SHAPE.configuration(routes, SERVICES),
        routes,
    )
}

fn filtered(
    name: &str,
    in_a_row: usize,
    module: Module,
    configuration: String,
    routes: usize,
) -> Subject {
    let filter = WasmFilter {
        name: "bench".into(),
        root_id: String::new(),
        module: WasmCode::from_static(module.name, module.bytes),
        configuration,
        fail_open: false,
    };
    let decides = in_a_row > 0 && [ROUTE_MATCH, GATEWAY].contains(&module);
    Subject {
        name: name.into(),
        proxy: Proxy {
            listeners: vec![listener(vec![VirtualHost {
                name: "shop/gateway/http/*".into(),
                domains: vec!["*".into()],
                routes: dispatch_and_entry(if decides { 503 } else { 200 }),
            }])],
            filters: vec![filter; in_a_row],
            ..Proxy::default()
        },
        filters: in_a_row,
        shape: SHAPE,
        asked: spread(routes),
        requests: 16_000,
        budget: None,
        native: Vec::new(),
    }
}

/// The same routes, each a route of Envoy.
fn native(asked_for: &str, shape: Shape, asked: Vec<usize>) -> Subject {
    let mut hosts: Vec<VirtualHost> = Vec::new();
    for number in 0..10_000 {
        let (host, route) = native_route(shape, number);
        match hosts.last_mut().filter(|last| last.name == host) {
            Some(last) => last.routes.push(route),
            None => hosts.push(VirtualHost {
                name: host.clone(),
                domains: vec![host],
                routes: vec![route],
            }),
        }
    }
    // Of the routes for one path, that with a header goes before that without.
    for host in &mut hosts {
        host.routes.sort_by_key(|route| route.headers.is_empty());
    }
    let requests = if shape == SHAPE { 640 } else { 16_000 };
    Subject {
        name: format!("10,000 routes of its own, {asked_for}"),
        proxy: Proxy {
            listeners: vec![listener(hosts)],
            ..Proxy::default()
        },
        filters: 0,
        shape,
        asked,
        requests,
        budget: None,
        native: Vec::new(),
    }
}

fn native_route(shape: Shape, number: usize) -> (String, Route) {
    let Match {
        host,
        path,
        version,
    } = shape.route(number);
    let header = version.map(|version| ("x-version".to_owned(), version.to_owned()));
    let route = Route {
        name: route_name(number),
        prefix: path,
        headers: header
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
        filters_enabled: false,
        action: RouteAction::DirectResponse(200),
    };
    (host, route)
}

fn spread(routes: usize) -> Vec<usize> {
    (0..SPREAD)
        .map(|number| (number * routes / SPREAD + routes / SPREAD / 2).min(routes - 1))
        .collect()
}

fn listener(virtual_hosts: Vec<VirtualHost>) -> Listener {
    Listener {
        port: 80,
        virtual_hosts,
        ..Listener::default()
    }
}

/// A virtual host's routes as a bundle has them.
fn dispatch_and_entry(undecided: u16) -> Vec<Route> {
    let dispatch = (0..SERVICES).map(|service| Route {
        name: format!("dispatch/{service}"),
        prefix: "/".into(),
        headers: vec![(
            BACKEND_HEADER.into(),
            format!("shop/service-{service}:8080").into(),
        )],
        filters_enabled: true,
        action: RouteAction::DirectResponse(200),
    });
    let entry = Route {
        name: "entry".into(),
        prefix: "/".into(),
        headers: Vec::new(),
        filters_enabled: true,
        action: RouteAction::DirectResponse(undecided),
    };
    dispatch.chain([entry]).collect()
}

fn start(binary: &Binary, subject: &Subject) -> Measurement<EnvoyHost> {
    let options = EnvoyOptions {
        wasm_log: WasmLog::Warning,
        start_timeout: Duration::from_secs(300),
        native_filters: subject.native.clone(),
        ..EnvoyOptions::default()
    };
    Ok(EnvoyHost::start(binary, &subject.proxy, &options)?)
}

/// CPU time per request, in microseconds.
fn sample(host: &EnvoyHost, subject: &Subject, requests: u64) -> Measurement<f64> {
    let each = (requests / subject.asked.len() as u64).max(1);
    let before = host.cpu_time()?;
    for &route in &subject.asked {
        let load = host.load(CONNECTIONS, each, &[exchange(subject.shape, route)])?;
        if load.by_status.keys().any(|status| *status != 200) {
            return Err(format!("{}: {:?}", subject.name, load.by_status).into());
        }
    }
    let spent = host.cpu_time()?.saturating_sub(before);
    Ok(spent.as_secs_f64() * 1e6 / (each * subject.asked.len() as u64) as f64)
}

fn exchange(shape: Shape, route: usize) -> Exchange {
    let headers = limits::identified(shape.request(route), 7);
    let pseudo = |name: &str| headers.get(name.as_bytes()).unwrap_or_default().to_vec();
    let authority = String::from_utf8_lossy(&pseudo(":authority")).into_owned();
    Exchange {
        headers: headers.regular(),
        ..Exchange::get(&authority, pseudo(":path"))
    }
}
