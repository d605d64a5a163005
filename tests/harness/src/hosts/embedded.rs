//! The embedded host.

use std::num::NonZero;
use std::time::Duration;

use super::Core;
use crate::chain::{EmbeddedEnvoy, EmbeddedOptions};
use crate::exchange::{Answer, Exchange};
use crate::host::{Host, HostError};
use crate::model::Proxy;
use crate::services::ServiceClient;
use crate::wasm_host::Runtime;

/// The modules in our own proxy-wasm host. Its workers take turns.
pub(super) struct Embedded {
    envoy: EmbeddedEnvoy,
    workers: NonZero<usize>,
    turn: usize,
    explain: Core,
}

impl Embedded {
    pub(super) fn new(
        runtime: &Runtime,
        proxy: &Proxy,
        seed: u64,
        workers: NonZero<usize>,
        explain: Core,
    ) -> Result<Self, HostError> {
        let mut options = EmbeddedOptions {
            seed,
            workers: workers.get(),
            ..EmbeddedOptions::default()
        };
        if !proxy.services.is_empty() {
            let client = ServiceClient::new(&proxy.services);
            options.responder = client.map_err(|error| HostError::new(&error))?.responder();
        }
        let envoy =
            EmbeddedEnvoy::new(runtime, proxy, &options).map_err(|error| HostError::new(&error))?;
        Ok(Embedded {
            envoy,
            workers,
            turn: 0,
            explain,
        })
    }
}

impl Host for Embedded {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        let worker = self.turn % self.workers;
        self.turn = self.turn.wrapping_add(1);
        let mut answer = self
            .envoy
            .send(worker, exchange)
            .map_err(|error| HostError::new(&error))?;
        answer.why.insert(0, self.explain.explain(exchange));
        Ok(answer)
    }

    fn vm_failure(&mut self) -> Option<String> {
        let workers = self.envoy.workers().iter_mut();
        let mut vms = workers.flat_map(|worker| worker.vms());
        vms.find_map(|vm| vm.failure().map(ToString::to_string))
    }

    fn metric(&mut self, name: &str, _awaited: u64) -> Result<Option<u64>, HostError> {
        self.envoy.fire_timers();
        Ok(self.envoy.process().metric(name))
    }

    fn advance(&mut self, by: Duration) {
        self.envoy.advance(by);
    }
}
