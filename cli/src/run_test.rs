//! `gwf run-test`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use gateway_harness::wasm_host::{Command, Deadline, EnvoyVersion, HeaderMap, MapKind, Runtime};
use miette::{IntoDiagnostic, Result, WrapErr};

const EXAMPLES: &str = "\
Example:
  CARGO_TARGET_WASM32_WASIP1_RUNNER='gwf run-test' cargo test --target wasm32-wasip1

Exit status: the program's, 134 if it trapped (a panic does), 2 if it cannot be loaded.";

/// What a shell reports of a process that aborted.
const ABORTED: u8 = 134;

/// A test that does not end within this is stopped.
const DEADLINE: Duration = Duration::from_secs(900);

/// The request that tests can read and write.
const REQUEST: [(&[u8], &[u8]); 5] = [
    (b":authority", b"example.com"),
    (b":method", b"GET"),
    (b":path", b"/a?b=c"),
    (b":scheme", b"http"),
    (b"x-test", b"gwf"),
];

/// Run a test binary for wasm32-wasip1 in the proxy-wasm host; cargo's runner for that target.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunTestCommand {
    /// The test binary.
    #[arg(value_name = "MODULE.wasm")]
    module: PathBuf,
    /// Its arguments.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

impl RunTestCommand {
    pub(super) fn run(self) -> Result<ExitCode> {
        let name = self.module.display().to_string();
        let bytes = std::fs::read(&self.module)
            .into_diagnostic()
            .wrap_err_with(|| name.clone())?;
        let runtime = Runtime::new(EnvoyVersion::default(), Deadline::Time(DEADLINE))
            .map_err(|error| miette::miette!("{error:#}"))?;
        let arguments = std::iter::once(name.clone()).chain(self.arguments);
        let command = Command {
            arguments: arguments.collect(),
            environment: environment(),
            request_headers: HeaderMap::from_pairs(MapKind::Request, REQUEST),
        };
        match runtime.run_command(&name, &bytes, command) {
            Ok(status) => Ok(ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))),
            Err(error) if error.problem.is_trap() => {
                anstream::eprintln!("{error}");
                Ok(ExitCode::from(ABORTED))
            }
            Err(error) => Err(error).into_diagnostic(),
        }
    }
}

/// The variables of std and libtest (`RUST_BACKTRACE`, `RUST_TEST_…`). A panic ends the program at
/// once here, so what libtest captures, the panic's message too, would be lost.
fn environment() -> Vec<(String, String)> {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let own = std::env::vars_os().filter_map(text);
    let uncaptured = ("RUST_TEST_NOCAPTURE".to_owned(), "1".to_owned());
    own.filter(|(name, _)| name.starts_with("RUST_"))
        .chain([uncaptured])
        .collect()
}
