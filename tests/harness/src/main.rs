//! `gwf`, the command.

mod cli;
mod hosts;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
