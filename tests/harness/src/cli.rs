//! The command line.

mod replay;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use miette::MietteHandlerOpts;

/// Exit status if a case failed.
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
    Replay(replay::Replay),
}

/// Runs the command that the process was started with.
pub(crate) fn run() -> ExitCode {
    let Cli { command } = Cli::parse();
    // The terminal wraps lines by itself, and a message in a pipe or file stays one that can be found.
    let hooked = miette::set_hook(Box::new(|_| {
        Box::new(MietteHandlerOpts::new().wrap_lines(false).build())
    }));
    debug_assert!(hooked.is_ok(), "set before any report is made");
    let done = match command {
        Command::Replay(replay) => replay.run(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            anstream::eprintln!("{error:?}");
            ExitCode::from(UNUSABLE)
        }
    }
}
