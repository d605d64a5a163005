//! The canary's share as a function of time.

use super::is_default;
use serde::{Deserialize, Serialize};

/// Weights one after the other. Before `start` the weight is 0; after the last step it stays.
///
/// It depends on the clock alone, so every Envoy of every replica has the same share at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RampSpec {
    /// When it begins, in RFC 3339: `2026-01-31T12:00:00Z`.
    pub start: String,
    /// `Stepwise` when absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: RampMode,
    /// At least one; weights do not fall.
    pub steps: Vec<StepSpec>,
    /// Times in which the ramp stands still, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pauses: Vec<PauseSpec>,
    /// Ends the ramp at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
}

/// From one weight to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RampMode {
    /// A step has its weight from its beginning.
    #[default]
    Stepwise,
    /// A step goes from the weight before to its own, evenly over its duration; the first from 0.
    Linear,
}

/// A weight and how long it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StepSpec {
    /// The canary's share of `weightTotal`.
    pub weight: u32,
    /// As in `30m`; the last step may be without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
}

/// A time in which the ramp stands still.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PauseSpec {
    /// RFC 3339.
    pub from: String,
    /// RFC 3339; absent is until the configuration says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// How a ramp ends at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finish {
    /// All to the canary.
    Promote,
    /// All to stable.
    Abort,
}
