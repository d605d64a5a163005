//! What was refused or ignored, in the words of the conditions that Kubernetes would show.

use crate::load::Document;
use std::fmt;

/// How much an [`Entry`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Left to Envoy: a bundle passes it on, and nothing of this project does it.
    Native,
    /// Read, and of no consequence here.
    Note,
    /// Not understood and ignored.
    Warning,
    /// Refused: part of what the manifests ask for is not served.
    Error,
}

/// A condition in the status of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// `Accepted`, `ResolvedRefs` or `Conflicted`; of a policy also `Overridden` or `Merged`.
    pub kind: &'static str,
    /// `True` or `False`; of a condition that is reported as an error it is the bad one.
    pub status: bool,
    /// The `Reason` constant of the Gateway API, or Envoy Gateway's where that has none.
    pub reason: &'static str,
}

impl Condition {
    pub(crate) const fn accepted(reason: &'static str) -> Self {
        Self {
            kind: "Accepted",
            status: false,
            reason,
        }
    }

    pub(crate) const fn resolved_refs(reason: &'static str) -> Self {
        Self {
            kind: "ResolvedRefs",
            status: false,
            reason,
        }
    }

    /// Envoy Gateway's for a policy and others: `Overridden` or `Merged`.
    pub(crate) const fn related(kind: &'static str) -> Self {
        Self {
            kind,
            status: true,
            reason: kind,
        }
    }

    pub(crate) const fn conflicted(reason: &'static str) -> Self {
        Self {
            kind: "Conflicted",
            status: true,
            reason,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let status = if self.status { "True" } else { "False" };
        write!(formatter, "{}={status} {}", self.kind, self.reason)
    }
}

/// One thing that was refused or ignored. As text:
/// `file:line: Kind namespace/name: Condition=Status Reason: message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How much it matters.
    pub severity: Severity,
    /// The file as it was named when loading.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// `Kind namespace/name`.
    pub object: String,
    /// The condition that Kubernetes would show; absent for what is merely ignored.
    pub condition: Option<Condition>,
    /// What it is about.
    pub message: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}: {}: ", self.file, self.line, self.object)?;
        if let Some(condition) = &self.condition {
            write!(formatter, "{condition}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// All entries, in the order in which they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// See [`Entry`].
    pub entries: Vec<Entry>,
}

impl Report {
    /// A part of `document`, the field at `path`, is refused.
    pub(crate) fn refuse(
        &mut self,
        document: &Document,
        path: &str,
        condition: Condition,
        message: String,
    ) {
        self.add(document, path, Severity::Error, Some(condition), message);
    }

    /// A condition of `document` that is no error.
    pub(crate) fn tell(
        &mut self,
        document: &Document,
        path: &str,
        condition: Condition,
        message: String,
    ) {
        self.add(document, path, Severity::Note, Some(condition), message);
    }

    /// A part of `document` is not used.
    pub(crate) fn ignore(
        &mut self,
        document: &Document,
        path: &str,
        severity: Severity,
        message: String,
    ) {
        self.add(document, path, severity, None, message);
    }

    fn add(
        &mut self,
        document: &Document,
        path: &str,
        severity: Severity,
        condition: Option<Condition>,
        message: String,
    ) {
        let position = document.position(path);
        self.entries.push(Entry {
            severity,
            file: document.file().to_owned(),
            line: position.line,
            column: position.column,
            object: document.object(),
            condition,
            message,
        });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        self.entries
            .iter()
            .try_for_each(|entry| writeln!(formatter, "{entry}"))
    }
}
