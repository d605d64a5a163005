//! Manifest files to objects: read, checked as an API server would, and sorted by kind.

mod check;
mod document;
mod kind;
mod manifests;
pub(crate) mod model;
mod object;
pub(crate) mod policy;
pub(crate) mod problem;
pub(crate) mod route_filter;
mod typed;
pub(crate) mod validate;
mod yaml;

pub use document::Document;
pub(crate) use kind::{ENVOY_GATEWAY, GATEWAY_API, ObjectKind};
pub(crate) use manifests::Labels;
pub use manifests::Manifests;
pub(crate) use object::{Object, find};

use miette::NamedSource;
use problem::{LoadErrors, Problem, SourceFile};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Reads YAML manifests, each file with any number of documents; of a List, its items. Objects
/// without a namespace are in `default`.
///
/// # Errors
/// Every file that cannot be read or is not YAML, and every object that an API server would not
/// accept: unknown fields, wrong types, values out of bounds, two objects of one name.
pub fn load(paths: &[PathBuf]) -> Result<Manifests, LoadErrors> {
    load_with(paths, &[])
}

/// As [`load`], with further manifests: a name for messages, and the text.
///
/// # Errors
/// As [`load`].
pub fn load_with(paths: &[PathBuf], texts: &[(&str, String)]) -> Result<Manifests, LoadErrors> {
    let mut loader = Loader::default();
    for path in paths {
        let name = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => loader.text(&name, &text),
            Err(error) => loader
                .problems
                .push(*Problem::unreadable(&name, error.to_string())),
        }
    }
    for (name, text) in texts {
        loader.text(name, text);
    }
    loader.finish()
}

impl Manifests {
    /// Reads manifests from a text, which messages call `name`. Otherwise as [`load`].
    ///
    /// # Errors
    /// As [`load`].
    pub fn parse(name: &str, text: &str) -> Result<Self, LoadErrors> {
        let mut loader = Loader::default();
        loader.text(name, text);
        loader.finish()
    }
}

#[derive(Default)]
struct Loader {
    manifests: Manifests,
    problems: Vec<Problem>,
    /// Where each object was seen first.
    seen: HashMap<String, String>,
}

impl Loader {
    fn text(&mut self, name: &str, text: &str) {
        let source: SourceFile = NamedSource::new(name, Arc::from(text)).with_language("yaml");
        match yaml::parse(&source) {
            Ok(documents) => documents
                .into_iter()
                .flat_map(yaml::YamlDocument::objects)
                .for_each(|yaml| self.document(&source, yaml)),
            Err(problem) => self.problems.push(*problem),
        }
    }

    fn document(&mut self, source: &SourceFile, yaml: yaml::YamlDocument) {
        let document = match Document::new(source, yaml) {
            Ok(document) => Arc::new(document),
            Err(problem) => return self.problems.push(*problem),
        };
        let place = format!("{}:{}", document.file(), document.position("").line);
        let identity = format!("{} {}", document.group(), document.object());
        if let Some(first) = self.seen.insert(identity, place) {
            let message = format!("defined twice, first at {first}");
            return self.problems.push(*document.problem("", message));
        }
        let mut problems = check::check(&document);
        if problems.is_empty() {
            problems.extend(self.manifests.add(document).err().map(|problem| *problem));
        }
        problems.sort_by_key(|problem| problem.position.map(|position| position.offset));
        self.problems.append(&mut problems);
    }

    fn finish(self) -> Result<Manifests, LoadErrors> {
        if self.problems.is_empty() {
            Ok(self.manifests)
        } else {
            Err(LoadErrors {
                problems: self.problems,
            })
        }
    }
}
