//! The module in front of two backends, requests for it, and what it reports.

use std::sync::Arc;

use gateway_harness::chain::{Admission, EmbeddedEnvoy};
use gateway_harness::exchange::{Answer, Exchange};
use gateway_harness::wasm_host::{Clock, Plugin, Process};
use serde_json::Value;

use crate::embedded_host;
pub(crate) use crate::embedded_host::get;
use crate::two_backends::{canary, proxy};

/// An Envoy with a canary of these fields, and its clock.
pub(crate) fn envoy(
    fields: Value,
    workers: usize,
    admission: Admission,
) -> (EmbeddedEnvoy, Arc<Clock>) {
    embedded_host::envoy(&proxy(&canary(fields)), workers, admission)
}

/// An update of the configuration.
pub(crate) fn plugin(fields: Value) -> Arc<Plugin> {
    Arc::new(Plugin {
        name: "canary".into(),
        configuration: canary(fields).to_string().into(),
        ..Plugin::default()
    })
}

pub(crate) fn of_user(user: usize) -> Exchange {
    get(b"/", &[("x-user", format!("user-{user}").as_bytes())])
}

/// A request that fails if it comes to the canary.
pub(crate) fn failing() -> Exchange {
    Exchange {
        backend_status: vec![("v2".into(), 503)],
        ..get(b"/", &[])
    }
}

/// Whether the canary answered.
#[track_caller]
pub(crate) fn is_canary(answer: &Answer) -> bool {
    match &answer.seen {
        Some(seen) => seen.service == "v2",
        None => panic!("no backend was reached: {answer:?}"),
    }
}

/// A metric of the canary.
pub(crate) fn metric(process: &Process, what: &str) -> u64 {
    process.metric(&format!("canary.shop.{what}")).unwrap()
}
