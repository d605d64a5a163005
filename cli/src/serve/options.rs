//! What `gwf serve` serves, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use gateway_bundle::GatewayName;
use gateway_harness::proxy::Services;

use super::backends::BackendAddress;
use crate::manifests::ManifestSources;
use crate::modules::ModuleSources;

/// What is served, and how.
#[derive(Debug, Clone)]
pub(super) struct ServeOptions {
    /// The manifests.
    pub(super) manifests: ManifestSources,
    /// The only Gateway to serve; absent is all of them.
    pub(super) gateway: Option<GatewayName>,
    /// Services with an address. All others have an echo backend.
    pub(super) backends: Vec<BackendAddress>,
    /// Local ports for ports of Gateways; 0 is one that the kernel chooses.
    pub(super) ports: BTreeMap<u16, u16>,
    /// Where the services listen that filters call.
    pub(super) services: Services,
    /// The filters.
    pub(super) modules: ModuleSources,
    /// Tell of every request.
    pub(super) access_log: bool,
    /// How long the connections of a replaced configuration may go on.
    pub(super) drain: Duration,
}
