//! How the Gateway of migrated routes is named.

use serde::Serialize;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The Gateway that the routes are attached to, parsed from `<namespace>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GatewayName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for GatewayName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// Not the name of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not NAMESPACE/NAME")]
pub struct InvalidGatewayName(String);

impl FromStr for GatewayName {
    type Err = InvalidGatewayName;

    fn from_str(text: &str) -> Result<Self, InvalidGatewayName> {
        match text.split_once('/') {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(InvalidGatewayName(text.to_owned())),
        }
    }
}
