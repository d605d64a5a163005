//! The embedded host.

use super::Core;
use crate::abi::Runtime;
use crate::chain::{self, EmbeddedEnvoy};
use crate::exchange::{Answer, Exchange};
use crate::host::{Host, HostError};
use crate::xds::Proxy;

/// The module in our own proxy-wasm host.
pub(super) struct Embedded {
    envoy: EmbeddedEnvoy,
    explain: Core,
}

impl Embedded {
    pub(super) fn new(
        runtime: &Runtime,
        proxy: &Proxy,
        seed: u64,
        explain: Core,
    ) -> Result<Self, HostError> {
        let options = chain::Options {
            seed,
            ..chain::Options::default()
        };
        let envoy =
            EmbeddedEnvoy::new(runtime, proxy, &options).map_err(|error| HostError::new(&error))?;
        Ok(Embedded { envoy, explain })
    }
}

impl Host for Embedded {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        let mut answer = self
            .envoy
            .send(0, exchange)
            .map_err(|error| HostError::new(&error))?;
        answer.why.insert(0, self.explain.explain(exchange));
        Ok(answer)
    }
}
