//! What stands behind a Service: an address that was given, or an echo backend of this process.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use gateway_bundle::Manifests;
use thiserror::Error;
use tokio::task::AbortHandle;

use super::error::Rejection;
use gateway_harness::envoy::echo;
use gateway_harness::model::Cluster;

/// Of several addresses of a host the first one is taken that is connected to within this time.
const TRY: Duration = Duration::from_millis(300);

/// A Service, or a port of it, and where it really is, parsed from `[NAMESPACE/]SERVICE[:PORT]=HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendAddress {
    namespace: Option<String>,
    service: String,
    port: Option<u16>,
    address: SocketAddr,
}

/// Not a Service with its address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidBackend {
    /// The form is another.
    #[error(
        "it must be SERVICE=HOST:PORT, NAMESPACE/SERVICE=HOST:PORT or NAMESPACE/SERVICE:PORT=HOST:PORT"
    )]
    Form,
    /// The host is not known.
    #[error("cannot find {host}: {reason}")]
    Unknown {
        /// The host and port.
        host: String,
        /// What the resolver says.
        reason: String,
    },
}

impl FromStr for BackendAddress {
    type Err = InvalidBackend;

    fn from_str(text: &str) -> Result<Self, InvalidBackend> {
        let (name, host) = text.split_once('=').ok_or(InvalidBackend::Form)?;
        let (name, port) = match name.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| InvalidBackend::Form)?)),
            None => (name, None),
        };
        let (namespace, service) = match name.split_once('/') {
            Some((namespace, service)) => (Some(namespace), service),
            None => (None, name),
        };
        let bad = |part: &str| part.is_empty() || part.contains('/');
        let has_port = host
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        if bad(service) || namespace.is_some_and(bad) || !has_port {
            return Err(InvalidBackend::Form);
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            service: service.to_owned(),
            port,
            address: resolve(host)?,
        })
    }
}

fn resolve(host: &str) -> Result<SocketAddr, InvalidBackend> {
    let unknown = |reason: String| InvalidBackend::Unknown {
        host: host.to_owned(),
        reason,
    };
    let found = host
        .to_socket_addrs()
        .map_err(|error| unknown(error.to_string()))?;
    let found: Vec<SocketAddr> = found.collect();
    let listens = |address: &&SocketAddr| TcpStream::connect_timeout(address, TRY).is_ok();
    let chosen = match found.as_slice() {
        [only] => Some(only),
        several => several.iter().find(listens).or(several.first()),
    };
    chosen
        .copied()
        .ok_or_else(|| unknown("it has no address".to_owned()))
}

/// Without the address.
impl fmt::Display for BackendAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(formatter, "{namespace}/")?;
        }
        formatter.write_str(&self.service)?;
        match self.port {
            Some(port) => write!(formatter, ":{port}"),
            None => Ok(()),
        }
    }
}

impl BackendAddress {
    fn is_for(&self, service: &ServicePort) -> bool {
        let ServicePort {
            namespace,
            name,
            port,
        } = service;
        self.service == *name
            && self.namespace.as_ref().is_none_or(|own| own == namespace)
            && self.port.is_none_or(|own| own == *port)
    }
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServicePort {
    namespace: String,
    name: String,
    port: u16,
}

impl fmt::Display for ServicePort {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}/{}:{}", self.namespace, self.name, self.port)
    }
}

/// The addresses of the Services that have one, by `<namespace>/<service>:<port>`. If two are given for
/// one port, the last counts.
pub(super) fn addresses(
    given: &[BackendAddress],
    manifests: &Manifests,
    clusters: &[Cluster],
) -> Result<BTreeMap<String, SocketAddr>, Rejection> {
    let services = services(manifests, clusters);
    let mut addresses = BTreeMap::new();
    for backend in given {
        let named: Vec<_> = services
            .iter()
            .filter(|service| backend.is_for(service))
            .collect();
        let refused = |problem| Rejection::Backend {
            name: backend.to_string(),
            problem,
            there: services.iter().map(ToString::to_string).collect(),
        };
        let first = named
            .first()
            .ok_or_else(|| refused("there is no such Service"))?;
        if named.iter().any(|other| other.namespace != first.namespace) {
            return Err(refused("several namespaces have such a Service"));
        }
        addresses.extend(
            named
                .iter()
                .map(|service| (service.to_string(), backend.address)),
        );
    }
    Ok(addresses)
}

/// The Services of the manifests, whether a route leads there or not, and what routes lead to: an
/// ExternalName has no ports.
fn services(manifests: &Manifests, clusters: &[Cluster]) -> Vec<ServicePort> {
    let mut services = Vec::new();
    for document in manifests.documents() {
        if (document.group(), document.kind()) != ("", "Service") {
            continue;
        }
        let ports = document.value().pointer("/spec/ports");
        let ports = ports
            .and_then(serde_json::Value::as_array)
            .into_iter()
            .flatten();
        let ports = ports.filter_map(|port| u16::try_from(port.get("port")?.as_u64()?).ok());
        services.extend(ports.map(|port| ServicePort {
            namespace: document.namespace().to_owned(),
            name: document.name().to_owned(),
            port,
        }));
    }
    services.extend(clusters.iter().map(|cluster| ServicePort {
        namespace: cluster.namespace.clone(),
        name: cluster.service.clone(),
        port: cluster.port,
    }));
    services.sort_unstable();
    services.dedup();
    services
}

/// The echo backends that run.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    running: Vec<(Cluster, SocketAddr, AbortHandle)>,
    shared: Arc<echo::Shared>,
}

impl Echoes {
    /// Where the backend of `cluster` listens, which is started if there is none.
    pub(super) async fn address(&mut self, cluster: &Cluster) -> Result<SocketAddr, Rejection> {
        if let Some((_, address, _)) = self.running.iter().find(|(own, ..)| own == cluster) {
            return Ok(*address);
        }
        let (address, accepting) = echo::start(cluster, &self.shared)
            .await
            .map_err(Rejection::Echo)?;
        self.running.push((cluster.clone(), address, accepting));
        Ok(address)
    }

    /// Ends all others.
    pub(super) fn retain(&mut self, used: &[Cluster]) {
        self.running.retain(|(own, _, accepting)| {
            let keep = used.contains(own);
            if !keep {
                accepting.abort();
            }
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFESTS: &str = "
apiVersion: v1
kind: Service
metadata: {name: app, namespace: shop}
spec: {ports: [{port: 80, name: a}, {port: 81, name: b}]}
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: pay}
spec: {ports: [{port: 80}]}
";

    fn found(given: &[&str]) -> Result<Vec<(String, u16)>, String> {
        let manifests = Manifests::parse("m.yaml", MANIFESTS).unwrap();
        let given: Vec<BackendAddress> = given.iter().map(|one| one.parse().unwrap()).collect();
        let found = addresses(&given, &manifests, &[]).map_err(|error| error.to_string())?;
        Ok(found
            .into_iter()
            .map(|(name, at)| (name, at.port()))
            .collect())
    }

    #[test]
    fn a_service_is_named_as_exactly_as_need_be() {
        let pay = found(&["pay=127.0.0.1:1"]).unwrap();
        assert_eq!(pay, [("default/pay:80".to_owned(), 1)]);
        let shop = found(&["shop/app=127.0.0.1:1", "shop/app:81=127.0.0.1:2"]).unwrap();
        assert_eq!(
            shop,
            [("shop/app:80".to_owned(), 1), ("shop/app:81".to_owned(), 2)]
        );
    }

    #[test]
    fn a_name_of_none_or_of_several_is_refused_with_those_that_there_are() {
        for (name, problem) in [
            ("cart", "there is no such Service"),
            ("pay:81", "there is no such Service"),
            ("app:80", "several namespaces have such a Service"),
        ] {
            let refused = found(&[&format!("{name}=127.0.0.1:1")]).unwrap_err();
            assert_eq!(
                refused,
                format!(
                    "--backend {name}: {problem}; the Services are default/app:80, \
                     default/pay:80, shop/app:80, shop/app:81"
                )
            );
        }
        for malformed in [
            "pay",
            "pay=127.0.0.1",
            "a/b/c=127.0.0.1:1",
            "=127.0.0.1:1",
            "pay:x=1:1",
        ] {
            assert_eq!(
                malformed.parse::<BackendAddress>(),
                Err(InvalidBackend::Form)
            );
        }
    }
}
