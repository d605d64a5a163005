//! Scenarios in a real Envoy that is configured by Envoy Gateway's own code: what `gwf bundle` writes is
//! translated by egctl to xDS, the Wasm filters are put in as Envoy Gateway emits them, and the result is
//! run. Needs egctl (`just egctl`) and Envoy (`just envoy`); without them the tests are ignored, unless
//! `GWF_REQUIRE_EGCTL=1` or `GWF_REQUIRE_ENVOY=1`.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "all of this is a test; clippy exempts only what it knows as one"
)]

#[allow(dead_code, reason = "each target uses a part of it")]
mod dump;
mod filters;
mod gateway;
#[path = "../egctl/objects.rs"]
mod objects;
#[path = "../required_envoy/mod.rs"]
mod required_envoy;
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../egctl/tool.rs"]
mod tool;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use gateway_harness::host::{HostError, HostKind};
use gateway_harness::report::{Conditions, Tally, text};
use gateway_harness::runner::{Outcome, Runner, Verdict};
use gateway_harness::scenario;
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use gateway::{Routes, Tools};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

/// Scenarios that cannot be run so, and why.
const LEFT_OUT: &[(&str, &str)] = &[(
    "rate-limit-global",
    "its service is not in the manifests: `just test-global`",
)];

/// Scenarios that get their answers while the original routes are still there, too: nobody is turned away
/// while a bundle is put in force or taken out again (docs/quickstart.md).
const BESIDE: &[&str] = &[
    "cors",
    "forged-headers",
    "grpc-method-routing",
    "header-routing",
    "listeners",
    "mirrors",
    "path-routing",
    "rate-limit-tiers",
    "redirect",
    "traffic-splitting",
];

/// Cases that get something else here, and why.
const DIFFERENT: &[(&str, &str)] = &[
    // Envoy Gateway offers HTTP/1.1 alone on listeners whose hosts overlap
    // (`internal/xds/translator/listener.go`).
    ("HTTPSListeners", "the exact listener, in HTTP/2"),
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::from_args();
    let tools = tools().map(Arc::new);
    let mut folders: Vec<_> =
        fs::read_dir(fs::canonicalize(SCENARIOS)?)?.collect::<Result<_, _>>()?;
    folders.sort_by_key(fs::DirEntry::file_name);
    let mut trials = Vec::new();
    for folder in folders {
        let name = folder.file_name().display().to_string();
        if LEFT_OUT.iter().any(|(left_out, _)| *left_out == name) {
            continue;
        }
        if BESIDE.contains(&&*name) {
            let path = folder.path();
            trials.push(trial(format!("{name}::beside"), &tools, path, Routes::Both));
        }
        trials.push(trial(name, &tools, folder.path(), Routes::Bundle));
    }
    Ok(libtest_mimic::run(&arguments, trials).exit_code())
}

fn trial(name: String, tools: &Option<Arc<Tools>>, path: PathBuf, routes: Routes) -> Trial {
    let ignored = tools.is_none();
    let tools = tools.clone();
    let trial = Trial::ignorable_test(name, move || match &tools {
        Some(tools) => replay(tools, &path, routes),
        None => Ok(Completion::ignored()),
    });
    trial.with_ignored_flag(ignored)
}

/// What there has to be, if it is there.
fn tools() -> Option<Tools> {
    let (egctl, envoy) = (tool::egctl()?, required_envoy::find()?);
    Some(Tools { egctl, envoy })
}

/// The failure is what `gwf replay` prints.
fn replay(tools: &Tools, folder: &Path, routes: Routes) -> Result<Completion, Failed> {
    let scenarios =
        scenario::load(folder).map_err(|error| format!("{:?}", miette::Report::new(error)))?;
    let mut runner = Runner::new(HostKind::Envoy, |scenario, gateway| {
        gateway::open(tools, scenario, gateway, routes).map_err(|error| HostError::new(&*error))
    });
    let mut outcomes = runner.run(&scenarios);
    let is_different =
        |outcome: &Outcome| DIFFERENT.contains(&(outcome.scenario.as_str(), outcome.case.as_str()));
    let as_stated = |outcome: &&Outcome| matches!(outcome.verdict, Verdict::Passed);
    if let Some(outcome) = outcomes
        .iter()
        .filter(as_stated)
        .find(|one| is_different(one))
    {
        return Err(format!("{} is not different any more", outcome.case).into());
    }
    outcomes.retain(|outcome| !is_different(outcome));
    let tally = Tally::of(&outcomes);
    if tally.failed == 0 {
        return Ok(match tally.passed {
            0 => Completion::ignored_with("nothing in it runs on envoy"),
            _ => Completion::Completed,
        });
    }
    let mut report = anstream::StripStream::new(Vec::new());
    text::write(&outcomes, &Conditions::new(), &mut report)?;
    Err(String::from_utf8_lossy(&report.into_inner()).into())
}
