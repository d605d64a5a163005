//! What was rejected or ignored as a log that code hosts and editors show at its lines (SARIF 2.1.0,
//! OASIS Standard).

use gateway_bundle::{Entry, Severity};
use miette::Result;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};

use crate::output::{self, ErrorDocument, ErrorEntry};

/// What a path in a URI reference escapes (RFC 3986, `pchar` and `/`).
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Prints the entries of a report.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print(entries: &[&Entry]) -> Result<()> {
    output::print_json(&log(entries.iter().map(|entry| of_entry(entry)).collect()))
}

/// Prints the errors for which there is no report.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_errors(document: &ErrorDocument) -> Result<()> {
    output::print_json(&log(document.errors.iter().map(of_error).collect()))
}

fn log(results: Vec<Value>) -> Value {
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "gwf", "version": env!("CARGO_PKG_VERSION")}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn of_entry(entry: &Entry) -> Value {
    let condition = entry.condition.as_ref();
    json!({
        "ruleId": condition.map_or("NotUsed", |condition| condition.reason),
        "level": match entry.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note | Severity::Native => "note",
        },
        "message": {"text": format!("{}: {}", entry.object, entry.message)},
        "locations": [location(&entry.file, entry.line, entry.column)],
    })
}

fn of_error(error: &ErrorEntry) -> Value {
    let place = error.file.as_ref().zip(error.line.zip(error.column));
    let locations = place.map(|(file, (line, column))| location(file, line, column));
    json!({
        "ruleId": "Invalid",
        "level": "error",
        "message": {"text": error.message},
        "locations": locations.into_iter().collect::<Vec<_>>(),
    })
}

fn location(file: &str, line: usize, column: usize) -> Value {
    json!({"physicalLocation": {
        "artifactLocation": {"uri": utf8_percent_encode(file, NOT_IN_A_PATH).to_string()},
        "region": {"startLine": line, "startColumn": column},
    }})
}
