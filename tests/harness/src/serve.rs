//! Manifests as a running gateway on this machine: `gwf serve`.
//!
//! [`run`] makes a `plan` of the manifests, a `generation` of what Envoy is told from it, has an
//! Envoy of its own try that, and only then hands it to the one that serves, as files that it watches
//! (`running`). An edit goes the same way; what is refused anywhere on it changes nothing.

mod access_log;
mod backends;
mod changes;
mod error;
mod event;
mod examples;
mod generation;
mod module_store;
mod plan;
mod ports;
mod running;
mod server;
mod sources;
mod text;
mod trial;
mod watch;
mod xds;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use gateway_bundle::GatewayName;

pub use self::backends::{BackendAddress, InvalidBackend};
pub use self::error::{Refusal, ServeError};
pub use self::event::{
    Backend, CalledFact, Event, Facts, ListenerFact, Refused, RequestLine, ServiceFact,
};
pub use self::server::run;
pub use self::text::write;
use crate::proxy::{Modules, Services};

/// What is served, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Manifest files, and folders with such.
    pub manifests: Vec<PathBuf>,
    /// The only Gateway to serve; absent is all of them.
    pub gateway: Option<GatewayName>,
    /// Services with an address. All others have an echo backend.
    pub backends: Vec<BackendAddress>,
    /// Local ports for ports of Gateways; 0 is one that the kernel chooses.
    pub ports: BTreeMap<u16, u16>,
    /// Where the services listen that filters call.
    pub services: Services,
    /// The filters.
    pub modules: Modules,
    /// Tell of every request.
    pub access_log: bool,
    /// How long the connections of a replaced configuration may go on.
    pub drain: Duration,
}
