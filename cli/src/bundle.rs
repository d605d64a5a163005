//! `gwf bundle`.

mod sarif;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use gateway_bundle::{
    Bundle, CodeSource, Difference, Entry, GatewayName, Kustomization, KustomizeOptions, Manifests,
    ServedRule, ServiceName, Severity, bundle, kustomize,
};
use miette::{IntoDiagnostic, Result, miette};
use serde_json::{Value, json};
use similar::TextDiff;

pub(crate) use self::sarif::print_errors as print_sarif;
use crate::ErrorForm;
use crate::manifests::ManifestArgs;
use crate::output::{self, ErrorDocument, ErrorEntry, Remarks};

const EXAMPLES: &str = "\
Examples:
  gwf bundle -f manifests/ --output-dir deploy/
  gwf bundle -f manifests/ --diff deploy/
  kubectl get gateway,httproute,service -A -o yaml | gwf bundle -f - > bundle.yaml
  gwf bundle -f manifests/ --output-dir deploy/ --image 'oci://ghcr.io/acme/gateway-filters/{name}:1.0'
  gwf bundle -f manifests/ --output-dir deploy/ --image 'https://assets.example.com/{name}.wasm'
  gwf bundle -f manifests/ --output-dir deploy/ --rate-limit-service infra/ratelimit:8081
  gwf bundle -f manifests/ --output-dir deploy/ --route shop/checkout
  gwf bundle -f manifests/ -o sarif > bundle.sarif

The bundle contains everything in the manifests, with their routes, limits and canaries in the filters'
configurations. Apply it in place of the manifests: kubectl apply --server-side -k deploy/

Exit status: 0 written, or nothing differs; 1 part of the manifests cannot be carried over, or --diff
found differences; 2 wrong usage, manifests that cannot be read, or a folder that cannot be written.";

/// Write what Envoy Gateway needs to run the filters.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BundleCommand {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// Write the bundle to this folder as a kustomization. Files that an earlier bundle wrote there are
    /// replaced or removed.
    #[arg(long, value_name = "DIR", conflicts_with = "diff")]
    output_dir: Option<PathBuf>,
    /// Print what would change in this folder, and write nothing.
    #[arg(long, value_name = "DIR")]
    diff: Option<PathBuf>,
    /// Print the objects as yaml or json, or a report as sarif. Without --output-dir and --diff the default
    /// is yaml.
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    /// Where Envoy Gateway gets the module: an OCI image, or the https URL of a file; {name} stands for the
    /// filter's name, gateway. Without it, a filter that the manifests load keeps its own source.
    #[arg(long, value_name = "URL")]
    image: Option<String>,
    /// The rate limit service, in cleartext HTTP/2: writes a route that gives the filter a cluster to call.
    #[arg(long, value_name = "NAMESPACE/SERVICE:PORT", value_parser = service)]
    rate_limit_service: Option<ServiceName>,
    /// Have the filters decide for this route only; all others stay native. Repeat it for several.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    route: Vec<String>,
    /// The Gateway that serves Ingress objects, if the manifests have several.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<GatewayName>,
    /// Write the rest even if part of the manifests cannot be carried over.
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The objects, as YAML documents.
    Yaml,
    /// The objects, as a Kubernetes List.
    Json,
    /// A report of rejected and ignored parts, as a SARIF log.
    Sarif,
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
    pub(super) fn error_form(&self) -> ErrorForm {
        match self.output {
            Some(Format::Json) => ErrorForm::Json,
            Some(Format::Sarif) => ErrorForm::Sarif,
            Some(Format::Yaml) | None => ErrorForm::None,
        }
    }

    /// Whether all was carried over; with `--diff`, whether nothing differs.
    pub(super) fn run(&self, remarks: Remarks) -> Result<bool> {
        let options = self.options()?;
        let (manifests, migrated) = self.manifests.read(self.gateway.as_ref())?;
        migrated.entries.iter().for_each(output::error_line);
        let bundle = bundle(&manifests);
        self.check_names(&manifests, &bundle, remarks)?;
        let written = kustomize(&manifests, &bundle, &options);
        let of_bundle = bundle.report.entries.iter();
        let of_bundle = of_bundle.filter(|entry| entry.severity > Severity::Note);
        let entries = of_bundle.chain(&written.report.entries);
        for entry in entries.clone() {
            match entry.severity {
                Severity::Error => output::error_line(entry),
                _ => remarks.line(entry),
            }
        }
        let entries: Vec<&Entry> = migrated.entries.iter().chain(entries).collect();
        if self.output == Some(Format::Sarif) {
            sarif::print(&entries)?;
        }
        let mut not_carried_over = written.report.entries.iter();
        let complete = !not_carried_over.any(|entry| entry.severity == Severity::Error);
        if !complete && !self.force {
            output::error_line("nothing is written; --force writes the rest");
            if self.output == Some(Format::Json) {
                let errors = entries.iter().filter(|one| one.severity == Severity::Error);
                let errors = errors.map(|one| ErrorEntry::from(*one)).collect();
                output::print_json(&ErrorDocument { errors })?;
            }
            return Ok(false);
        }
        if self.diff.is_none() && self.output != Some(Format::Sarif) {
            remark_on_placeholder(&written, remarks);
        }
        self.write(&written, remarks)
    }

    fn options(&self) -> Result<KustomizeOptions> {
        let folder = self.output_dir.is_some() || self.diff.is_some();
        if folder && matches!(self.output, Some(Format::Yaml | Format::Json)) {
            return Err(miette!(
                "-o yaml and -o json print the objects, --output-dir and --diff take a folder: \
                 choose one of them"
            ));
        }
        let code = self.image.as_ref();
        let code = code.map(|url| CodeSource { url: url.clone() });
        Ok(KustomizeOptions {
            code,
            rate_limit_service: self.rate_limit_service.clone(),
            routes: self.route.iter().cloned().collect(),
            ..KustomizeOptions::default()
        })
    }

    /// Rejects names on the command line that the manifests do not have.
    fn check_names(&self, manifests: &Manifests, bundle: &Bundle, remarks: Remarks) -> Result<()> {
        let rules = bundle.gateways.iter().flat_map(|gateway| &gateway.rules);
        let served = rules.map(|rule: &ServedRule| format!("{}/{}", rule.namespace, rule.name));
        let served: BTreeSet<String> = served.collect();
        let unknown = self.route.iter().filter(|route| !served.contains(*route));
        let unknown: Vec<&str> = unknown.map(String::as_str).collect();
        if !unknown.is_empty() {
            return Err(miette!(
                "--route {}: no Gateway serves a route of this name",
                unknown.join(", ")
            ));
        }
        // A Service that the manifests do not have is the cluster's; one that they have is known.
        let Some(wanted) = &self.rate_limit_service else {
            return Ok(());
        };
        let mut documents = manifests.documents();
        let service = documents.find(|one| {
            one.kind() == "Service"
                && one.namespace() == wanted.namespace
                && one.name() == wanted.name
        });
        if service.is_none() {
            let (namespace, name) = (&wanted.namespace, &wanted.name);
            remarks.line(format_args!(
                "the manifests have no Service {namespace}/{name}; the cluster must have it"
            ));
        }
        let ports = service.and_then(|service| service.value().pointer("/spec/ports")?.as_array());
        let is_wanted = |port: &Value| port["port"] == wanted.port;
        match ports {
            Some(ports) if !ports.iter().any(is_wanted) => Err(miette!(
                "--rate-limit-service {}/{}:{}: the Service has no port {}",
                wanted.namespace,
                wanted.name,
                wanted.port,
                wanted.port
            )),
            _ => Ok(()),
        }
    }

    fn write(&self, written: &Kustomization, remarks: Remarks) -> Result<bool> {
        if let Some(folder) = &self.diff {
            let differences = written.differences(folder).into_diagnostic()?;
            output::print(|out| {
                let mut differences = differences.iter();
                differences.try_for_each(|one| out.write_all(diff(folder, one).as_bytes()))
            })?;
            return Ok(differences.is_empty());
        }
        if let Some(folder) = &self.output_dir {
            let changed = written.differences(folder).into_diagnostic()?.len();
            written.write(folder).into_diagnostic()?;
            let files = written.files().len();
            remarks.line(format_args!(
                "{}: {files} files, {changed} changed",
                folder.display()
            ));
            return Ok(true);
        }
        match self.output {
            None | Some(Format::Yaml) => {
                output::print(|out| out.write_all(written.yaml().as_bytes()))?;
            }
            Some(Format::Json) => {
                let items: Vec<_> = written.objects.iter().map(|object| &object.value).collect();
                let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
                output::print_json(&list)?;
            }
            Some(Format::Sarif) => {}
        }
        Ok(true)
    }
}

fn remark_on_placeholder(written: &Kustomization, remarks: Remarks) {
    let placeholder = CodeSource::default().url;
    let placeholder = placeholder.split('{').next().unwrap_or_default();
    if written.yaml().contains(placeholder) {
        remarks.line(format_args!(
            "the source of the module is a placeholder ({placeholder}…); name yours with --image"
        ));
    }
}

/// As `diff -u` prints it.
fn diff(folder: &Path, difference: &Difference) -> String {
    let path = folder.join(&difference.file).display().to_string();
    let old = difference.old.as_deref().unwrap_or_default();
    let new = difference.new.as_deref().unwrap_or_default();
    let none = "/dev/null".to_owned();
    let before = difference.old.as_ref().map_or(&none, |_| &path);
    let after = difference.new.as_ref().map_or(&none, |_| &path);
    let diff = TextDiff::from_lines(old, new);
    diff.unified_diff().header(before, after).to_string()
}
