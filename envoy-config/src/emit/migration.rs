//! Ingress objects as Gateway API objects.

mod gateway_name;
mod write;

pub use gateway_name::{GatewayName, InvalidGatewayName};
pub use write::MigratedObject;

use crate::load::Manifests;
use crate::report::Report;
use crate::resolve::ingress;
use std::fmt;

/// What takes the place of some Ingress objects. As text it is the objects' YAML, each after a comment
/// that says what it is for.
#[derive(Debug, Clone)]
pub struct Migration {
    /// HTTPRoutes, then EnvoyExtensionPolicies.
    pub objects: Vec<MigratedObject>,
    /// What was not carried over, by file and line.
    pub remarks: Report,
}

impl fmt::Display for Migration {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for object in &self.objects {
            formatter.write_str("---\n")?;
            for line in object.comment.lines() {
                writeln!(formatter, "# {line}")?;
            }
            writeln!(formatter, "{}", object.yaml.trim_end())?;
        }
        Ok(())
    }
}

/// Writes HTTPRoutes for the Ingress objects, and EnvoyExtensionPolicies for their canaries.
#[must_use]
pub fn migrate(manifests: &Manifests, gateway: &GatewayName) -> Migration {
    let mut remarks = Report::default();
    let ingresses = ingress::ingresses(manifests, &mut remarks);
    let objects = write::objects(&ingresses, gateway);
    remarks
        .entries
        .sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Migration { objects, remarks }
}
