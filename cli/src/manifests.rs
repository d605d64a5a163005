//! The manifests that a command is given: files, folders and standard input.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use gateway_bundle::{GatewayName, LoadErrors, Manifests, Report, load_with, migrate};
use gateway_harness::manifest_files::{self, ReadError};
use miette::Diagnostic;
use thiserror::Error;

/// What stands for standard input on the command line.
const STDIN: &str = "-";
/// What messages call it.
const STDIN_NAME: &str = "standard input";

/// The arguments of every command that reads manifests.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct ManifestArgs {
    /// Manifests: files, folders with all .yaml, .yml and .json files below them, or - for standard input.
    #[arg(value_name = "MANIFESTS")]
    paths: Vec<PathBuf>,
    /// More manifests, as kubectl takes them. Repeat it for several.
    #[arg(short, long = "filename", value_name = "MANIFESTS")]
    filenames: Vec<PathBuf>,
}

/// Where manifests come from. Standard input has been read; files are read as often as asked for.
#[derive(Debug, Clone)]
pub(crate) struct ManifestSources {
    paths: Vec<PathBuf>,
    stdin: Option<Arc<str>>,
}

/// Manifests that cannot be used.
#[derive(Debug, Error, Diagnostic)]
pub enum ManifestError {
    /// The files cannot be found.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Files(#[from] ReadError),
    /// Standard input cannot be read.
    #[error("standard input cannot be read: {0}")]
    Stdin(io::Error),
    /// The manifests have mistakes, each with its line.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invalid(#[from] LoadErrors),
    /// There is nothing to work on.
    #[error("the manifests have no objects")]
    Empty,
    /// Ingress objects need a Gateway.
    #[error("the manifests have Ingress objects and no Gateway that serves them")]
    #[diagnostic(help("add the Gateway to the manifests"))]
    MissingGateway,
    /// Ingress objects need one Gateway, and there are several.
    #[error(
        "the manifests have Ingress objects and {} Gateways, so it is not clear which Gateway serves them",
        .0
    )]
    #[diagnostic(help("name the Gateway with --gateway NAMESPACE/NAME"))]
    AmbiguousGateway(usize),
    /// `--gateway` names a Gateway that does not exist.
    #[error(
        "--gateway {wanted}: the manifests have no such Gateway; they have {}",
        list(there)
    )]
    NoGateway {
        /// As it was given.
        wanted: GatewayName,
        /// Those that exist.
        there: Vec<GatewayName>,
    },
}

fn list(names: &[GatewayName]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}

impl ManifestArgs {
    /// Reads standard input, if it is asked for.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn sources(&self) -> Result<ManifestSources, ManifestError> {
        let all = self.paths.iter().chain(&self.filenames);
        let (stdin, paths): (Vec<&PathBuf>, Vec<&PathBuf>) =
            all.partition(|path| path.as_path() == Path::new(STDIN));
        let read = || -> io::Result<Arc<str>> {
            let mut text = String::new();
            io::stdin().lock().read_to_string(&mut text)?;
            Ok(text.into())
        };
        let stdin = (!stdin.is_empty()).then(read).transpose();
        Ok(ManifestSources {
            paths: paths.into_iter().cloned().collect(),
            stdin: stdin.map_err(ManifestError::Stdin)?,
        })
    }

    /// Reads the manifests once; see [`ManifestSources::read`].
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub(crate) fn read(
        &self,
        gateway: Option<&GatewayName>,
    ) -> Result<(Manifests, Report), ManifestError> {
        self.sources()?.read(gateway)
    }
}

impl ManifestSources {
    /// The files and folders as they were given: what to watch.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The files, those in folders one by one.
    ///
    /// # Errors
    /// A folder that cannot be read, or has no manifests.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>, ReadError> {
        manifest_files::files(&self.paths)
    }

    /// Loads the objects as they are written.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub(crate) fn load(&self) -> Result<Manifests, ManifestError> {
        self.load_beside(None)
    }

    fn load_beside(&self, more: Option<(&str, String)>) -> Result<Manifests, ManifestError> {
        let files = self.files()?;
        let stdin = self.stdin.as_ref();
        let stdin = stdin.map(|text| (STDIN_NAME, text.as_ref().to_owned()));
        let texts: Vec<_> = stdin.into_iter().chain(more).collect();
        let manifests = load_with(&files, &texts)?;
        if manifests.documents().next().is_none() {
            return Err(ManifestError::Empty);
        }
        Ok(manifests)
    }

    /// Reads the manifests. Ingress objects are taken as `gwf migrate` writes them for `gateway`, by
    /// default the only one there is; what that leaves out is in the report.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub(crate) fn read(
        &self,
        gateway: Option<&GatewayName>,
    ) -> Result<(Manifests, Report), ManifestError> {
        let manifests = self.load()?;
        let there = gateways(&manifests);
        if let Some(wanted) = gateway.filter(|wanted| !there.contains(wanted)) {
            let wanted = wanted.clone();
            return Err(ManifestError::NoGateway { wanted, there });
        }
        if !has_kind(&manifests, "Ingress") {
            return Ok((manifests, Report::default()));
        }
        let gateway = match (gateway, there.as_slice()) {
            (Some(wanted), _) => wanted,
            (None, [only]) => only,
            (None, []) => return Err(ManifestError::MissingGateway),
            (None, several) => return Err(ManifestError::AmbiguousGateway(several.len())),
        };
        let migration = migrate(&manifests, gateway);
        let text = ("Ingress objects, migrated", migration.to_string());
        Ok((self.load_beside(Some(text))?, migration.remarks))
    }
}

fn gateways(manifests: &Manifests) -> Vec<GatewayName> {
    let documents = manifests.documents();
    let gateways = documents.filter(|document| document.kind() == "Gateway");
    let names = gateways.map(|gateway| GatewayName {
        namespace: gateway.namespace().to_owned(),
        name: gateway.name().to_owned(),
    });
    names.collect()
}

/// Whether there is an object of this kind.
pub(crate) fn has_kind(manifests: &Manifests, kind: &str) -> bool {
    let mut documents = manifests.documents();
    documents.any(|document| document.kind() == kind)
}
