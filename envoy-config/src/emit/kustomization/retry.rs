//! The retries of a rule: a policy on what dispatches for it.
//!
//! HTTPRoute `retry` is for connection errors as well (GEP-1731). What Envoy Gateway 1.9 makes of it has no
//! `reset` among Envoy's reasons: a backend that resets or is late for `backendRequest` gets no other try.
//! A BackendTrafficPolicy may name that reason, and is heard where the rule has no `retry` of its own.

use super::group::{Group, dispatch_file};
use super::naming::envoy_gateway;
use super::object::{WrittenObject, members};
use super::reference::target_ref;
use crate::resolve::model::GatewayBundle;
use crate::resolve::native::NativeSettings;
use gateway_api::Duration;
use serde_json::{Value, json};

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
    let spec = members([
        ("targetRefs", Some(targets.into())),
        ("mergeType", Some("StrategicMerge".into())),
        ("retry", Some(retry(native)?)),
        ("useClientProtocol", group.grpc.then(|| true.into())),
    ]);
    Some(WrittenObject::new(
        dispatch_file(gateway),
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
    let timeout = native.timeouts.as_ref();
    let timeout = timeout.and_then(|timeouts| timeouts.backend_request.as_ref());
    // Envoy Gateway refuses a pause of zero.
    let backoff = retry.backoff.as_ref().filter(|backoff| !is_zero(backoff));
    let each = members([
        ("timeout", timeout.map(|timeout| json!(timeout))),
        (
            "backOff",
            backoff.map(|backoff| json!({"baseInterval": backoff})),
        ),
    ]);
    let on = json!({"triggers": TRIGGERS, "httpStatusCodes": codes});
    let spec = members([
        ("retryOn", Some(on)),
        ("numRetries", retry.attempts.map(|attempts| attempts.into())),
        ("perRetry", (!each.is_empty()).then(|| each.into())),
    ]);
    Some(spec.into())
}

fn is_zero(duration: &str) -> bool {
    let duration = duration.parse::<Duration>();
    duration.is_ok_and(|duration| duration.is_zero())
}
