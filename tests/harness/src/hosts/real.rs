//! The real Envoy.

use std::num::NonZero;

use super::Core;
use crate::envoy::{Binary, EnvoyError, EnvoyHost, EnvoyOptions};
use crate::exchange::{Answer, Exchange, Seen};
use crate::host::{Host, HostError};
use crate::model::Proxy;

/// The module in Envoy, with V8 and real sockets.
pub(super) struct Real {
    envoy: EnvoyHost,
    explain: Core,
}

impl Real {
    pub(super) fn new(
        binary: &Binary,
        proxy: &Proxy,
        workers: NonZero<usize>,
        explain: Core,
    ) -> Result<Self, HostError> {
        let options = EnvoyOptions {
            concurrency: u32::try_from(workers.get()).unwrap_or(u32::MAX),
            ..EnvoyOptions::default()
        };
        let envoy = EnvoyHost::start(binary, proxy, &options);
        Ok(Real {
            envoy: envoy.map_err(|error| HostError::new(&error))?,
            explain,
        })
    }
}

impl Host for Real {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        let mut answer = self.envoy.send(exchange).map_err(|error| match error {
            EnvoyError::Unsendable(_) => HostError::unable(&error),
            error => HostError::new(&error),
        })?;
        answer.why.insert(0, self.explain.explain(exchange));
        Ok(answer)
    }

    fn vm_failure(&mut self) -> Option<String> {
        self.envoy.vm_failure()
    }

    fn metric(&mut self, name: &str, awaited: u64) -> Result<Option<u64>, HostError> {
        let metric = self.envoy.metric(name, awaited);
        metric.map_err(|error| HostError::new(&error))
    }

    fn received(&mut self, id: &str) -> Result<Vec<Seen>, HostError> {
        let received = self.envoy.received(id);
        received.map_err(|error| HostError::new(&error))
    }
}
