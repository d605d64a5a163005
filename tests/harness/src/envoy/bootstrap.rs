//! A [`Proxy`] written as Envoy's static bootstrap.
//!
//! It mirrors what Envoy Gateway 1.9 emits over xDS (its golden files
//! `internal/xds/translator/testdata/out/xds-ir/*.{listeners,routes}.yaml`): Wasm filters are
//! `disabled` in the listener and enabled by the routes, and the connection manager has Envoy
//! Gateway's defaults. Different are only the addresses (loopback, ports chosen by the kernel), the
//! code (a local file, where Envoy Gateway serves it over HTTPS), the certificates (inline, where it
//! has them fetched) and the clusters (the echo backends, and what filters call, which Envoy Gateway
//! cannot declare but by an EnvoyPatchPolicy).
//!
//! Unset fields are null, which is how protobuf's JSON reads it.

mod cluster;
mod filter;
mod listener;
mod route;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

pub use self::listener::listener_name;
use super::ModuleFolder;
use crate::model::Proxy;

/// The bootstrap of `proxy`, whose modules are in `modules`. `backends` gives the address of each cluster by
/// its name; a cluster without one has no endpoint, and Envoy answers 503 for it.
///
/// All ports are 0: Envoy binds with `SO_REUSEPORT`, so that a second process on a port chosen
/// beforehand would silently take half of its connections.
#[must_use]
pub fn bootstrap(
    proxy: &Proxy,
    backends: &BTreeMap<String, SocketAddr>,
    modules: &ModuleFolder,
) -> Value {
    let clusters: Vec<_> = proxy
        .clusters
        .iter()
        .map(|cluster| cluster::backend(cluster, backends.get(&cluster.name)))
        .chain(proxy.services.iter().map(cluster::service))
        .collect();
    json!({
        "node": {"id": "gwf", "cluster": "gwf"},
        "admin": {"address": address(SocketAddr::from(([127, 0, 0, 1], 0)))},
        "static_resources": {"listeners": listener::listeners(proxy, modules), "clusters": clusters},
    })
}

fn address(address: SocketAddr) -> Value {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

/// A duration as protobuf's JSON has it.
fn duration(duration: Duration) -> String {
    format!("{}.{:09}s", duration.as_secs(), duration.subsec_nanos())
}
