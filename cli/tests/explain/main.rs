//! `gwf explain`: that it tells the truth, and how it reads.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

mod agreement;
mod output;
mod refusals;

use std::process::{Command, Output};

/// Runs `gwf explain` in the root of the repository, so that manifests are named as in its examples.
fn explain(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gwf"))
        .arg("explain")
        .args(args)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
