//! `gwf`, the command.

use std::process::ExitCode;

fn main() -> ExitCode {
    gwf::run()
}
