//! The retries of a rule: a policy on what dispatches for it.
//!
//! HTTPRoute `retry` is for connection errors as well (GEP-1731). What Envoy Gateway 1.9 makes of it has no
//! `reset` among Envoy's reasons: a backend that resets or is late for `backendRequest` gets no other try.
//! A BackendTrafficPolicy may name that reason, and is heard where the rule has no `retry` of its own.

use super::dispatch::{Group, file};
use super::envoy_gateway;
use super::object::WrittenObject;
use super::policy::target_ref;
use crate::bundle::GatewayBundle;
use crate::native::NativeSettings;
use gateway_api::Duration;
use serde_json::{Map, Value, json};

/// Envoy Gateway's reasons where nothing else is said, and `reset`.
const TRIGGERS: [&str; 6] = [
    "connect-failure",
    "refused-stream",
    "unavailable",
    "cancelled",
    "retriable-status-codes",
    "reset",
];

/// The status that Envoy Gateway has retried where a rule names none.
const DEFAULT_CODE: u16 = 503;

/// The policy for these HTTPRoutes, which are of one rule.
pub(super) fn policy(
    gateway: &GatewayBundle,
    group: &Group,
    native: &NativeSettings,
    routes: &[&str],
) -> Option<WrittenObject> {
    let targets = routes.iter();
    let targets: Vec<Value> = targets
        .map(|name| target_ref("HTTPRoute", name, None))
        .collect();
    let mut spec = Map::new();
    spec.insert("targetRefs".to_owned(), targets.into());
    spec.insert("mergeType".to_owned(), "StrategicMerge".into());
    spec.insert("retry".to_owned(), retry(native)?);
    if group.grpc {
        spec.insert("useClientProtocol".to_owned(), true.into());
    }
    Some(WrittenObject::new(
        file(gateway),
        "Retries of a rule, after resets and late attempts, too.",
        (envoy_gateway(), "BackendTrafficPolicy"),
        (&group.namespace, routes.first()?),
        spec.into(),
    ))
}

fn retry(native: &NativeSettings) -> Option<Value> {
    let retry = native.retry.as_ref()?;
    let codes = match retry.codes.as_slice() {
        [] => &[DEFAULT_CODE],
        codes => codes,
    };
    let mut spec = Map::new();
    let on = json!({"triggers": TRIGGERS, "httpStatusCodes": codes});
    spec.insert("retryOn".to_owned(), on);
    if let Some(attempts) = retry.attempts {
        spec.insert("numRetries".to_owned(), attempts.into());
    }
    let mut each = Map::new();
    let timeouts = native.timeouts.as_ref();
    if let Some(timeout) = timeouts.and_then(|timeouts| timeouts.backend_request.as_ref()) {
        each.insert("timeout".to_owned(), timeout.as_str().into());
    }
    // Envoy Gateway refuses a pause of zero.
    if let Some(backoff) = retry.backoff.as_ref().filter(|backoff| !is_zero(backoff)) {
        each.insert("backOff".to_owned(), json!({"baseInterval": backoff}));
    }
    if !each.is_empty() {
        spec.insert("perRetry".to_owned(), each.into());
    }
    Some(spec.into())
}

fn is_zero(duration: &str) -> bool {
    let duration = duration.parse::<Duration>();
    duration.is_ok_and(|duration| duration.is_zero())
}
