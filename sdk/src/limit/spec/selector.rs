//! Which requests a rule is for.

use super::is_default;
use crate::route::spec::MatchKind;
use serde::{Deserialize, Serialize};

/// Which requests a rule is for, and what tells clients apart: all conditions must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SelectorSpec {
    /// "Multiple header values are ANDed together, meaning, a request MUST match all the specified
    /// headers."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<ValueSelectorSpec>,
    /// "Multiple method values are ORed together."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<MethodSelectorSpec>,
    /// Compared with `:path`, query included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathSelectorSpec>,
    /// The client's address.
    #[serde(
        default,
        rename = "sourceCIDR",
        skip_serializing_if = "Option::is_none"
    )]
    pub source_cidr: Option<SourceSelectorSpec>,
    /// Query parameters, decoded; the first value of a name counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_params: Vec<ValueSelectorSpec>,
    /// Cookies. Not in Envoy Gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<ValueSelectorSpec>,
    /// Claims of the bearer token, decoded and not verified: Envoy's jwt filter runs before. Not in
    /// Envoy Gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jwt_claims: Vec<ValueSelectorSpec>,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueSelectorSpec {
    /// `Exact` when absent.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: ValueSelectorType,
    /// Name of the header, parameter, cookie or claim.
    pub name: String,
    /// Not for `Distinct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The condition holds where the value does not match. Not for `Distinct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueSelectorType {
    /// Byte for byte.
    #[default]
    Exact,
    /// A pattern for the whole value.
    RegularExpression,
    /// "Each unique value will receive its own rate limit bucket."
    Distinct,
}

/// A method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MethodSelectorSpec {
    /// The method, in capitals.
    pub value: String,
    /// Every method but this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// A path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathSelectorSpec {
    /// `PathPrefix` when absent.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MatchKind>,
    /// `/` when absent.
    #[serde(default = "root_path")]
    pub value: String,
    /// The condition holds where the path does not match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

fn root_path() -> String {
    "/".to_owned()
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceSelectorSpec {
    /// `Exact` when absent.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: SourceSelectorType,
    /// `192.168.0.0/24`, `2001:db8::/64`.
    pub value: String,
    /// The condition holds for clients outside of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invert: Option<bool>,
}

/// Whether the clients of a network share a counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SourceSelectorType {
    /// "All IP Addresses within the specified Source IP CIDR are treated as a single client selector
    /// and share the same rate limit bucket."
    #[default]
    Exact,
    /// "Each IP Address within the specified Source IP CIDR is treated as a distinct client selector
    /// and uses a separate rate limit bucket/counter."
    Distinct,
}
