//! `gwf migrate`.

use clap::{Args, ValueEnum};
use gateway_bundle::{Document, GatewayName, Manifests, migrate};
use miette::{Result, miette};
use serde_json::json;

use crate::ErrorForm;
use crate::manifests::{ManifestArgs, has_kind};
use crate::output::{self, ErrorDocument};

const EXAMPLES: &str = "\
Examples:
  kubectl get ingress,service -n shop -o yaml | gwf migrate -f - --gateway infra/public > routes.yaml
  gwf migrate -f manifests/ --gateway infra/public -o json

An Ingress with the annotations nginx.ingress.kubernetes.io/canary and -by-header becomes a second
backendRef of an HTTPRoute, and an EnvoyExtensionPolicy that loads the canary filter. Standard error
reports what is not carried over, with its file and line.

Exit status: 0 written; 1 the manifests have no Ingress; 2 wrong usage, or manifests that cannot be used.";

/// Write HTTPRoutes and canaries for Ingress objects of ingress-nginx.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct MigrateCommand {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// The Gateway to attach the HTTPRoutes to.
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "default/gateway")]
    gateway: GatewayName,
    /// How to print the objects.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Yaml)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// As YAML documents.
    Yaml,
    /// As a Kubernetes List.
    Json,
}

impl MigrateCommand {
    pub(super) fn error_form(&self) -> ErrorForm {
        match self.output {
            Format::Yaml => ErrorForm::None,
            Format::Json => ErrorForm::Json,
        }
    }

    /// Whether there was anything to write for.
    pub(super) fn run(&self) -> Result<bool> {
        let manifests = self.manifests.sources()?.load()?;
        if !has_kind(&manifests, "Ingress") {
            let message = "the manifests have no Ingress, so nothing is written";
            output::error_line(message);
            if self.output == Format::Json {
                output::print_json(&ErrorDocument::from(&miette!("{message}")))?;
            }
            return Ok(false);
        }
        let migration = migrate(&manifests, &self.gateway);
        migration
            .remarks
            .entries
            .iter()
            .for_each(output::error_line);
        match self.output {
            Format::Yaml => output::print(|out| write!(out, "{migration}"))?,
            Format::Json => {
                let written = Manifests::parse("the migrated objects", &migration.to_string())?;
                let items: Vec<_> = written.documents().map(Document::value).collect();
                let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
                output::print_json(&list)?;
            }
        }
        Ok(true)
    }
}
