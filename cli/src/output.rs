//! What a command prints: its result on standard output, remarks on standard error, errors in both forms.

use std::fmt::Display;
use std::io::{self, Write};

use clap::ValueEnum;
use gateway_bundle::Entry;
use miette::{Diagnostic, IntoDiagnostic, Report, Result, SourceCode};
use schemars::JsonSchema;
use serde::Serialize;

/// The forms of a result that is one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One JSON document; `gwf schema` describes it.
    Json,
}

/// Remarks for people beside the result; `--quiet` turns them off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remarks {
    pub(crate) quiet: bool,
}

impl Remarks {
    /// Prints a line to standard error. A remark that cannot be printed is no reason to stop.
    pub(crate) fn line(self, text: impl Display) {
        if !self.quiet {
            error_line(text);
        }
    }
}

/// Prints a line to standard error, `--quiet` or not.
pub(crate) fn error_line(text: impl Display) {
    let _printed = writeln!(anstream::stderr().lock(), "{text}");
}

/// Prints to standard output. If whoever reads it has closed it, they have seen enough, and that is no
/// error.
///
/// # Errors
/// Standard output cannot be written for another reason.
pub(crate) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = anstream::stdout().lock();
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).into_diagnostic(),
        _ => Ok(()),
    }
}

/// Prints a JSON document, indented.
///
/// # Errors
/// As [`print`].
pub(crate) fn print_json(document: &impl Serialize) -> Result<()> {
    print(|out| {
        serde_json::to_writer_pretty(&mut *out, document)?;
        writeln!(out)
    })
}

/// The document that takes the place of a command's own with `-o json` when the command cannot do its
/// work.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErrorDocument {
    /// All errors that were found, in the order of the files.
    pub(crate) errors: Vec<ErrorEntry>,
}

/// One error.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorEntry {
    /// What is wrong, with its place.
    pub message: String,
    /// The file that has the mistake.
    pub file: Option<String>,
    /// The line in the file, from 1.
    pub line: Option<usize>,
    /// The column in the line, from 1, in characters.
    pub column: Option<usize>,
    /// What to do about it.
    pub help: Option<String>,
}

impl From<&Report> for ErrorDocument {
    fn from(report: &Report) -> Self {
        Self {
            errors: entries(report.as_ref()),
        }
    }
}

impl From<&Entry> for ErrorEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            message: entry.to_string(),
            file: Some(entry.file.clone()),
            line: Some(entry.line),
            column: Some(entry.column),
            help: None,
        }
    }
}

/// The errors that a diagnostic is made of.
pub(crate) fn entries(diagnostic: &dyn Diagnostic) -> Vec<ErrorEntry> {
    let mut errors = Vec::new();
    collect(diagnostic, &mut errors);
    errors
}

/// Those that a diagnostic is made of, or itself.
fn collect(diagnostic: &dyn Diagnostic, errors: &mut Vec<ErrorEntry>) {
    let mut related = diagnostic.related().into_iter().flatten().peekable();
    if related.peek().is_some() {
        related.for_each(|one| collect(one, errors));
        return;
    }
    let label = diagnostic
        .labels()
        .and_then(|mut labels| labels.next())
        .zip(diagnostic.source_code());
    let place = label.and_then(|(label, source): (_, &dyn SourceCode)| {
        let offset = label.offset();
        let before = source.read_span(&(0, offset).into(), 0, 0).ok()?;
        let file = before.name().map(str::to_owned);
        let text = String::from_utf8_lossy(before.data().get(..offset)?);
        let line = text.matches('\n').count() + 1;
        let column = text
            .rsplit('\n')
            .next()
            .map_or(0, |line| line.chars().count())
            + 1;
        Some((file, line, column))
    });
    let (file, line, column) = match place {
        Some((file, line, column)) => (file, Some(line), Some(column)),
        None => (None, None, None),
    };
    errors.push(ErrorEntry {
        message: diagnostic.to_string(),
        file,
        line,
        column,
        help: diagnostic.help().map(|help| help.to_string()),
    });
}
