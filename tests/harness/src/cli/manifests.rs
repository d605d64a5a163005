//! The manifests that a command is given.

use std::path::{Path, PathBuf};

use gateway_bundle::{GatewayName, Manifests, load, load_with, migrate};
use miette::{IntoDiagnostic, Report, Result, miette};

/// The files, and of folders all `*.yaml` and `*.yml` below them in the order of their names. Ingress
/// objects are read as `gwf migrate` writes them for `gateway`, by default the only one there is.
///
/// # Errors
/// A path that cannot be read, a folder without manifests, manifests with mistakes.
pub(super) fn read(paths: &[PathBuf], gateway: Option<&GatewayName>) -> Result<Manifests> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        collect(path, &mut files)?;
        if files.len() == before {
            return Err(miette!("{}: no *.yaml file in this folder", path.display()));
        }
    }
    let manifests = load(&files).map_err(Report::new)?;
    with_ingresses(manifests, &files, gateway)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let unreadable = |error: std::io::Error| miette!("{}: {error}", path.display());
    let entries = std::fs::read_dir(path).map_err(unreadable)?;
    let entries: std::io::Result<Vec<PathBuf>> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect();
    let mut entries = entries.map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        let is_yaml = entry
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        // What kustomize reads, and what a scenario asks, are no objects.
        let other = ["kustomization.yaml", "kustomization.yml", "cases.yaml"];
        let name = entry.file_name().and_then(|name| name.to_str());
        let skipped = name.is_some_and(|name| other.contains(&name) || name.starts_with('.'));
        if !skipped && (entry.is_dir() || is_yaml) {
            collect(&entry, files)?;
        }
    }
    Ok(())
}

fn with_ingresses(
    manifests: Manifests,
    files: &[PathBuf],
    gateway: Option<&GatewayName>,
) -> Result<Manifests> {
    let kinds = |kind: &str| {
        let documents = manifests.documents();
        documents.filter(|document| document.kind() == kind).count()
    };
    if kinds("Ingress") == 0 {
        return Ok(manifests);
    }
    let only = || {
        let mut gateways = manifests.documents().filter(|one| one.kind() == "Gateway");
        let (first, second) = (gateways.next(), gateways.next());
        first.filter(|_| second.is_none()).map(|gateway| {
            format!("{}/{}", gateway.namespace(), gateway.name()).parse::<GatewayName>()
        })
    };
    let gateway = match (gateway, only()) {
        (Some(gateway), _) => gateway.clone(),
        (None, Some(gateway)) => gateway.into_diagnostic()?,
        (None, None) => {
            return Err(miette!(
                "there are Ingress objects and not exactly one Gateway: say with --gateway \
                 NAMESPACE/NAME which one serves them"
            ));
        }
    };
    let migration = migrate(&manifests, &gateway);
    anstream::eprint!("{}", migration.remarks);
    let text = ("Ingress objects, migrated", migration.to_string());
    load_with(files, &[text]).map_err(Report::new)
}
