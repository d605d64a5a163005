//! A Gateway of a scenario: bundled, translated, run.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use gateway_bundle::{KustomizeOptions, Manifests, bundle, kustomize, load};
use gateway_harness::envoy::{Backends, Binary, EnvoyError, EnvoyHost, EnvoyOptions, ModuleFolder};
use gateway_harness::exchange::{Answer, Exchange, Seen};
use gateway_harness::host::{Host, HostError};
use gateway_harness::scenario::{GatewayRef, Scenario};
use serde_json::{Value, json};

use crate::dump::Dump;
use crate::filters;
use crate::objects::translatable;
use crate::tool::Egctl;

/// What translates and what runs.
pub(crate) struct Tools {
    pub(crate) egctl: Egctl,
    pub(crate) envoy: Binary,
}

/// Which routes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routes {
    /// Those of the bundle.
    Bundle,
    /// The original ones, too.
    Both,
}

/// The Envoy of a Gateway.
struct Gateway(EnvoyHost);

/// Starts the Envoy of a scenario's Gateway.
pub(crate) fn open(
    tools: &Tools,
    scenario: &Scenario,
    gateway: &GatewayRef,
    routes: Routes,
) -> Result<Box<dyn Host>, Box<dyn Error>> {
    let manifests = load(&scenario.manifests)?;
    let written = kustomize(
        &manifests,
        &bundle(&manifests),
        &KustomizeOptions::default(),
    );
    let written = Manifests::parse("bundle", &written.yaml())?;
    let mut objects = translatable(&written);
    if routes == Routes::Both {
        let originals = translatable(&manifests).into_iter();
        objects.extend(originals.filter(|one| one["kind"].as_str().unwrap().ends_with("Route")));
    }
    objects.iter_mut().for_each(open_listeners);
    let result = tools.egctl.translate(&objects)?;
    let name = format!("{}/{}", gateway.namespace, gateway.name);
    let mut dump = Dump::new(&result["xds"][&name]["configs"], &objects);

    let bundle = bundle(&written);
    let mut gateways = bundle.gateways.iter();
    let ports = gateways.find(|one| one.namespace == gateway.namespace && one.name == gateway.name);
    let ports = ports.map_or(Vec::new(), |found| {
        found
            .listeners
            .iter()
            .map(|listener| listener.port)
            .collect()
    });
    let listeners: BTreeMap<u16, String> = ports
        .into_iter()
        .filter_map(|port| Some((port, dump.listener(port)?)))
        .collect();
    let clusters = dump.services(&objects);
    let options = EnvoyOptions {
        concurrency: u32::try_from(scenario.workers.get())?,
        ..EnvoyOptions::default()
    };
    let bootstrap = |backends: &Backends, folder: &Path| {
        let modules = ModuleFolder::new(folder.join("modules"))?;
        let documents = written.documents();
        for policy in documents.filter(|one| one.kind() == "EnvoyExtensionPolicy") {
            filters::insert(&mut dump, policy, gateway, &modules);
        }
        Ok(dump.bootstrap(backends))
    };
    let envoy = EnvoyHost::start_with(&tools.envoy, &clusters, &listeners, bootstrap, &options)?;
    Ok(Box::new(Gateway(envoy)))
}

/// egctl drops the labels of namespaces, by which listeners take routes. A bundle has none that they do
/// not take.
fn open_listeners(object: &mut Value) {
    let listeners = object.pointer_mut("/spec/listeners");
    for listener in listeners
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let namespaces = listener.pointer_mut("/allowedRoutes/namespaces");
        if let Some(namespaces) = namespaces.filter(|one| one["from"] == "Selector") {
            *namespaces = json!({"from": "All"});
        }
    }
}

impl Host for Gateway {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        self.0.send(exchange).map_err(|error| match error {
            EnvoyError::Unsendable(_) => HostError::unable(&error),
            error => HostError::new(&error),
        })
    }

    fn metric(&mut self, name: &str, awaited: u64) -> Result<Option<u64>, HostError> {
        let metric = self.0.metric(name, awaited);
        metric.map_err(|error| HostError::new(&error))
    }

    fn received(&mut self, id: &str) -> Result<Vec<Seen>, HostError> {
        let received = self.0.received(id);
        received.map_err(|error| HostError::new(&error))
    }
}
