//! What takes the canary's share away.

use super::is_default;
use serde::{Deserialize, Serialize};

/// Compares the canary with stable over a sliding window and backs off where it is worse: more
/// failures, or more slow responses.
///
/// The canary is worse if both can be told apart from chance, each with `significance`: that it fails
/// more than `ratio` times as often as stable does, and more often than `floor`. Where stable gives no
/// response, as when the canary has all requests, it cannot be worse.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GuardSpec {
    /// How far it looks back, at least 1s; 10m when absent. In tenths: what is up to a tenth older
    /// counts, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Responses of the canary in the window below which nothing is told; 10 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_requests: Option<u32>,
    /// How many times as often as stable the canary may fail, 1 or more; 1.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// The share of failures that is never too much, 0 to below 1; 0.001 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
    /// The probability with which chance alone may look as bad, each time that the canary fails; above 0
    /// and at most 0.05, 0.000001 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub significance: Option<f64>,
    /// The gRPC status codes that are failures. When absent: UNKNOWN (2), DEADLINE_EXCEEDED (4),
    /// UNIMPLEMENTED (12), INTERNAL (13), UNAVAILABLE (14) and DATA_LOSS (15), those that OpenTelemetry
    /// calls errors of a server. Of HTTP, 5xx are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_failures: Option<Vec<u8>>,
    /// Slow responses count, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencySpec>,
    /// `Zero` when absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub back_off: BackOff,
    /// How long the canary is held back; 5m when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// How it is tried again afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialSpec>,
}

/// Slow responses, judged as failures are but apart from them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LatencySpec {
    /// A response whose first byte takes longer than this is slow, as in `300ms`.
    pub threshold: String,
    /// As [`GuardSpec::ratio`]; 1.5 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// As [`GuardSpec::floor`]; 0.01 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<f64>,
}

/// How far the guard backs off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackOff {
    /// The canary gets nothing.
    #[default]
    Zero,
    /// The canary gets the weight of the ramp's step before; nothing in the first or without a ramp. If
    /// it does worse there, too, it gets nothing.
    PreviousStep,
}

/// A small share for a while, to see whether the canary has recovered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrialSpec {
    /// The most that the canary gets, of `weightTotal`, at least 1; 1 when absent. It does not get less
    /// than while it was held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// For how long at least; 1m when absent. It also lasts until the canary has had `minRequests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
}
