//! `gwf schema`.

use clap::{Args, ValueEnum};
use miette::Result;
use schemars::{Schema, schema_for};

use crate::{explain, modules, output, serve, version};

const EXAMPLES: &str = "\
Examples:
  gwf schema explain
  gwf schema error

With `-o json` a command prints one document, `gwf serve` one for each event. Fields may be added later;
they are not renamed or removed. bundle and migrate print Kubernetes objects as a List. Wrong usage is an
error on standard error only. `gwf replay --schema` prints the schema of cases.yaml.";

/// Print the JSON Schema of what a command prints with -o json.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SchemaCommand {
    /// The command, or error for what takes the document's place when a command cannot do its work.
    #[arg(value_enum, value_name = "COMMAND")]
    document: Document,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Document {
    /// gwf explain
    Explain,
    /// gwf modules
    Modules,
    /// gwf replay
    Replay,
    /// gwf serve
    Serve,
    /// gwf version
    Version,
    /// Any command
    Error,
}

impl SchemaCommand {
    pub(super) fn run(&self) -> Result<bool> {
        output::print_json(&self.document.schema())?;
        Ok(true)
    }
}

impl Document {
    fn schema(self) -> Schema {
        match self {
            Self::Explain => schema_for!(explain::ExplainDocument),
            Self::Modules => schema_for!(modules::ModulesDocument),
            Self::Replay => schema_for!(gateway_harness::report::json::Document<'static>),
            Self::Serve => schema_for!(serve::Event),
            Self::Version => schema_for!(version::VersionDocument),
            Self::Error => schema_for!(output::ErrorDocument),
        }
    }
}
