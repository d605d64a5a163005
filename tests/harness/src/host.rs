//! What a scenario runs on.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::exchange::{Answer, Exchange, Seen};

/// The three hosts. They must agree.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum HostKind {
    /// The SDK's functions, natively.
    Core,
    /// The compiled module in the embedded proxy-wasm host.
    Wasmtime,
    /// The compiled module in a real Envoy.
    Envoy,
}

impl HostKind {
    /// All of them, the fastest first.
    pub const ALL: [Self; 3] = [Self::Core, Self::Wasmtime, Self::Envoy];

    /// Its name on the command line and in `cases.yaml`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Wasmtime => "wasmtime",
            Self::Envoy => "envoy",
        }
    }
}

impl fmt::Display for HostKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One running Gateway: takes requests, gives answers.
pub trait Host {
    /// Sends one request and waits for its answer.
    ///
    /// # Errors
    ///
    /// If there is no answer at all; an HTTP error status is an answer.
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError>;

    /// What backends saw of the requests with this [`REQUEST_ID`](crate::exchange::REQUEST_ID),
    /// copies included, once nothing is under way any more. A host that makes no copies has nothing
    /// to tell: what depends on them is skipped there.
    ///
    /// # Errors
    ///
    /// If it cannot be found out.
    fn received(&mut self, id: &str) -> Result<Vec<Seen>, HostError> {
        let _ = id;
        Ok(Vec::new())
    }

    /// The trap that ended a VM of this host, if one did: its answers say nothing about the filter any more.
    fn vm_failure(&mut self) -> Option<String> {
        None
    }

    /// The value of a filter's counter or gauge, once it is `awaited` or no longer going to be: filters
    /// report some of them at their ticks only. Absent if no filter has defined it.
    ///
    /// # Errors
    ///
    /// If it cannot be found out.
    fn metric(&mut self, name: &str, awaited: u64) -> Result<Option<u64>, HostError> {
        let _ = (name, awaited);
        Ok(None)
    }

    /// Lets virtual time pass. A host without has nothing to do: what depends on it is skipped there.
    fn advance(&mut self, by: Duration) {
        let _ = by;
    }
}

/// A host that could not be started, or that gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct HostError {
    message: String,
    /// The end of the host's log, if it has one; shown with the error.
    pub log: Vec<String>,
    /// The host cannot do at all what the case asks for: a reason to skip it, not to fail it.
    pub unable: bool,
}

impl HostError {
    /// An error with its sources written out, `a: b: c`, but for those that it has told already.
    #[must_use]
    pub fn new(error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let told = cause.to_string();
            if !message.ends_with(&told) {
                message.push_str(": ");
                message.push_str(&told);
            }
            source = cause.source();
        }
        Self {
            message,
            log: Vec::new(),
            unable: false,
        }
    }

    /// The reason why a host of this kind cannot do what a case asks for.
    #[must_use]
    pub fn unable(reason: &dyn Error) -> Self {
        Self {
            unable: true,
            ..Self::new(reason)
        }
    }

    /// The same error with the end of the host's log.
    #[must_use]
    pub fn with_log(mut self, log: Vec<String>) -> Self {
        self.log = log;
        self
    }
}
