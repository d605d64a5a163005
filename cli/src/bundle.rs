//! `gwf bundle`.

use std::path::{Path, PathBuf};

use clap::Args;
use gateway_bundle::{
    CodeSource, Difference, GatewayName, Kustomization, KustomizeOptions, ServiceName, Severity,
    bundle, kustomize,
};
use miette::{IntoDiagnostic, Result, miette};
use similar::TextDiff;

use gateway_harness::manifest_files;

const EXAMPLES: &str = "\
Examples:
  gwf bundle manifests/ -o deploy/
  gwf bundle manifests/ --diff deploy/
  gwf bundle manifests/ -o deploy/ --modules 'oci://ghcr.io/acme/gateway-filters/{name}:1.0'
  gwf bundle manifests/ -o deploy/ --modules 'https://assets.example.com/{name}.wasm'
  gwf bundle manifests/ -o deploy/ --rate-limit-service infra/ratelimit:8081
  gwf bundle manifests/ -o deploy/ --route shop/checkout

The folder has everything that the manifests have, with their routes, limits and canaries in the
filters' configurations. Apply it in place of the manifests: kubectl apply --server-side -k deploy/

Exit status: 0 written, or nothing differs; 1 something of the manifests cannot be carried over, or
--diff found differences; 2 wrong usage, manifests that cannot be read, a folder that cannot be
written.";

/// Write what Envoy Gateway needs to have the filters decide.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BundleCommand {
    /// Manifests: files, or folders of *.yaml.
    #[arg(required = true, value_name = "MANIFESTS")]
    paths: Vec<PathBuf>,
    /// Folder to write to. Files in it that an earlier bundle wrote are replaced or removed.
    #[arg(short, long, value_name = "DIR", required_unless_present_any = ["diff", "stdout"])]
    output: Option<PathBuf>,
    /// Print what would change in this folder, and write nothing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["output", "stdout"])]
    diff: Option<PathBuf>,
    /// Print all objects, and write nothing.
    #[arg(long, conflicts_with = "output")]
    stdout: bool,
    /// Where Envoy Gateway gets the modules: an OCI image, or an https URL of the file; {name} is the
    /// filter's. Of a filter that the manifests load themselves, it is what stands there if not given.
    #[arg(long, value_name = "URL")]
    modules: Option<String>,
    /// Filters to pass over when their module fails, repeated or separated by commas; the others
    /// answer 503.
    #[arg(long, value_name = "FILTER", value_delimiter = ',',
          value_parser = ["route-match", "rate-limit", "canary"])]
    fail_open: Vec<String>,
    /// The rate limit service, of the manifests or of the cluster, in cleartext HTTP/2: a route is
    /// written that gives the filter a cluster to call.
    #[arg(long, value_name = "NAMESPACE/SERVICE:PORT", value_parser = service)]
    rate_limit_service: Option<ServiceName>,
    /// Have the filters decide for this route only, repeated; all others stay native.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    route: Vec<String>,
    /// The Gateway that serves Ingress objects, if there are several.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<GatewayName>,
    /// Write even if something is not carried over.
    #[arg(long)]
    force: bool,
}

fn service(text: &str) -> Result<ServiceName, String> {
    let parsed = text.split_once('/').and_then(|(namespace, rest)| {
        let (name, port) = rest.rsplit_once(':')?;
        let named = !namespace.is_empty() && !name.is_empty();
        Some(ServiceName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            port: port.parse().ok().filter(|_| named)?,
        })
    });
    parsed.ok_or_else(|| "not NAMESPACE/SERVICE:PORT".to_owned())
}

impl BundleCommand {
    /// Whether all was carried over; with `--diff`, whether nothing differs.
    pub(super) fn run(&self) -> Result<bool> {
        let (manifests, remarks) = manifest_files::read(&self.paths, self.gateway.as_ref())?;
        anstream::eprint!("{remarks}");
        let bundle = bundle(&manifests);
        for route in &self.route {
            let is_there = |rule: &gateway_bundle::ServedRule| {
                format!("{}/{}", rule.namespace, rule.name) == *route
            };
            let mut rules = bundle.gateways.iter().flat_map(|gateway| &gateway.rules);
            if !rules.any(is_there) {
                return Err(miette!("no Gateway serves a route {route}"));
            }
        }
        let told = |entry: &&gateway_bundle::Entry| entry.severity > Severity::Note;
        for entry in bundle.report.entries.iter().filter(told) {
            anstream::eprintln!("{entry}");
        }
        let written = kustomize(&manifests, &bundle, &self.options()?);
        anstream::eprint!("{}", written.report);
        let mut entries = written.report.entries.iter();
        let complete = !entries.any(|entry| entry.severity == Severity::Error);
        if !complete && !self.force {
            anstream::eprintln!("nothing is written: --force leaves these parts out");
            return Ok(false);
        }
        let placeholder = CodeSource::default().url;
        let placeholder = placeholder.split('{').next().unwrap_or_default();
        if written.yaml().contains(placeholder) {
            anstream::eprintln!(
                "the modules' source is a placeholder ({placeholder}…): say with --modules where \
                 yours are"
            );
        }
        self.write(&written)
    }

    fn options(&self) -> Result<KustomizeOptions> {
        let code = match &self.modules {
            None => None,
            Some(url) if !url.contains("{name}") => {
                return Err(miette!(
                    "--modules {url}: {{name}} has to stand where the filter's name goes"
                ));
            }
            Some(url) => Some(CodeSource { url: url.clone() }),
        };
        Ok(KustomizeOptions {
            code,
            fail_open: self.fail_open.iter().cloned().collect(),
            rate_limit_service: self.rate_limit_service.clone(),
            routes: self.route.iter().cloned().collect(),
            ..KustomizeOptions::default()
        })
    }

    fn write(&self, written: &Kustomization) -> Result<bool> {
        if self.stdout {
            anstream::print!("{}", written.yaml());
            return Ok(true);
        }
        if let Some(folder) = &self.diff {
            let differences = written.differences(folder).into_diagnostic()?;
            differences.iter().for_each(|one| print(folder, one));
            return Ok(differences.is_empty());
        }
        let Some(folder) = &self.output else {
            return Ok(true);
        };
        let changed = written.differences(folder).into_diagnostic()?.len();
        written.write(folder).into_diagnostic()?;
        let files = written.files().len();
        anstream::eprintln!("{}: {files} files, {changed} changed", folder.display());
        Ok(true)
    }
}

/// As `diff -u` prints it.
fn print(folder: &Path, difference: &Difference) {
    let path = folder.join(&difference.file).display().to_string();
    let old = difference.old.as_deref().unwrap_or_default();
    let new = difference.new.as_deref().unwrap_or_default();
    let none = "/dev/null".to_owned();
    let before = difference.old.as_ref().map_or(&none, |_| &path);
    let after = difference.new.as_ref().map_or(&none, |_| &path);
    let diff = TextDiff::from_lines(old, new);
    anstream::print!("{}", diff.unified_diff().header(before, after));
}
