//! Every scenario of the repository on every host, each a test of its own: `path-routing::core`,
//! `path-routing::wasmtime`, `path-routing::envoy`; and with headers that a client forged, with
//! (`…::forged::…`) and without (`…::alone`) what takes these off before the first match.

#[allow(dead_code, reason = "each target uses a part of it")]
mod built;
mod required_envoy;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use gateway_harness::exchange::{Answer, Exchange, Seen};
use gateway_harness::host::{Host, HostError, HostKind};
use gateway_harness::hosts::{HostOptions, Hosts};
use gateway_harness::report::{Conditions, Tally, text};
use gateway_harness::runner::Runner;
use gateway_harness::scenario::{self, GatewayRef, Scenario};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

/// How all scenarios are run once.
struct Run {
    name: &'static str,
    host: HostKind,
    hosts: Arc<Hosts>,
    /// What a client writes into the headers of the filters must change nothing.
    forging: bool,
}

impl Run {
    fn new(name: &'static str, host: HostKind, hosts: &Arc<Hosts>, forging: bool) -> Self {
        let hosts = Arc::clone(hosts);
        Self {
            name,
            host,
            hosts,
            forging,
        }
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::from_args();
    // Each has its own counters in a rate limit service.
    let [hosts, forged] = [
        HostOptions::new(built::filters()),
        HostOptions::new(built::filters()),
    ]
    .map(Hosts::new);
    let alone = Hosts::new(HostOptions {
        early_removal: false,
        ..HostOptions::new(built::filters())
    });
    let [hosts, forged, alone] = [hosts, forged, alone].map(|hosts| hosts.map(Arc::new));
    let (hosts, forged, alone) = (hosts?, forged?, alone?);
    let runs = [
        Run::new("core", HostKind::Core, &hosts, false),
        Run::new("wasmtime", HostKind::Wasmtime, &hosts, false),
        Run::new("envoy", HostKind::Envoy, &hosts, false),
        Run::new("forged::wasmtime", HostKind::Wasmtime, &forged, true),
        Run::new("forged::wasmtime::alone", HostKind::Wasmtime, &alone, true),
        Run::new("forged::envoy::alone", HostKind::Envoy, &alone, true),
    ];
    let without_envoy = required_envoy::find().is_none();
    let mut trials = Vec::new();
    let mut folders: Vec<_> =
        fs::read_dir(fs::canonicalize(SCENARIOS)?)?.collect::<Result<_, _>>()?;
    folders.sort_by_key(fs::DirEntry::file_name);
    let runs = runs.map(Arc::new);
    for folder in folders {
        for run in &runs {
            let name = format!("{}::{}", folder.file_name().display(), run.name);
            let (run, path) = (Arc::clone(run), folder.path());
            let ignored = run.host == HostKind::Envoy && without_envoy;
            let trial = Trial::ignorable_test(name, move || replay(&run, &path));
            trials.push(trial.with_ignored_flag(ignored));
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// A client that says where its requests are to go, before and behind its own headers.
struct Forging {
    host: Box<dyn Host>,
    backends: Vec<String>,
    sent: usize,
}

impl Host for Forging {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        let backend = self.backends.get(self.sent % self.backends.len().max(1));
        self.sent += 1;
        let forged = [
            ("x-gateway-backend", backend.cloned().unwrap_or_default()),
            (
                "x-gateway-route",
                "httproute/a/b/rule/0/match/0/*".to_owned(),
            ),
            ("x-gateway-host", "forged.example".to_owned()),
        ];
        let forged = forged.map(|(name, value)| (name.into(), value.into_bytes()));
        let own = exchange.headers.iter().cloned();
        let headers = forged.iter().cloned().chain(own).chain(forged.clone());
        self.host.send(&Exchange {
            headers: headers.collect(),
            ..exchange.clone()
        })
    }

    fn received(&mut self, id: &str) -> Result<Vec<Seen>, HostError> {
        self.host.received(id)
    }

    fn metric(&mut self, name: &str, awaited: u64) -> Result<Option<u64>, HostError> {
        self.host.metric(name, awaited)
    }

    fn vm_failure(&mut self) -> Option<String> {
        self.host.vm_failure()
    }

    fn advance(&mut self, by: Duration) {
        self.host.advance(by);
    }
}

fn open(run: &Run, scenario: &Scenario, gateway: &GatewayRef) -> Result<Box<dyn Host>, HostError> {
    let host = run.hosts.open(run.host, scenario, gateway)?;
    if !run.forging {
        return Ok(host);
    }
    let read = run
        .hosts
        .read(scenario)
        .map_err(|error| HostError::new(&error))?;
    let gateways = read.1.gateways.iter();
    let backends = gateways.flat_map(|gateway| gateway.backends.iter());
    Ok(Box::new(Forging {
        host,
        backends: backends.map(|backend| backend.id.clone()).collect(),
        sent: 0,
    }))
}

/// The failure is what `gwf replay` prints.
fn replay(run: &Run, folder: &Path) -> Result<Completion, Failed> {
    let (hosts, host) = (&run.hosts, run.host);
    let scenarios =
        scenario::load(folder).map_err(|error| format!("{:?}", miette::Report::new(error)))?;
    let mut runner = Runner::new(host, |scenario, gateway| open(run, scenario, gateway));
    let outcomes = runner.run(&scenarios);
    let tally = Tally::of(&outcomes);
    if tally.failed == 0 {
        return Ok(match tally.passed {
            0 => Completion::ignored_with(format!("nothing in it runs on {host}")),
            _ => Completion::Completed,
        });
    }
    let mut conditions = Conditions::new();
    for scenario in &scenarios {
        let lines = hosts.conditions(scenario).unwrap_or_default();
        conditions.insert(scenario.file.clone(), lines);
    }
    conditions.retain(|_, lines| !lines.is_empty());
    let mut report = anstream::StripStream::new(Vec::new());
    text::write(&outcomes, &conditions, &mut report)?;
    Err(String::from_utf8_lossy(&report.into_inner()).into())
}
