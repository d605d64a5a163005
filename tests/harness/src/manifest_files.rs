//! The manifests that a command is given: files, and folders of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gateway_bundle::{GatewayName, LoadErrors, Manifests, Report, load, load_with, migrate};
use miette::Diagnostic;
use thiserror::Error;

/// Manifests that cannot be used.
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
    #[error("{path}: no .yaml or .yml file in this folder", path = .0.display())]
    NoManifests(PathBuf),
    /// Manifests with mistakes, each with its line.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifests(LoadErrors),
    /// It is not said which Gateway is to serve Ingress objects.
    #[error(
        "there are Ingress objects and not exactly one Gateway: say with --gateway NAMESPACE/NAME \
         which one serves them"
    )]
    WhichGateway,
}

/// Reads manifests. Ingress objects are taken as `gwf migrate` writes them for `gateway`, by default the
/// only one there is; what that leaves out is in the report.
///
/// # Errors
/// See [`ReadError`].
pub fn read(
    paths: &[PathBuf],
    gateway: Option<&GatewayName>,
) -> Result<(Manifests, Report), ReadError> {
    let files = files(paths)?;
    let manifests = load(&files).map_err(ReadError::Manifests)?;
    let of_kind = |kind: &'static str| {
        let documents = manifests.documents();
        documents.filter(move |document| document.kind() == kind)
    };
    if of_kind("Ingress").next().is_none() {
        return Ok((manifests, Report::default()));
    }
    let mut gateways = of_kind("Gateway").map(|gateway| GatewayName {
        namespace: gateway.namespace().to_owned(),
        name: gateway.name().to_owned(),
    });
    let only = gateways.next().filter(|_| gateways.next().is_none());
    let gateway = gateway.cloned().or(only).ok_or(ReadError::WhichGateway)?;
    let migration = migrate(&manifests, &gateway);
    let text = ("Ingress objects, migrated", migration.to_string());
    let manifests = load_with(&files, &[text]).map_err(ReadError::Manifests)?;
    Ok((manifests, migration.remarks))
}

/// The manifest files of `paths`: files as they are, and of folders everything beneath that
/// [is a manifest](is_manifest), by name.
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

/// Whether a file in a folder of manifests is one, by its name: it ends in `.yaml` or `.yml`, is not
/// hidden, and neither a kustomization nor the cases of a scenario, which are no objects.
#[must_use]
pub fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let others = ["kustomization", "cases"];
    matches!(extension, Some("yaml" | "yml"))
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
            "a/notes.txt",
            ".git/c.yaml",
            ".b.yaml.swp",
            "kustomization.yaml",
            "cases.yaml",
        ] {
            make(name);
        }
        let path = |name: &str| folder.path().join(name);
        let found = files(&[path(""), path("a/notes.txt")]).unwrap();
        assert_eq!(
            found,
            [path("a/x.yml"), path("b.yaml"), path("a/notes.txt")]
        );
        fs::remove_file(path("a/x.yml")).unwrap();
        assert!(matches!(
            files(&[path("a")]),
            Err(ReadError::NoManifests(_))
        ));
    }
}
