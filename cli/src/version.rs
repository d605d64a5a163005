//! `gwf version`.

use clap::Args;
use gateway_harness::envoy;
use miette::Result;
use schemars::JsonSchema;
use serde::Serialize;

use crate::modules::{ModuleEntry, module_entries};
use crate::output::{self, Format};

/// The release of Envoy Gateway that bundles were tried with; docs/performance.md and the tests with
/// egctl go by it.
const ENVOY_GATEWAY: &str = "1.9.0";

const EXAMPLES: &str = "\
Examples:
  gwf version
  gwf version -o json";

/// Print the version, the modules that gwf carries, and the releases that it was tested with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct VersionCommand {
    /// How to print it.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    output: Format,
}

/// What `gwf version -o json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionDocument {
    /// The version of gwf.
    gwf: &'static str,
    /// The release of Envoy that gwf installs and was tested with.
    envoy: &'static str,
    /// The release of Envoy Gateway that bundles were tested with.
    envoy_gateway: &'static str,
    /// The filters' modules that gwf carries.
    modules: Vec<ModuleEntry>,
}

impl VersionCommand {
    pub(super) fn run(&self) -> Result<bool> {
        let document = VersionDocument {
            gwf: env!("CARGO_PKG_VERSION"),
            envoy: envoy::VERSION,
            envoy_gateway: ENVOY_GATEWAY,
            modules: module_entries(),
        };
        if self.output == Format::Json {
            output::print_json(&document)?;
            return Ok(true);
        }
        output::print(|out| {
            writeln!(out, "gwf {}", document.gwf)?;
            writeln!(out, "tested with Envoy {}", document.envoy)?;
            writeln!(out, "tested with Envoy Gateway {}", document.envoy_gateway)?;
            writeln!(out, "modules:")?;
            let mut modules = document.modules.iter();
            modules.try_for_each(|module| writeln!(out, "  {}", module.line()))
        })?;
        Ok(true)
    }
}
