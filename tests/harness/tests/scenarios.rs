//! Every scenario of the repository on every host, each a test of its own: `path-routing::core`,
//! `path-routing::wasmtime`, `path-routing::envoy`.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use gwf::envoy;
use gwf::host::HostKind;
use gwf::hosts::{Hosts, Options};
use gwf::report::{Conditions, Tally, text};
use gwf::runner::Runner;
use gwf::scenario;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::from_args();
    let hosts = Arc::new(Hosts::new(Options::default())?);
    let without_envoy = without_envoy(&arguments);
    let mut trials = Vec::new();
    let mut folders: Vec<_> =
        fs::read_dir(fs::canonicalize(SCENARIOS)?)?.collect::<Result<_, _>>()?;
    folders.sort_by_key(fs::DirEntry::file_name);
    for folder in folders {
        for host in [HostKind::Core, HostKind::Wasmtime, HostKind::Envoy] {
            let name = format!("{}::{host}", folder.file_name().display());
            let (hosts, path) = (Arc::clone(&hosts), folder.path());
            let trial = Trial::ignorable_test(name, move || replay(&hosts, host, &path));
            trials.push(trial.with_ignored_flag(host == HostKind::Envoy && without_envoy));
        }
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

/// Whether the tests on Envoy are ignored: there is none, and none is required.
fn without_envoy(arguments: &Arguments) -> bool {
    let required = std::env::var_os("GWF_REQUIRE_ENVOY").is_some_and(|value| value == "1");
    match envoy::find() {
        Err(error) if !required => {
            if !arguments.list {
                println!("ignored on envoy: {error}");
            }
            true
        }
        _ => false,
    }
}

/// The failure is what `gwf replay` prints.
fn replay(hosts: &Hosts, host: HostKind, folder: &Path) -> Result<Completion, Failed> {
    let scenarios =
        scenario::load(folder).map_err(|error| format!("{:?}", miette::Report::new(error)))?;
    let outcomes = Runner::new(host, |scenario, gateway| {
        hosts.open(host, scenario, gateway)
    })
    .run(&scenarios);
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
