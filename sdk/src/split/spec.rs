//! The configuration of canaries as it is written: serde structures, with the names of the Gateway API
//! and Envoy Gateway where they have one.
//!
//! Unknown fields are refused; values are checked when the `Canaries` are built.

mod guard;
mod ramp;
mod sticky;

pub use guard::{BackOff, GuardSpec, LatencySpec, TrialSpec};
pub use ramp::{Finish, PauseSpec, RampMode, RampSpec, StepSpec};
pub use sticky::{
    CookieConfigSpec, CookieLifetime, CookieSpec, SameSite, SessionPersistenceSpec, SessionType,
    StickySpec,
};

use crate::key::KeySpec;
use crate::target::RouteFrom;
use serde::{Deserialize, Serialize};

/// The configuration of the `canary` filter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CanaryFilterSpec {
    /// Where the name of the matched route is read, for [`CanarySpec::targets`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub route_from: RouteFrom,
    /// The first with a matching target decides on a request, and no other.
    pub canaries: Vec<CanarySpec>,
}

/// How the requests of some routes are split.
///
/// What decides, in this order: `overrides`, `sessionPersistence`, then the shares, by `sticky` key or
/// by chance. The share of the canary is that of `ramp`, else `weight`, else what the weights of
/// `backends` come to; `guard` may take it away.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CanarySpec {
    /// Unique in the filter. Metrics, logs and the guard's state are named after it, and clients are
    /// drawn with it: two canaries do not pick the same ones.
    pub name: String,
    /// The routes that are split; absent is every request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<RouteTargetSpec>>,
    /// The request header that names the chosen backend, `x-gateway-canary` when absent. Behind
    /// `route-match` it is `x-gateway-backend`. What a client sends in it is overwritten or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What is chosen from; `stable` and `canary` when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<BackendSpec>,
    /// Which of `backends` is the canary, by name. All others together are stable. `canary` when
    /// `backends` is empty; else without it there is no canary, and so no override, ramp or guard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// The canary's share of `weightTotal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// What `weight` and the weights of `ramp` are shares of; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_total: Option<u32>,
    /// Requests that are decided on before all else; the first that decides is taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<OverrideSpec>,
    /// What keeps a client where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<StickySpec>,
    /// As an HTTPRoute rule has it: a client that was served once stays with its backend, whatever
    /// becomes of the weights, until it has none left or the guard takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_persistence: Option<SessionPersistenceSpec>,
    /// The canary's share as a function of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampSpec>,
    /// Takes the canary's share away while it does worse than stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardSpec>,
    /// A response header that tells who served: `canary` or `stable`, without a canary the backend's
    /// name. None when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant_header: Option<String>,
}

/// A route, one of its rules, or without either every request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTargetSpec {
    /// `httproute/<namespace>/<name>` or `grpcroute/<namespace>/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Index of a rule of that route; absent is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<u32>,
}

/// Something to choose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendSpec {
    /// What the header gets. Absent: a backend that cannot be used, whose share is answered 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// "Weight specifies the proportion of requests forwarded to the referenced backend. This is
    /// computed as weight/(sum of all weights in this BackendRefs list)." 1 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// Requests that go to the canary or to stable for what they carry.
///
/// With neither `values` nor `pattern`, the value `always` goes to the canary and `never` to stable, as
/// with ingress-nginx's `canary-by-header` and `canary-by-cookie`; any other decides nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OverrideSpec {
    /// What is looked at.
    pub key: KeySpec,
    /// Decides if it is one of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Decides if the whole value matches this regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Where it goes with `values` or `pattern`; `Canary` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Variant>,
}

/// One of the two sides of a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Variant {
    /// The backends that are not the canary.
    Stable,
    /// The canary.
    Canary,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
