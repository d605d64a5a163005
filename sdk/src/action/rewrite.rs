//! URLRewrite.

use super::PathModifier;
use crate::route::spec::RewriteSpec;
use crate::route::{Hostname, InvalidConfig};

/// A new Host and a new path for the request that goes to the backend.
#[derive(Debug, Clone)]
pub struct Rewrite {
    /// "Hostname is the value to be used to replace the Host header value during forwarding."
    pub hostname: Option<Box<str>>,
    /// "Path defines a path rewrite."
    pub path: Option<PathModifier>,
}

impl Rewrite {
    /// Compiles the rewrite.
    ///
    /// # Errors
    /// A hostname that is not exact, or a bad path.
    pub fn new(spec: &RewriteSpec) -> Result<Self, InvalidConfig> {
        let hostname = spec.hostname.as_deref().map(precise).transpose()?;
        let path = spec.path.as_ref().map(PathModifier::new).transpose();
        Ok(Rewrite {
            hostname,
            path: path.map_err(|error| error.within("path"))?,
        })
    }
}

/// A `PreciseHostname`: no wildcard.
pub(super) fn precise(text: &str) -> Result<Box<str>, InvalidConfig> {
    match text.parse::<Hostname>() {
        Ok(Hostname::Exact(name)) => Ok(name),
        Ok(_) => Err(InvalidConfig::new(
            "hostname",
            "no wildcard is allowed here",
        )),
        Err(error) => Err(InvalidConfig::new("hostname", error)),
    }
}
