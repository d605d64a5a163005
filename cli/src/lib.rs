//! `gwf`, the command line of the Gateway Filters: a file or folder for each command.

mod bundle;
mod completion;
pub mod explain;
mod manifests;
mod migrate;
mod modules;
mod output;
mod replay;
mod run_test;
mod schema;
mod serve;
mod version;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use miette::{MietteHandlerOpts, Report, Result};

use self::output::{ErrorDocument, Remarks};

/// Exit status if a case failed, or nothing was written.
const FAILED: u8 = 1;
/// Exit status if the command could not do its work; clap's for wrong usage, too.
const UNUSABLE: u8 = 2;

const ABOUT: &str = "\
gwf runs Gateway API manifests with the Gateway Filters: proxy-wasm filters that route, limit and split
requests in Envoy Gateway. It serves manifests on this machine with a real Envoy and explains its answers.
It replays scenarios against the compiled filters, and writes the objects that a cluster needs.";

const EXAMPLES: &str = "\
Examples:
  gwf serve -f manifests/
  gwf explain -f manifests/ --request 'GET https://app.example.com/api'
  gwf replay tests/scenarios
  gwf bundle -f manifests/ --output-dir deploy/

Exit status: 0 done; 1 a case failed, something differs or cannot be carried over; 2 wrong usage, or
input that cannot be used.";

#[derive(Debug, Parser)]
#[command(name = "gwf", version, about = ABOUT, after_help = EXAMPLES)]
struct Cli {
    /// Print errors only: no progress, remarks or summary.
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeCommand),
    Explain(Box<explain::ExplainCommand>),
    Replay(replay::ReplayCommand),
    Bundle(bundle::BundleCommand),
    Migrate(migrate::MigrateCommand),
    Modules(modules::ModulesCommand),
    RunTest(run_test::RunTestCommand),
    Schema(schema::SchemaCommand),
    Completion(completion::CompletionCommand),
    Version(version::VersionCommand),
}

/// The form in which a command reports errors on standard output, beside standard error.
#[derive(Debug, Clone, Copy)]
enum ErrorForm {
    /// Not at all.
    None,
    /// An [`ErrorDocument`].
    Json,
    /// An [`ErrorDocument`] as an event on a line.
    Event,
    /// A SARIF log.
    Sarif,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let Cli { quiet, command } = Cli::parse();
    // The terminal wraps lines by itself, and a message in a pipe or file stays one that can be found.
    let hooked = miette::set_hook(Box::new(|_| {
        Box::new(
            MietteHandlerOpts::new()
                .wrap_lines(false)
                // Every message says its cause itself.
                .without_cause_chain()
                .build(),
        )
    }));
    debug_assert!(hooked.is_ok(), "set before any report is made");
    let form = command.error_form();
    match command.run(Remarks { quiet }) {
        Ok(status) => status,
        Err(error) => {
            output::error_line(format_args!("{error:?}"));
            // What cannot be printed has been printed to standard error.
            let _printed = form.print(&error);
            ExitCode::from(UNUSABLE)
        }
    }
}

impl Command {
    fn run(self, remarks: Remarks) -> Result<ExitCode> {
        let passed = match self {
            Self::Serve(serve) => serve.run(remarks),
            Self::Explain(explain) => explain.run(),
            Self::Replay(replay) => replay.run(remarks),
            Self::Bundle(bundle) => bundle.run(remarks),
            Self::Migrate(migrate) => migrate.run(),
            Self::Modules(modules) => modules.run(remarks),
            Self::RunTest(test) => return test.run(),
            Self::Schema(schema) => schema.run(),
            Self::Completion(completion) => completion.run(),
            Self::Version(version) => version.run(),
        };
        Ok(match passed? {
            true => ExitCode::SUCCESS,
            false => ExitCode::from(FAILED),
        })
    }

    fn error_form(&self) -> ErrorForm {
        match self {
            Self::Serve(serve) => serve.error_form(),
            Self::Explain(explain) => explain.error_form(),
            Self::Replay(replay) => replay.error_form(),
            Self::Bundle(bundle) => bundle.error_form(),
            Self::Migrate(migrate) => migrate.error_form(),
            Self::Modules(modules) => modules.error_form(),
            Self::RunTest(_) | Self::Schema(_) | Self::Completion(_) | Self::Version(_) => {
                ErrorForm::None
            }
        }
    }
}

impl ErrorForm {
    fn print(self, error: &Report) -> Result<()> {
        let document = ErrorDocument::from(error);
        match self {
            Self::None => Ok(()),
            Self::Json => output::print_json(&document),
            Self::Event => serve::print_failed(document),
            Self::Sarif => bundle::print_sarif(&document),
        }
    }
}
