//! `gwf`, the command line of the Gateway Filters: a file or folder for each command.

mod bundle;
pub mod explain;
mod migrate;
mod modules;
mod replay;
mod run_test;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use miette::MietteHandlerOpts;

/// Exit status if a case failed, or nothing was written.
const FAILED: u8 = 1;
/// Exit status if the command could not do its work; clap's for wrong usage, too.
const UNUSABLE: u8 = 2;

/// Replays Gateway API scenarios against real proxy-wasm modules.
#[derive(Debug, Parser)]
#[command(name = "gwf", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bundle(bundle::BundleCommand),
    Explain(Box<explain::ExplainCommand>),
    Migrate(migrate::MigrateCommand),
    Modules(modules::ModulesCommand),
    Replay(replay::ReplayCommand),
    RunTest(run_test::RunTestCommand),
    Serve(serve::ServeCommand),
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let Cli { command } = Cli::parse();
    // The terminal wraps lines by itself, and a message in a pipe or file stays one that can be found.
    let hooked = miette::set_hook(Box::new(|_| {
        Box::new(MietteHandlerOpts::new().wrap_lines(false).build())
    }));
    debug_assert!(hooked.is_ok(), "set before any report is made");
    let done = match command {
        Command::Bundle(bundle) => bundle.run().map(status),
        Command::Explain(explain) => explain.run().map(status),
        Command::Migrate(migrate) => migrate.run().map(status),
        Command::Modules(modules) => modules.run().map(status),
        Command::Replay(replay) => replay.run().map(status),
        Command::RunTest(test) => test.run(),
        Command::Serve(serve) => serve.run().map(status),
    };
    match done {
        Ok(status) => status,
        Err(error) => {
            anstream::eprintln!("{error:?}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn status(passed: bool) -> ExitCode {
    match passed {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(FAILED),
    }
}
