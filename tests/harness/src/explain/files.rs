//! The manifest files of paths.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A path without manifests.
#[derive(Debug, Error)]
pub enum FilesError {
    /// It cannot be read.
    #[error("{path}: {error}", path = .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A folder without YAML in it.
    #[error("{path}: there is no .yaml or .yml file in it", path = .0.display())]
    Empty(PathBuf),
}

/// The files themselves, and of folders every `.yaml` and `.yml` file below, by name.
///
/// # Errors
/// A folder that cannot be read or has no such file; of files it is told when they are read.
pub fn manifest_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FilesError> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        match path.is_dir() {
            true => add_folder(path, &mut files)?,
            false => files.push(path.clone()),
        }
        if files.len() == before {
            return Err(FilesError::Empty(path.clone()));
        }
    }
    Ok(files)
}

fn add_folder(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), FilesError> {
    let unreadable = |error| FilesError::Unreadable {
        path: folder.to_owned(),
        error,
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(unreadable)?;
    paths.sort();
    for path in paths {
        let is_yaml = path
            .extension()
            .is_some_and(|end| end == "yaml" || end == "yml");
        // Links are not followed into folders, so that there is an end.
        if path.is_dir() && !path.is_symlink() {
            add_folder(&path, files)?;
        } else if is_yaml && path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn folders_are_searched_for_yaml() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        fs::create_dir_all(root.join("b/c")).unwrap();
        fs::create_dir(root.join("empty")).unwrap();
        for file in ["b/c/2.yml", "b/1.yaml", "a.yaml", "notes.txt"] {
            fs::write(root.join(file), "").unwrap();
        }
        let found = manifest_files(&[root.to_owned(), root.join("notes.txt")]).unwrap();
        let expected = ["a.yaml", "b/1.yaml", "b/c/2.yml", "notes.txt"];
        assert_eq!(found, expected.map(|file| root.join(file)));
        let error = manifest_files(&[root.join("empty")]).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("there is no .yaml or .yml file in it")
        );
    }
}
