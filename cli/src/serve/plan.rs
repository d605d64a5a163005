//! Manifests to proxies: all that can be done without starting anything.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use gateway_bundle::{Entry, GatewayBundle, Manifests, Severity};
use serde_json::Value;

use super::backends;
use super::error::Rejection;
use super::options::ServeOptions;
use gateway_harness::model::{Cluster, Proxy};
use gateway_harness::proxy::{Modules, proxy};

/// What the manifests come to.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) gateways: Vec<GatewayPlan>,
    /// Every object as it was written, by `Kind namespace/name`.
    pub(super) objects: BTreeMap<String, Value>,
    /// The Services with an address, by `<namespace>/<service>:<port>`.
    pub(super) addresses: BTreeMap<String, SocketAddr>,
    /// What was rejected or not supported.
    pub(super) rejected: Vec<Entry>,
}

/// One Gateway.
#[derive(Debug)]
pub(super) struct GatewayPlan {
    pub(super) bundle: GatewayBundle,
    pub(super) proxy: Proxy,
}

impl Plan {
    /// Rejects a `--port` for a port that no Gateway has. Once it serves, an edit may take a listener away.
    pub(super) fn check_ports(&self, options: &ServeOptions) -> Result<(), Rejection> {
        let listeners = self.gateways.iter().flat_map(|one| &one.proxy.listeners);
        let there: BTreeSet<u16> = listeners.map(|listener| listener.port).collect();
        match options.ports.keys().find(|port| !there.contains(port)) {
            Some(&port) => Err(Rejection::Port {
                port,
                there: there.iter().map(u16::to_string).collect(),
            }),
            None => Ok(()),
        }
    }
}

impl GatewayPlan {
    /// `namespace/name`.
    pub(super) fn name(&self) -> String {
        name_of(&self.bundle)
    }
}

fn name_of(gateway: &GatewayBundle) -> String {
    format!("{}/{}", gateway.namespace, gateway.name)
}

/// Reads the manifests and says what is to run.
pub(super) fn plan(options: &ServeOptions) -> Result<Plan, Rejection> {
    let (manifests, remarks) = options.manifests.read(options.gateway.as_ref())?;
    let bundle = gateway_bundle::bundle(&manifests);
    let names = bundle.gateways.iter().map(name_of).collect();
    let mut gateways = bundle.gateways;
    if let Some(wanted) = &options.gateway {
        gateways.retain(|one| one.namespace == wanted.namespace && one.name == wanted.name);
    }
    if gateways.is_empty() {
        return Err(Rejection::NoGateway {
            wanted: options.gateway.clone(),
            there: names,
        });
    }
    let modules = options.modules.read()?;
    let proxied = |bundle| proxied(&manifests, bundle, &modules, options);
    let gateways = gateways.into_iter().map(proxied);
    let gateways: Vec<GatewayPlan> = gateways.collect::<Result<_, _>>()?;
    let mut rejected = remarks.entries;
    rejected.extend(bundle.report.entries);
    // A note is of no consequence; what Envoy would do in a cluster and does not here is none.
    rejected.retain(|entry| entry.severity != Severity::Note);
    if gateways
        .iter()
        .all(|gateway| gateway.proxy.listeners.is_empty())
    {
        return Err(Rejection::NoListener(
            rejected.iter().map(ToString::to_string).collect(),
        ));
    }
    let clusters = gateways.iter().flat_map(|gateway| &gateway.proxy.clusters);
    let clusters: Vec<Cluster> = clusters.cloned().collect();
    let documents = manifests.documents();
    Ok(Plan {
        addresses: backends::addresses(&options.backends, &manifests, &clusters)?,
        objects: documents
            .map(|document| (document.object(), document.value().clone()))
            .collect(),
        gateways,
        rejected,
    })
}

/// The one place that knows how a Gateway of the manifests becomes what Envoy is told.
fn proxied(
    manifests: &Manifests,
    bundle: GatewayBundle,
    modules: &Modules,
    options: &ServeOptions,
) -> Result<GatewayPlan, Rejection> {
    let proxy = proxy(manifests, &bundle, modules, &options.services)?;
    Ok(GatewayPlan { bundle, proxy })
}
