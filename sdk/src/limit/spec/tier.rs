//! Tier tables.

use super::{CostSpec, LimitSpec, LimitType, is_default};
use crate::key::KeySpec;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Limits per tier, counted per client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TierTableSpec {
    /// The table's name in metrics and in the service's descriptors; `tiers-<index>` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Local when absent.
    #[serde(default, rename = "type", skip_serializing_if = "is_default")]
    pub kind: LimitType,
    /// What names the tier of a request.
    pub tier: KeySpec,
    /// What tells clients apart. A request without it is counted with all others of its tier that
    /// lack it.
    pub key: KeySpec,
    /// The limit of each client of a tier, by the tier's name.
    pub limits: BTreeMap<String, LimitSpec>,
    /// The tier of requests that name none, or one that has no limit here. Absent: the table does
    /// not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_tier: Option<String>,
    /// Limits for single clients, by the value of their key, whatever their tier.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clients: BTreeMap<String, LimitSpec>,
    /// What a request counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<CostSpec>,
    /// Counted over all routes; true when absent, for a tier is a promise to a client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<bool>,
    /// Counted and not enforced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow_mode: Option<bool>,
}
