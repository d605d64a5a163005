//! `gwf replay`.

use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use gateway_bundle::LoadErrors;
use gateway_harness::envoy::{self, EnvoyError};
use gateway_harness::host::HostKind;
use gateway_harness::hosts::{HostOptions, Hosts, OpenError};
use gateway_harness::report::{Conditions, Tally, agreement, json, junit, text};
use gateway_harness::runner::{Outcome, Runner};
use gateway_harness::scenario::{self, Scenario};
use gateway_harness::wasm_host::EnvoyVersion;
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Report, Result, miette};

use crate::ErrorForm;
use crate::modules::ModuleSources;
use crate::output::{self, Remarks};

const EXAMPLES: &str = "\
Examples:
  gwf replay tests/scenarios
  gwf replay tests/scenarios/redirect --host core,wasmtime
  gwf replay tests/scenarios --host core,wasmtime,envoy -o agreement
  gwf replay tests/scenarios --name cross-namespace -o json
  gwf replay scenario --module gateway=my-filter.wasm --envoy-version 1.36
  gwf replay --schema > cases.schema.json

Exit status: 0 all cases passed or were skipped; 1 a case failed; 2 wrong usage, or a scenario, module or
Envoy that cannot be used.";

/// Replay scenarios and compare every answer with what the scenario expects.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayCommand {
    /// Scenario folders (manifests.yaml and cases.yaml), or folders of them.
    #[arg(required_unless_present = "schema", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the JSON Schema of cases.yaml, and replay nothing.
    #[arg(long, conflicts_with = "paths")]
    schema: bool,
    /// The hosts to run on. Repeat it, or separate several by commas; they must agree.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        default_value = "wasmtime",
        value_parser = PossibleValuesParser::new(HostKind::ALL.map(HostKind::name)).try_map(host)
    )]
    host: Vec<HostKind>,
    /// How to print the results.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    output: Format,
    #[command(flatten)]
    modules: ModuleSources,
    /// Run only cases whose SCENARIO/CASE contains this text. Steps stay together.
    #[arg(long, value_name = "SUBSTRING")]
    name: Option<String>,
    /// The seed of every random choice.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print what was rejected or ignored in all manifests, not only where a case failed.
    #[arg(short, long)]
    verbose: bool,
    /// The release of Envoy that the wasmtime host imitates.
    #[arg(long, value_name = "VERSION", default_value = "1.39")]
    envoy_version: EnvoyVersion,
    /// Where a service listens that filters call. Repeat it, or separate several by commas. By default the
    /// rate limit service is ratelimit=127.0.0.1:18081.
    #[arg(
        long,
        value_name = "NAME=ADDRESS",
        env = "GWF_CLUSTERS",
        value_delimiter = ',',
        value_parser = service
    )]
    cluster: Vec<(String, SocketAddr)>,
}

fn host(name: String) -> Result<HostKind, String> {
    let mut all = HostKind::ALL.into_iter();
    all.find(|host| host.name() == name).ok_or(name)
}

pub(super) fn service(text: &str) -> Result<(String, SocketAddr), String> {
    let (name, address) = text.split_once('=').ok_or("expected NAME=ADDRESS")?;
    let address = address
        .parse()
        .map_err(|_| format!("`{address}` is not IP:PORT"))?;
    Ok((name.to_owned(), address))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document (`gwf schema replay`).
    Json,
    /// JUnit XML.
    Junit,
    /// A table of cases and hosts.
    Agreement,
}

impl ReplayCommand {
    pub(super) fn error_form(&self) -> ErrorForm {
        match self.output {
            Format::Json => ErrorForm::Json,
            Format::Text | Format::Junit | Format::Agreement => ErrorForm::None,
        }
    }

    /// Whether no case failed.
    pub(super) fn run(mut self, remarks: Remarks) -> Result<bool> {
        if self.schema {
            output::print_json(&scenario::schema())?;
            return Ok(true);
        }
        let scenarios = self.scenarios()?;
        self.host.sort_unstable();
        self.host.dedup();
        let cases: usize = scenarios.iter().map(|scenario| scenario.cases.len()).sum();
        let mut options = HostOptions {
            seed: self.seed,
            envoy_version: self.envoy_version,
            ..HostOptions::new(self.modules.read().into_diagnostic()?)
        };
        options.services.extend(self.cluster.clone());
        let hosts = Hosts::new(options).into_diagnostic()?;
        for scenario in &scenarios {
            hosts.read(scenario).map_err(unusable)?;
        }
        for &host in &self.host {
            hosts.prepare(host).map_err(unprepared)?;
        }
        let bar = progress(cases * self.host.len(), remarks);
        let mut outcomes = Vec::new();
        for &host in &self.host {
            outcomes.extend(run_on(host, &hosts, &scenarios, &bar));
        }
        bar.finish_and_clear();
        let conditions = self.conditions(&hosts, &scenarios, &outcomes)?;
        let passed = Tally::of(&outcomes).failed == 0;
        if !(remarks.quiet && passed && self.output == Format::Text) {
            self.print(&outcomes, &conditions)?;
        }
        Ok(passed)
    }

    /// Often the reason why a case failed.
    fn conditions(
        &self,
        hosts: &Hosts,
        scenarios: &[Scenario],
        outcomes: &[Outcome],
    ) -> Result<Conditions> {
        let mut conditions = Conditions::new();
        for scenario in scenarios {
            let own = outcomes
                .iter()
                .filter(|outcome| outcome.file == scenario.file);
            if !self.verbose && Tally::of(own).failed == 0 {
                continue;
            }
            let lines = hosts.conditions(scenario).map_err(unusable)?;
            if !lines.is_empty() {
                conditions.insert(scenario.file.clone(), lines);
            }
        }
        Ok(conditions)
    }

    fn scenarios(&self) -> Result<Vec<Scenario>> {
        let mut scenarios = Vec::new();
        for path in &self.paths {
            scenarios.extend(scenario::load(path)?);
        }
        if let Some(name) = &self.name {
            scenario::retain_named(&mut scenarios, name);
            if scenarios.is_empty() {
                return Err(miette!("no case is named {name:?}"));
            }
        }
        Ok(scenarios)
    }

    fn print(&self, outcomes: &[Outcome], conditions: &Conditions) -> Result<()> {
        output::print(|out| match self.output {
            Format::Text => text::write(outcomes, conditions, out),
            Format::Json => json::write(outcomes, out),
            Format::Junit => junit::write(outcomes, out),
            Format::Agreement => agreement::write(outcomes, out),
        })
    }
}

/// A missing Envoy is no mistake: the message says how to get one.
fn unprepared(error: OpenError) -> Report {
    match error {
        OpenError::Envoy(missing @ EnvoyError::NotFound) => {
            miette!(help = envoy::how_to_get_one(), "{missing}")
        }
        error => miette!("{error}"),
    }
}

/// One mistake speaks for itself.
pub(super) fn unusable(mut errors: LoadErrors) -> Report {
    match (errors.problems.pop(), errors.problems.is_empty()) {
        (Some(only), true) => only.into(),
        (last, _) => {
            errors.problems.extend(last);
            errors.into()
        }
    }
}

/// Runs as many scenarios at once as there are processors: a real Envoy takes a second to start.
fn run_on(
    host: HostKind,
    hosts: &Hosts,
    scenarios: &[Scenario],
    bar: &ProgressBar,
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let work = || {
        let mut runner = Runner::new(host, |scenario, gateway| {
            hosts.open(host, scenario, gateway)
        })
        .watching(|outcome| {
            bar.set_message(format!("{} on {host}", outcome.scenario));
            bar.inc(1);
        });
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(scenario) = scenarios.get(place) else {
                return;
            };
            let outcomes = runner.run(std::slice::from_ref(scenario));
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push((place, outcomes));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads.min(scenarios.len()) {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter()
        .flat_map(|(_, outcomes)| outcomes)
        .collect()
}

/// Shown on a terminal only.
fn progress(length: usize, remarks: Remarks) -> ProgressBar {
    if remarks.quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
