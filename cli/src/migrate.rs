//! `gwf migrate`.

use std::path::PathBuf;

use clap::Args;
use gateway_bundle::{GatewayName, Manifests, load, migrate};
use miette::{Report, Result, miette};

const EXAMPLES: &str = "\
Example:
  kubectl get ingress,service -n shop -o yaml > shop.yaml
  gwf migrate shop.yaml --gateway infra/public > routes.yaml

An Ingress with the annotations nginx.ingress.kubernetes.io/canary and -by-header becomes a second
backendRef of an HTTPRoute, and an EnvoyExtensionPolicy that loads the canary filter. What is not
carried over is told on stderr, with its file and line.

Exit status: 0 written, whatever was told; 1 if there is no Ingress or the manifests cannot be read;
2 wrong usage.";

/// Write HTTPRoutes and canaries for the Ingress objects of ingress-nginx.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct MigrateCommand {
    /// Manifests with Ingress objects, and the Services that they name ports of.
    #[arg(required = true, value_name = "MANIFESTS")]
    paths: Vec<PathBuf>,
    /// The Gateway that the HTTPRoutes are attached to.
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "default/gateway")]
    gateway: GatewayName,
}

impl MigrateCommand {
    /// Whether there was anything to write for.
    pub(super) fn run(&self) -> Result<bool> {
        let manifests = match load(&self.paths) {
            Ok(manifests) => manifests,
            Err(errors) => {
                anstream::eprintln!("{:?}", Report::new(errors));
                return Ok(false);
            }
        };
        let has_ingress = |manifests: &Manifests| {
            let mut kinds = manifests.documents().map(|document| document.kind());
            kinds.any(|kind| kind == "Ingress")
        };
        if !has_ingress(&manifests) {
            anstream::eprintln!("{:?}", miette!("there is no Ingress in these manifests"));
            return Ok(false);
        }
        let migration = migrate(&manifests, &self.gateway);
        anstream::eprint!("{}", migration.remarks);
        anstream::print!("{migration}");
        Ok(true)
    }
}
