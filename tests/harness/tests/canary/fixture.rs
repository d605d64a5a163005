//! The module in front of two backends, requests for it, and what it reports.

use std::sync::{Arc, LazyLock};

use gwf::abi::{Clock, Deadline, EnvoyVersion, Plugin, Process, Runtime};
use gwf::chain::{Admission, EmbeddedEnvoy, Options};
use gwf::exchange::{Answer, Exchange};
use serde_json::Value;

use crate::two_backends::{canary, proxy};

/// Compiles the module once for all tests.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap());

/// An Envoy with a canary of these fields, and its clock.
pub(crate) fn envoy(
    fields: Value,
    workers: usize,
    admission: Admission,
) -> (EmbeddedEnvoy, Arc<Clock>) {
    let clock = Arc::new(Clock::default());
    let options = Options {
        workers,
        admission,
        clock: Arc::clone(&clock),
        ..Options::default()
    };
    let proxy = proxy(&canary(fields));
    let envoy = EmbeddedEnvoy::new(&RUNTIME, &proxy, &options).unwrap();
    (envoy, clock)
}

/// An update of the configuration.
pub(crate) fn plugin(fields: Value) -> Arc<Plugin> {
    Arc::new(Plugin {
        name: "canary".into(),
        configuration: canary(fields).to_string().into(),
        ..Plugin::default()
    })
}

pub(crate) fn get(headers: &[(&str, &[u8])]) -> Exchange {
    let owned = |(name, value): &(&str, &[u8])| ((*name).into(), value.to_vec());
    Exchange {
        headers: headers.iter().map(owned).collect(),
        ..Exchange::get("x.example", "/")
    }
}

pub(crate) fn of_user(user: usize) -> Exchange {
    get(&[("x-user", format!("user-{user}").as_bytes())])
}

/// A request that fails if it comes to the canary.
pub(crate) fn failing() -> Exchange {
    Exchange {
        backend_status: vec![("v2".into(), 503)],
        ..get(&[])
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
