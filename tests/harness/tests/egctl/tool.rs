//! The program `egctl`. Its exit status says little: what it prints is judged.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use serde_json::Value;

/// Where `just egctl` installs it.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.tools/bin");

/// What was translated already: several tests look at the same.
static TRANSLATED: LazyLock<Mutex<HashMap<String, Arc<OnceLock<String>>>>> =
    LazyLock::new(Mutex::default);

/// Where it is.
pub(crate) struct Egctl(PathBuf);

/// `GWF_EGCTL`, else `egctl` in the workspace's `.tools/bin` or on the `PATH`; absent where there is
/// none and none is required.
pub(crate) fn egctl() -> Option<Egctl> {
    let found = locate(env::var_os("GWF_EGCTL"));
    if found.is_none() {
        let required = env::var_os("GWF_REQUIRE_EGCTL").is_some_and(|value| value == "1");
        assert!(!required, "no egctl: `just egctl` installs it");
        // Not by a macro: those are captured, and a test that did nothing must say so.
        let _ = writeln!(
            std::io::stderr(),
            "passed over: no egctl, `just egctl` installs it"
        );
    }
    found.map(Egctl)
}

/// A chosen binary is taken as it is, so that a typing error is reported and not passed over.
fn locate(chosen: Option<OsString>) -> Option<PathBuf> {
    if let Some(chosen) = chosen {
        return Some(chosen.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    std::iter::once(Path::new(TOOLS).to_path_buf())
        .chain(env::split_paths(&path))
        .map(|folder| folder.join("egctl"))
        .find(|file| file.is_file())
}

/// What Envoy Gateway has against a document.
pub(crate) struct Complaint {
    /// Its place among those that were given.
    pub(crate) document: usize,
    pub(crate) text: String,
}

impl Egctl {
    /// Validates each document by itself, against the schema and the rules of its kind.
    pub(crate) fn validate(&self, documents: &[&str]) -> Vec<Complaint> {
        // A complaint shows the first lines of its document.
        let numbered = documents.iter().enumerate();
        let numbered: Vec<String> = numbered
            .map(|(number, text)| format!("# document {number}\n{text}"))
            .collect();
        let said = self.run(&["x", "validate"], &numbered.join("\n---\n"));
        let complaints = complaints(&said);
        assert!(
            said.contains("OK") || !complaints.is_empty(),
            "egctl says neither OK nor what is wrong: {said}"
        );
        complaints
    }

    /// Translates objects: `.xds` is the configuration of each Gateway's Envoy, and beside it are the
    /// objects with their status. What egctl says instead is the error.
    pub(crate) fn translate(&self, objects: &[Value]) -> Result<Value, String> {
        let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
        let arguments = [
            "x",
            "translate",
            "--from",
            "gateway-api",
            "--to",
            "gateway-api,xds",
            "--output",
            "json",
        ];
        let input = documents.join("\n---\n");
        let known = TRANSLATED
            .lock()
            .unwrap()
            .entry(input.clone())
            .or_default()
            .clone();
        let said = known.get_or_init(|| self.run(&arguments, &input));
        serde_json::from_str(said).map_err(|_| said.clone())
    }

    fn run(&self, arguments: &[&str], input: &str) -> String {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        file.write_all(input.as_bytes()).unwrap();
        // A file, for egctl reads lines of 64 KiB at most from its standard input.
        let mut command = Command::new(&self.0);
        command.args(arguments).arg("--file").arg(file.path());
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", self.0.display()));
        let said = String::from_utf8(output.stdout).unwrap();
        if said.is_empty() {
            return String::from_utf8_lossy(&output.stderr).into_owned();
        }
        said
    }
}

fn complaints(said: &str) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = Vec::new();
    for line in said.lines() {
        let number = line.strip_prefix("# document ");
        if let Some(document) = number.and_then(|number| number.parse().ok()) {
            let text = String::new();
            complaints.push(Complaint { document, text });
        } else if let Some(complaint) = complaints.last_mut() {
            complaint.text.push_str(line);
            complaint.text.push('\n');
        }
    }
    complaints
}
