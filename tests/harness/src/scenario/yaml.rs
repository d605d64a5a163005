//! YAML with places: a mistake is reported with file, line, column and field.

use std::fs;
use std::path::{Path, PathBuf};

use miette::{NamedSource, SourceOffset};
use serde::de::DeserializeOwned;
use serde_saphyr::{Location, Options};

use super::error::{InvalidFile, LoadError};

/// A YAML file that was read.
pub(super) struct YamlFile {
    path: PathBuf,
    text: String,
}

impl YamlFile {
    pub(super) fn read(path: PathBuf) -> Result<Self, LoadError> {
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self { path, text }),
            Err(source) => Err(LoadError::Read { path, source }),
        }
    }

    /// Its only document.
    pub(super) fn document<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        let mut field = String::new();
        serde_saphyr::with_deserializer_from_str_with_options(&self.text, options(), |yaml| {
            serde_path_to_error::deserialize(yaml).map_err(|error| {
                field = field_path(&error.path().to_string());
                error.into_inner()
            })
        })
        .map_err(|error| self.refused(&error, field))
    }

    /// Its documents.
    pub(super) fn documents<T: DeserializeOwned>(&self) -> Result<Vec<T>, LoadError> {
        serde_saphyr::from_multiple_with_options(&self.text, options())
            .map_err(|error| self.refused(&error, String::new()))
    }

    fn refused(&self, error: &serde_saphyr::Error, field: String) -> LoadError {
        let (line, column) = error
            .location()
            .map_or((1, 1), |place| (place.line(), place.column()));
        let said = error.without_snippet().to_string();
        let problem = said
            .strip_suffix(&format!(" at line {line}, column {column}"))
            .unwrap_or(&said);
        self.mistake(line, column, field, problem.to_owned())
    }

    /// A mistake found at a place of this file.
    pub(super) fn wrong(&self, place: Location, field: String, problem: String) -> LoadError {
        self.mistake(place.line(), place.column(), field, problem)
    }

    /// A mistake of the file as a whole.
    pub(super) fn wrong_at_top(&self, problem: &str) -> LoadError {
        self.mistake(1, 1, String::new(), problem.to_owned())
    }

    fn mistake(&self, line: u64, column: u64, field: String, problem: String) -> LoadError {
        let position = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        let offset = SourceOffset::from_location(&self.text, position(line), position(column));
        LoadError::Invalid(Box::new(InvalidFile {
            text: NamedSource::new(self.path.display().to_string(), self.text.clone()),
            place: (offset.offset(), 0).into(),
            file: self.path.clone(),
            line,
            column,
            field,
            problem,
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// As Kubernetes reads YAML: `n` and `on` are texts, not booleans.
fn options() -> Options {
    serde_saphyr::options! { strict_booleans: true }
}

/// A path of serde's without the steps that the types insert but the file does not have, and
/// without the `?` for a field that was not reached.
fn field_path(path: &str) -> String {
    let path = path.trim_end_matches(['?', '.']);
    path.replace("].value", "]")
}
