//! The files that are served from: which they are, and whether their contents changed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::Refusal;

/// The manifest files of `paths`: files as they are, and of folders everything beneath that ends in
/// `.yaml` or `.yml`, by name. Hidden entries and kustomizations, which are no objects, are left out.
pub(super) fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Refusal> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        walk(path, &mut files).map_err(|source| Refusal::Unreadable {
            path: path.clone(),
            source,
        })?;
        if files.len() == before {
            return Err(Refusal::NoManifests(path.clone()));
        }
    }
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

/// Whether a file in a folder of manifests is one, by its name.
pub(super) fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    matches!(extension, Some("yaml" | "yml"))
        && !is_hidden(path)
        && !stem.is_some_and(|stem| stem.eq_ignore_ascii_case("kustomization"))
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with('.'))
}

/// SHA-256 of the names and contents of files. One that cannot be read counts as such.
pub(super) fn digest(files: impl IntoIterator<Item = PathBuf>) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for file in files {
        context.update(file.as_os_str().as_encoded_bytes());
        match fs::read(&file) {
            Ok(content) => {
                context.update(&content.len().to_le_bytes());
                context.update(&content);
            }
            Err(error) => context.update(error.to_string().as_bytes()),
        }
    }
    context.finish().as_ref().to_vec()
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
            "a/notes.txt",
            ".git/c.yaml",
            ".b.yaml.swp",
            "kustomization.yaml",
        ] {
            make(name);
        }
        let path = |name: &str| folder.path().join(name);
        let found = files(&[path(""), path("a/notes.txt")]).unwrap();
        assert_eq!(
            found,
            [path("a/x.yml"), path("b.yaml"), path("a/notes.txt")]
        );

        let nothing = files(&[path(".git"), path("a")]).map(|files| files.len());
        assert_eq!(nothing.unwrap(), 2);
        fs::remove_file(path("a/x.yml")).unwrap();
        assert!(matches!(files(&[path("a")]), Err(Refusal::NoManifests(_))));
    }

    #[test]
    fn a_change_of_contents_changes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        let now = || digest([file.clone()]);
        let missing = now();
        fs::write(&file, "a").unwrap();
        let first = now();
        assert_ne!(missing, first);
        assert_eq!(first, now());
        fs::write(&file, "b").unwrap();
        assert_ne!(first, now());
    }
}
