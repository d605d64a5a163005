//! Places in manifests, and the mistakes found there.

use miette::{Diagnostic, NamedSource, SourceSpan};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// Where a key or a list item stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Bytes from the start of the file.
    pub(crate) offset: usize,
    /// Bytes.
    pub(crate) length: usize,
}

/// The text of a manifest file and the name it was given.
pub(crate) type SourceFile = NamedSource<Arc<str>>;

/// One mistake in the manifests. As text it is a line
/// `file:line:column: Kind namespace/name: field: what is wrong`; as a diagnostic it shows the line.
#[derive(Debug, Clone, Error, Diagnostic)]
pub struct Problem {
    /// The file as it was named to [`crate::load()`].
    pub file: String,
    /// Where in it; absent if the file could not be read at all.
    pub position: Option<Position>,
    /// `Kind namespace/name`, once these are known.
    pub object: Option<String>,
    /// The field (`spec.rules[0].matches`); empty for the object or file as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    #[source_code]
    source_code: Option<SourceFile>,
    #[label("here")]
    label: Option<SourceSpan>,
}

impl Problem {
    /// A file that could not be read.
    pub(crate) fn unreadable(file: &str, message: String) -> Box<Self> {
        Box::new(Self {
            file: file.to_owned(),
            position: None,
            object: None,
            path: String::new(),
            message,
            source_code: None,
            label: None,
        })
    }

    /// A mistake at a place of a file.
    pub(crate) fn at(source: &SourceFile, position: Position, message: String) -> Box<Self> {
        let mut problem = Self::unreadable(source.name(), message);
        problem.position = Some(position);
        problem.source_code = Some(source.clone());
        problem.label = Some((position.offset, position.length).into());
        problem
    }

    /// The same, with the object and field it belongs to.
    pub(crate) fn in_object(mut self: Box<Self>, object: String, path: &str) -> Box<Self> {
        self.object = Some(object);
        path.clone_into(&mut self.path);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(Position { line, column, .. }) = self.position {
            write!(formatter, ":{line}:{column}")?;
        }
        if let Some(object) = &self.object {
            write!(formatter, ": {object}")?;
        }
        if !self.path.is_empty() {
            write!(formatter, ": {}", self.path)?;
        }
        write!(formatter, ": {}", self.message)
    }
}

/// Everything that is wrong with the manifests; nothing of them is used.
#[derive(Debug, Clone, Error, Diagnostic)]
#[error("the manifests have {}", mistakes(.problems.len()))]
pub struct LoadErrors {
    /// In the order of the files.
    #[related]
    pub problems: Vec<Problem>,
}

fn mistakes(number: usize) -> String {
    match number {
        1 => "a mistake".to_owned(),
        number => format!("{number} mistakes"),
    }
}
