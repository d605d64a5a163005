//! One state of manifests and modules, as far as it has been made: what Envoy is to be told, and what
//! that needs around it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use gateway_bundle::ListenerInfo;
use serde_json::{Value, json};

use super::backends::Echoes;
use super::changes::Named;
use super::error::Rejection;
use super::event::{Backend, CalledFact, Facts, ListenerFact, ServiceFact};
use super::examples::examples;
use super::options::ServeOptions;
use super::plan::{GatewayPlan, Plan};
use super::ports::{GatewayPort, Ports};
use super::xds::{Resources, Setting};
use gateway_harness::envoy::bootstrap::listener_name;
use gateway_harness::envoy::{ModuleFolder, bootstrap};
use gateway_harness::model::{Cluster, Listener, Proxy};
use gateway_harness::proxy::Certificates;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Generation {
    pub(super) resources: Resources,
    pub(super) facts: Facts,
    /// The objects of the manifests and the modules, to tell what differs.
    pub(super) state: Named<Value>,
    ports: BTreeMap<GatewayPort, u16>,
    echoes: Vec<Cluster>,
    modules: BTreeSet<PathBuf>,
}

/// Builds generations, and keeps what they share: ports, backends, certificates, copies of modules.
#[derive(Debug)]
pub(super) struct GenerationBuilder {
    ports: Ports,
    echoes: Echoes,
    certificates: Certificates,
    modules: ModuleFolder,
}

impl GenerationBuilder {
    /// Copies modules into a new folder in `folder`.
    pub(super) fn new(options: &ServeOptions, folder: &Path) -> io::Result<Self> {
        Ok(Self {
            ports: Ports::new(options.ports.clone()),
            echoes: Echoes::default(),
            certificates: Certificates::default(),
            modules: ModuleFolder::new(folder.join("modules"))?,
        })
    }

    /// Starts what `plan` needs and is not there yet, next to what is in use.
    pub(super) async fn build(
        &mut self,
        plan: Plan,
        options: &ServeOptions,
    ) -> Result<Generation, Rejection> {
        let wanted = plan.gateways.iter().flat_map(|gateway| {
            let ports: BTreeSet<u16> = gateway.proxy.listeners.iter().map(|one| one.port).collect();
            ports.into_iter().map(|port| (gateway.name(), port))
        });
        let wanted: Vec<GatewayPort> = wanted.collect();
        let mut generation = Generation {
            ports: self.ports.assign(&wanted)?,
            ..Generation::default()
        };
        generation.facts.rejected = plan.rejected.iter().map(Into::into).collect();
        for gateway in plan.gateways {
            self.add(&mut generation, gateway, &plan.addresses, options)
                .await?;
        }
        generation.state.extend(plan.objects);
        let facts = &mut generation.facts;
        facts.services.sort_unstable();
        facts.services.dedup();
        facts.called.sort_unstable();
        facts.called.dedup();
        Ok(generation)
    }

    async fn add(
        &mut self,
        generation: &mut Generation,
        gateway: GatewayPlan,
        addresses: &BTreeMap<String, SocketAddr>,
        options: &ServeOptions,
    ) -> Result<(), Rejection> {
        let name = gateway.name();
        let GatewayPlan { bundle, mut proxy } = gateway;
        for filter in &proxy.filters {
            let added = self
                .modules
                .add(&filter.module)
                .map_err(Rejection::Module)?;
            generation.modules.insert(added);
            let module = format!("module {}", filter.name);
            generation
                .state
                .insert(module, json!(filter.module.sha256()));
        }
        let self_signed = self.certificates.complete(&mut proxy)?;
        let backends = self.backends(generation, &proxy, addresses).await?;
        let ports: BTreeMap<u16, u16> = generation
            .ports
            .iter()
            .filter(|((gateway, _), _)| *gateway == name)
            .map(|((_, port), local)| (*port, *local))
            .collect();
        let setting = Setting {
            gateway: &name,
            ports: ports
                .iter()
                .map(|(port, local)| (listener_name(*port), *local))
                .collect(),
            backends: proxy
                .clusters
                .iter()
                .map(|cluster| cluster.name.as_str())
                .collect(),
            access_log: options.access_log,
        };
        generation
            .resources
            .add(bootstrap(&proxy, &backends, &self.modules), &setting);
        let listeners = bundle.listeners.iter().map(|info| {
            let is_same = |one: &Listener| one.port == info.port && one.tls.is_some() == info.tls;
            let local = ports.get(&info.port).copied();
            let local = local.filter(|_| proxy.listeners.iter().any(is_same));
            self.listener(&name, info, local, &self_signed)
        });
        let listeners: Vec<ListenerFact> = listeners.collect();
        let facts = &mut generation.facts;
        facts.examples.extend(examples(&bundle, &listeners));
        facts.listeners.extend(listeners);
        facts
            .called
            .extend(proxy.services.iter().map(|service| CalledFact {
                name: service.name.clone(),
                address: service.address,
            }));
        Ok(())
    }

    /// What to say of a listener, and of where it is.
    fn listener(
        &self,
        gateway: &str,
        info: &ListenerInfo,
        local: Option<u16>,
        self_signed: &[Vec<String>],
    ) -> ListenerFact {
        let mut fact = listener(gateway, info, local);
        let moved = local.and_then(|local| self.moved(info.port, local));
        fact.notes.extend(moved);
        let is_own = |names: &Vec<String>| names.iter().eq(&info.hostname);
        if info.tls && self_signed.iter().any(is_own) {
            fact.notes.push("self-signed certificate".to_owned());
        }
        fact
    }

    /// The address of each backend, by its cluster.
    async fn backends(
        &mut self,
        generation: &mut Generation,
        proxy: &Proxy,
        addresses: &BTreeMap<String, SocketAddr>,
    ) -> Result<BTreeMap<String, SocketAddr>, Rejection> {
        let mut backends = BTreeMap::new();
        for cluster in &proxy.clusters {
            let service = format!("{}/{}:{}", cluster.namespace, cluster.service, cluster.port);
            let (address, backend) = match addresses.get(&service) {
                Some(address) => (*address, Backend::Address),
                None => {
                    generation.echoes.push(cluster.clone());
                    (self.echoes.address(cluster).await?, Backend::Echo)
                }
            };
            backends.insert(cluster.name.clone(), address);
            // One that is spoken to in two ways is told once.
            let services = &mut generation.facts.services;
            if !services.iter().any(|one| one.service == service) {
                services.push(ServiceFact {
                    service,
                    backend,
                    address,
                });
            }
        }
        Ok(backends)
    }

    /// What to say of a listener that is not where it should be. Where the kernel chose, it is.
    fn moved(&self, port: u16, local: u16) -> Option<String> {
        let preferred = self.ports.preferred(port);
        let moved = preferred != 0 && preferred != local;
        moved.then(|| format!("{preferred} is another listener's"))
    }

    /// The generation is in force.
    pub(super) fn commit(&mut self, generation: &Generation) {
        self.ports.commit(generation.ports.clone());
    }

    /// Nothing but this generation is in use any more.
    pub(super) fn retain(&mut self, generation: &Generation) {
        self.commit(generation);
        self.echoes.retain(&generation.echoes);
        self.modules.retain(&generation.modules);
    }
}

fn listener(gateway: &str, info: &ListenerInfo, local: Option<u16>) -> ListenerFact {
    let address = local.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let scheme = if info.tls { "https" } else { "http" };
    ListenerFact {
        gateway: gateway.to_owned(),
        listener: info.section.clone(),
        hostname: info.hostname.clone(),
        port: info.port,
        protocol: info.protocol.clone(),
        address,
        url: address.map(|address| format!("{scheme}://{address}")),
        notes: match address {
            Some(_) => Vec::new(),
            None => vec!["not served".to_owned()],
        },
    }
}
