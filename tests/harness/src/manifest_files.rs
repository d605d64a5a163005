//! The files of manifests: as they are named, and those in folders.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;

/// Files that cannot be found.
#[derive(Debug, Error, Diagnostic)]
pub enum ReadError {
    /// A path that cannot be read.
    #[error("{path}: {source}", path = .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A folder without manifests.
    #[error("{path}: no .yaml, .yml or .json file in this folder", path = .0.display())]
    NoManifests(PathBuf),
}

/// The manifest files of `paths`: files as they are, and of folders everything beneath that
/// [is a manifest](is_manifest), by name. A file that is named twice is there once.
///
/// # Errors
/// A folder that cannot be read, or is empty.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, ReadError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        walk(path, &mut files).map_err(|source| ReadError::Unreadable {
            path: path.clone(),
            source,
        })?;
        if files.len() == before {
            return Err(ReadError::NoManifests(path.clone()));
        }
    }
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())));
    Ok(files)
}

/// Links to folders are not followed: they may lead back.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = fs::read_dir(folder)?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if !is_hidden(&path) {
                walk(&path, files)?;
            }
        } else if is_manifest(&path) && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// Whether a file in a folder of manifests is one, by its name: it ends in `.yaml`, `.yml` or `.json`, is not
/// hidden, and neither a kustomization nor the cases of a scenario, which are no objects.
#[must_use]
pub fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let others = ["kustomization", "cases"];
    matches!(extension, Some("yaml" | "yml" | "json"))
        && !is_hidden(path)
        && !stem.is_some_and(|stem| others.iter().any(|one| stem.eq_ignore_ascii_case(one)))
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_folder_the_manifests_beneath_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        for name in [
            "b.yaml",
            "a/x.yml",
            "a/y.json",
            "a/notes.txt",
            ".git/c.yaml",
            ".b.yaml.swp",
            "kustomization.yaml",
            "cases.yaml",
        ] {
            make(name);
        }
        let path = |name: &str| folder.path().join(name);
        let twice = [path(""), path("a/notes.txt"), path("a/../b.yaml")];
        let found = files(&twice).unwrap();
        assert_eq!(
            found,
            [
                path("a/x.yml"),
                path("a/y.json"),
                path("b.yaml"),
                path("a/notes.txt")
            ]
        );
        fs::remove_file(path("a/x.yml")).unwrap();
        fs::remove_file(path("a/y.json")).unwrap();
        assert!(matches!(
            files(&[path("a")]),
            Err(ReadError::NoManifests(_))
        ));
    }
}
