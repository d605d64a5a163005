//! Why a scenario could not be loaded, pointing at the line.

use std::io;
use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::manifest_files::ReadError;

/// A scenario that could not be loaded.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no scenario at this path.
    #[error("no scenario in {}", .0.display())]
    #[diagnostic(help(
        "a scenario is a folder with manifests.yaml and cases.yaml; it may lie up to two folders deep"
    ))]
    NoScenario(PathBuf),
    /// A file has a mistake in it.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(#[from] Box<InvalidFile>),
    /// Manifests that are those of another folder cannot be found.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Folder(#[from] ReadError),
    /// The manifests are not YAML.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifests(#[from] Box<gateway_bundle::Problem>),
}

/// A mistake in a YAML file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{}:{line}:{column}: {}{problem}", file.display(), prefix(field))]
pub struct InvalidFile {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: u64,
    /// Column, from 1.
    pub column: u64,
    /// Path of the field, as `cases[2].request.path`; empty at the top.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// The text of the file.
    #[source_code]
    pub text: NamedSource<String>,
    /// The place in it.
    #[label]
    pub place: SourceSpan,
}

fn prefix(field: &str) -> String {
    if field.is_empty() {
        String::new()
    } else {
        format!("{field}: ")
    }
}
