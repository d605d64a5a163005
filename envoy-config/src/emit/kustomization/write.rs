//! The folder on disk.

use super::object::WrittenObject;
use crate::emit::yaml::yaml;
use crate::report::Report;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The objects of a folder, and what could not be written.
#[derive(Debug, Clone, Default)]
pub struct Kustomization {
    /// In the order of their files, and in these from what is referred to, to what refers.
    pub objects: Vec<WrittenObject>,
    /// What is not carried over, by file and line. An entry of severity Error is a part of the
    /// manifests that would not be in force any more.
    pub report: Report,
}

/// How a folder differs from what would be written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Relative to the folder.
    pub file: String,
    /// What is there; absent of a file that is missing.
    pub old: Option<String>,
    /// What would be; absent of a file that the bundle does not have.
    pub new: Option<String>,
}

/// A folder that cannot be read or written.
#[derive(Debug, Error)]
#[error("{path}: {source}", path = .path.display())]
pub struct OutputError {
    /// Of the file or folder.
    pub path: PathBuf,
    /// What the operating system says.
    pub source: std::io::Error,
}

/// What a file of ours starts with: others in the folder are never touched.
const MARK: &str = "# Written by gwf bundle.";

impl Kustomization {
    /// The text of every file, by its path in the folder.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        for object in &self.objects {
            let text = files.entry(object.file.clone());
            let text = text.or_insert_with(|| format!("{MARK}\n"));
            document(text, object);
        }
        let mut index = format!(
            "{MARK}\n# kubectl apply --server-side -k .\n# (the client keeps a copy of each object in an \
             annotation, of 256 KiB at most)\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: \
             Kustomization\nresources:\n"
        );
        for file in files.keys() {
            // Writing to a String does not fail.
            let _ = writeln!(index, "- {file}");
        }
        files.insert("kustomization.yaml".to_owned(), index);
        files
    }

    /// All objects as one stream of documents.
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut text = String::new();
        for object in &self.objects {
            document(&mut text, object);
        }
        text
    }

    /// Writes the folder. Files that an earlier bundle had and this one has not are removed.
    ///
    /// # Errors
    /// [`OutputError`]; files that are written already stay. A file of somebody else's in the place of one
    /// of these is such an error before anything is written.
    pub fn write(&self, folder: &Path) -> Result<(), OutputError> {
        for difference in self.differences(folder)? {
            let path = folder.join(&difference.file);
            let done = match &difference.new {
                Some(text) => {
                    let parent = path.parent().unwrap_or(folder);
                    std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, text))
                }
                None => std::fs::remove_file(&path),
            };
            done.map_err(|source| OutputError { path, source })?;
        }
        Ok(())
    }

    /// What [`write`](Self::write) would change, by file.
    ///
    /// # Errors
    /// [`OutputError`], but not of a folder that does not exist yet.
    pub fn differences(&self, folder: &Path) -> Result<Vec<Difference>, OutputError> {
        let mut old = BTreeMap::new();
        read(folder, folder, &mut old)?;
        let mut new = self.files();
        for file in new.keys().filter(|file| !old.contains_key(*file)) {
            let path = folder.join(file);
            if path.exists() {
                let source = std::io::Error::other("not written by gwf bundle: it would be lost");
                return Err(OutputError { path, source });
            }
        }
        let names = old.keys().chain(new.keys());
        let names: std::collections::BTreeSet<String> = names.cloned().collect();
        let difference = |file: String| Difference {
            old: old.remove(&file),
            new: new.remove(&file),
            file,
        };
        let all = names.into_iter().map(difference);
        Ok(all.filter(|one| one.old != one.new).collect())
    }
}

/// The files of ours below a folder.
fn read(
    root: &Path,
    folder: &Path,
    files: &mut BTreeMap<String, String>,
) -> Result<(), OutputError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OutputError { path, source }
    };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed(folder))?,
    };
    for entry in entries {
        let path = entry.map_err(failed(folder))?.path();
        if path.is_dir() {
            read(root, &path, files)?;
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
        let name = path.strip_prefix(root).unwrap_or(&path);
        if text.starts_with(MARK) {
            files.insert(name.display().to_string(), text);
        }
    }
    Ok(())
}

fn document(text: &mut String, object: &WrittenObject) {
    text.push_str("---\n");
    for line in object.comment.lines() {
        // Writing to a String does not fail.
        let _ = writeln!(text, "# {line}");
    }
    text.push_str(&yaml(&object.value));
}
