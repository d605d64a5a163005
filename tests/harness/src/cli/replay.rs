//! `gwf replay`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gwf::abi::EnvoyVersion;
use gwf::host::HostKind;
use gwf::hosts::{Hosts, Options};
use gwf::report::{Tally, json, junit, text};
use gwf::runner::{Outcome, Runner};
use gwf::scenario::{self, Scenario};
use indicatif::{ProgressBar, ProgressStyle};
use miette::{IntoDiagnostic, Result, miette};

const EXAMPLES: &str = "\
Examples:
  gwf replay tests/scenarios
  gwf replay tests/scenarios/redirect --host core,wasmtime
  gwf replay tests/scenarios --name cross-namespace --format json
  gwf replay scenario --filter my-filter.wasm --host wasmtime --envoy-version 1.36

Exit status: 0 all passed or skipped, 1 a case failed, 2 wrong usage or unreadable scenario.";

/// Replay scenarios and compare every answer with what it must be.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Replay {
    /// Scenario folders (manifests.yaml and cases.yaml), or folders of them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Hosts to run on, repeated or separated by commas; several must agree.
    #[arg(
        long,
        value_name = "HOST",
        value_delimiter = ',',
        default_value = "wasmtime"
    )]
    host: Vec<HostKind>,
    /// Filter to run: a name of this project's, or the path of a .wasm module.
    #[arg(long, value_name = "NAME|PATH.wasm", default_value = "route-match")]
    filter: String,
    /// How to print the outcome.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Only cases whose SCENARIO/CASE contains this text; steps are kept together.
    #[arg(long, value_name = "SUBSTRING")]
    name: Option<String>,
    /// Seed of everything that is random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// The Envoy to imitate.
    #[arg(long, value_name = "VERSION", default_value = "1.39")]
    envoy_version: EnvoyVersion,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// JUnit XML.
    Junit,
}

impl Replay {
    /// Whether no case failed.
    pub(super) fn run(mut self) -> Result<bool> {
        let scenarios = self.scenarios()?;
        self.host.sort_unstable();
        self.host.dedup();
        let cases: usize = scenarios.iter().map(|scenario| scenario.cases.len()).sum();
        let bar = progress(cases * self.host.len());
        let mut hosts = Hosts::new(Options {
            filter: self.filter.clone(),
            seed: self.seed,
            envoy_version: self.envoy_version,
        })
        .into_diagnostic()?;
        let mut outcomes = Vec::new();
        for &host in &self.host {
            outcomes.extend(run_on(host, &mut hosts, &scenarios, &bar));
        }
        bar.finish_and_clear();
        self.print(&outcomes).into_diagnostic()?;
        Ok(Tally::of(&outcomes).failed == 0)
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

    fn print(&self, outcomes: &[Outcome]) -> std::io::Result<()> {
        let mut out = anstream::stdout().lock();
        match self.format {
            Format::Text => text::write(outcomes, &mut out)?,
            Format::Json => json::write(outcomes, &mut out)?,
            Format::Junit => junit::write(outcomes, &mut out)?,
        }
        out.flush()
    }
}

fn run_on(
    host: HostKind,
    hosts: &mut Hosts,
    scenarios: &[Scenario],
    bar: &ProgressBar,
) -> Vec<Outcome> {
    Runner::new(host, |scenario, gateway| {
        hosts.open(host, scenario, gateway)
    })
    .watching(|outcome| {
        bar.set_message(format!("{} on {host}", outcome.scenario));
        bar.inc(1);
    })
    .run(scenarios)
}

/// Shown on a terminal only.
fn progress(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(length).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
