//! Embedded Envoys whose calls are counted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gateway_harness::chain::{EmbeddedEnvoy, EmbeddedOptions};
use gateway_harness::exchange::{Answer, Exchange};
use gateway_harness::services::ServiceClient;
use gateway_harness::wasm_host::{Clock, Responder};

use crate::embedded_host::RUNTIME;
use crate::fixture::{get, proxy};

/// One Envoy, its calls to the service, and its virtual time, which stands still while the service
/// has its own.
pub(crate) struct Embedded {
    pub(crate) envoy: EmbeddedEnvoy,
    pub(crate) clock: Arc<Clock>,
    calls: Arc<AtomicU64>,
}

impl Embedded {
    /// Asks the service at an address.
    pub(crate) fn new(configuration: String, service: SocketAddr, workers: usize) -> Self {
        let services = proxy("", Some(service)).services;
        let responder = ServiceClient::new(&services).unwrap().responder();
        Self::answered_by(configuration, workers, responder)
    }

    /// Asks whoever.
    pub(crate) fn answered_by(configuration: String, workers: usize, answers: Responder) -> Self {
        let calls = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&calls);
        let clock = Arc::new(Clock::default());
        let options = EmbeddedOptions {
            workers,
            clock: Arc::clone(&clock),
            responder: Arc::new(move |call| {
                count.fetch_add(1, Ordering::SeqCst);
                answers(call)
            }),
            ..EmbeddedOptions::default()
        };
        let envoy = EmbeddedEnvoy::new(&RUNTIME, &proxy(&configuration, None), &options);
        Self {
            envoy: envoy.unwrap_or_else(|error| panic!("{error}")),
            clock,
            calls,
        }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, exchange: &Exchange) -> Answer {
        let answer = self.envoy.send(0, exchange).unwrap();
        assert_eq!(self.envoy.workers()[0].vms()[0].failure(), None);
        answer
    }

    /// The status of a request for a path.
    #[track_caller]
    pub(crate) fn status(&mut self, path: &str) -> u16 {
        self.send(&get(path)).status
    }

    /// The statuses of so many requests for `/a`.
    #[track_caller]
    pub(crate) fn statuses<const N: usize>(&mut self) -> [u16; N] {
        [(); N].map(|()| self.status("/a"))
    }

    /// Calls since the last time.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.swap(0, Ordering::SeqCst)
    }

    /// A metric of the first rule.
    pub(crate) fn metric(&self, what: &str) -> u64 {
        let name = format!("rate_limit.n/p.global-0.{what}");
        self.envoy.process().metric(&name).unwrap()
    }
}
