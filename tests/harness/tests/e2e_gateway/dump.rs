//! What egctl prints for one Envoy, and the bootstrap that is made of it: nothing is fetched, nothing
//! listens but on loopback, and the Services are echo backends.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_harness::model::{Cluster, UpstreamProtocol};
use serde_json::{Map, Value, json};

/// Certificate and key, by namespace and name of their Secret.
type Certificates = BTreeMap<String, Value>;

/// Listeners, routes, clusters and endpoints of one Envoy.
pub(crate) struct Dump {
    listeners: Vec<Value>,
    routes: BTreeMap<String, Value>,
    clusters: Vec<Value>,
    /// By the name of their cluster.
    endpoints: BTreeMap<String, Value>,
    runtime: Value,
    certificates: Certificates,
}

impl Dump {
    /// Of the parts of `envoy.admin.v3.ConfigDump`. The Secrets are among the objects.
    pub(crate) fn new(configs: &Value, objects: &[Value]) -> Self {
        let part = |kind: &str| {
            let mut parts = configs.as_array().into_iter().flatten();
            let is_it = |part: &&Value| part["@type"].as_str().unwrap().ends_with(kind);
            parts.find(is_it).cloned().unwrap_or_default()
        };
        let list = |kind: &str, list: &str, item: &str| -> Vec<Value> {
            let items = part(kind)[list].as_array().cloned().unwrap_or_default();
            let items = items.iter().map(|one| one.pointer(item).unwrap().clone());
            items.map(untyped).collect()
        };
        let by = |field: &str, list: Vec<Value>| -> BTreeMap<String, Value> {
            let name = |one: &Value| one[field].as_str().unwrap().to_owned();
            list.into_iter().map(|one| (name(&one), one)).collect()
        };
        let mut listeners = list(
            ".ListenersConfigDump",
            "dynamicListeners",
            "/activeState/listener",
        );
        // Envoy Gateway's own, for probes.
        listeners.retain(|one| !text(one, "/name").starts_with("envoy-gateway-proxy-"));
        let routes = list(".RoutesConfigDump", "dynamicRouteConfigs", "/routeConfig");
        let endpoints = list(
            ".EndpointsConfigDump",
            "dynamicEndpointConfigs",
            "/endpointConfig",
        );
        Self {
            listeners,
            routes: by("name", routes),
            clusters: list(".ClustersConfigDump", "dynamicActiveClusters", "/cluster"),
            endpoints: by("clusterName", endpoints),
            runtime: part(".BootstrapConfigDump")["bootstrap"]["layeredRuntime"].clone(),
            certificates: certificates(objects),
        }
    }

    /// The name of the listener for a port of the Gateway. Envoy Gateway moves privileged ports.
    pub(crate) fn listener(&self, port: u16) -> Option<String> {
        let port = if port < 1024 { port + 10_000 } else { port };
        let mut listeners = self.listeners.iter();
        let is_it = |one: &&Value| {
            one.pointer("/address/socketAddress/portValue") == Some(&Value::from(port))
        };
        listeners
            .find(is_it)
            .map(|one| text(one, "/name").to_owned())
    }

    /// What `edit` does to every connection manager.
    pub(crate) fn connection_managers(&mut self, mut edit: impl FnMut(&mut Value)) {
        for listener in &mut self.listeners {
            for chain in chains(listener) {
                for filter in array(&mut chain["filters"]) {
                    if text(filter, "/name") == "envoy.filters.network.http_connection_manager" {
                        edit(&mut filter["typedConfig"]);
                    }
                }
            }
        }
    }

    /// What `edit` does to every virtual host.
    pub(crate) fn virtual_hosts(&mut self, mut edit: impl FnMut(&mut Value)) {
        for routes in self.routes.values_mut() {
            array(&mut routes["virtualHosts"])
                .iter_mut()
                .for_each(&mut edit);
        }
    }

    /// Every route, and the name of its virtual host.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (&str, &Value)> {
        let hosts = self
            .routes
            .values()
            .filter_map(|one| one["virtualHosts"].as_array());
        hosts.flatten().flat_map(|host| {
            let routes = host["routes"].as_array().into_iter().flatten();
            routes.map(|route| (text(host, "/name"), route))
        })
    }

    /// A cluster by its name.
    pub(crate) fn cluster(&self, name: &str) -> Option<&Value> {
        self.clusters.iter().find(|one| text(one, "/name") == name)
    }

    /// `<namespace>/<service>:<port>` of each Service that has endpoints in a cluster.
    pub(crate) fn services_of(&self, cluster: &str) -> Vec<String> {
        let assignment = self.endpoints.get(cluster);
        let localities = assignment.and_then(|one| one["endpoints"].as_array());
        let services = localities.into_iter().flatten().filter_map(service);
        services
            .map(|(namespace, service, port)| id(&namespace, &service, port))
            .collect()
    }

    /// The Services that endpoints are of, as backends to be started.
    pub(crate) fn services(&self, objects: &[Value]) -> Vec<Cluster> {
        let mut services = BTreeMap::new();
        for assignment in self.endpoints.values() {
            for locality in assignment["endpoints"].as_array().into_iter().flatten() {
                let Some((namespace, service, port)) = service(locality) else {
                    continue;
                };
                let name = id(&namespace, &service, port);
                let protocol = protocol(objects, &namespace, &service, port);
                services.entry(name.clone()).or_insert(Cluster {
                    name,
                    namespace,
                    service,
                    port,
                    protocol,
                });
            }
        }
        services.into_values().collect()
    }

    /// All of it at rest. `backends` are the addresses of the Services.
    pub(crate) fn bootstrap(mut self, backends: &BTreeMap<String, SocketAddr>) -> Value {
        let routes = std::mem::take(&mut self.routes);
        self.connection_managers(|manager| {
            let name = text(manager, "/rds/routeConfigName");
            let routes = routes.get(name).cloned().unwrap_or_default();
            let manager = manager.as_object_mut().unwrap();
            manager.remove("rds");
            manager.remove("accessLog");
            manager.insert("routeConfig".to_owned(), routes);
        });
        let certificates = &self.certificates;
        let listeners = self.listeners.into_iter();
        let listeners = listeners.map(|one| local(one, certificates));
        let endpoints = &self.endpoints;
        let clusters = self.clusters.into_iter();
        let clusters = clusters.map(|one| at_rest(one, endpoints, backends));
        json!({
            "node": {"id": "gwf", "cluster": "gwf"},
            "admin": {"address": loopback(0)},
            "layeredRuntime": self.runtime,
            "staticResources": {
                "listeners": listeners.collect::<Vec<_>>(),
                "clusters": clusters.collect::<Vec<_>>(),
            },
        })
    }
}

/// A listener on loopback.
fn local(mut listener: Value, certificates: &Certificates) -> Value {
    listener["address"] = loopback(0);
    listener.as_object_mut().unwrap().remove("accessLog");
    // So that a scenario's client may have any address; who does not speak it is let through.
    let proxy_protocol = json!({
        "name": "envoy.filters.listener.proxy_protocol",
        "typedConfig": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
            "allowRequestsWithoutProxyProtocol": true,
        },
    });
    let filters = listener["listenerFilters"].as_array().cloned();
    let filters: Vec<Value> = std::iter::once(proxy_protocol)
        .chain(filters.into_iter().flatten())
        .collect();
    listener["listenerFilters"] = filters.into();
    for chain in chains(&mut listener) {
        let context = chain.pointer_mut("/transportSocket/typedConfig/commonTlsContext");
        let Some(Value::Object(context)) = context else {
            continue;
        };
        let secrets = context.remove("tlsCertificateSdsSecretConfigs").unwrap();
        let secrets = secrets.as_array().unwrap().iter();
        let pairs: Vec<Value> = secrets
            .map(|secret| certificates[text(secret, "/name")].clone())
            .collect();
        context.insert("tlsCertificates".to_owned(), pairs.into());
    }
    listener
}

/// A cluster with its endpoints.
fn at_rest(
    mut cluster: Value,
    endpoints: &BTreeMap<String, Value>,
    backends: &BTreeMap<String, SocketAddr>,
) -> Value {
    let Some(assignment) = endpoints.get(text(&cluster, "/edsClusterConfig/serviceName")) else {
        return cluster;
    };
    let mut assignment = assignment.clone();
    for locality in array(&mut assignment["endpoints"]) {
        let Some((namespace, name, port)) = service(locality) else {
            continue;
        };
        let address = backends[&id(&namespace, &name, port)];
        for endpoint in array(&mut locality["lbEndpoints"]) {
            endpoint["endpoint"]["address"] = loopback(address.port());
        }
    }
    let fields = cluster.as_object_mut().unwrap();
    fields.remove("edsClusterConfig");
    fields.insert("type".to_owned(), "STATIC".into());
    fields.insert("loadAssignment".to_owned(), assignment);
    cluster
}

/// Namespace, name and port of the Service that endpoints are of.
fn service(locality: &Value) -> Option<(String, String, u16)> {
    let resource = locality.pointer("/metadata/filterMetadata/envoy-gateway/resources/0")?;
    if resource["kind"] != "Service" {
        return None;
    }
    let field = |field: &str| Some(resource[field].as_str()?.to_owned());
    let port = field("sectionName")?.parse().ok()?;
    Some((field("namespace")?, field("name")?, port))
}

fn id(namespace: &str, service: &str, port: u16) -> String {
    format!("{namespace}/{service}:{port}")
}

/// What the backend understands: HTTP/2 alone where the Service says so.
fn protocol(objects: &[Value], namespace: &str, service: &str, port: u16) -> UpstreamProtocol {
    let is_it = |object: &&Value| {
        object["kind"] == "Service"
            && object["metadata"]["namespace"] == namespace
            && object["metadata"]["name"] == service
    };
    let ports = objects
        .iter()
        .find(is_it)
        .and_then(|one| one["spec"]["ports"].as_array());
    let mut ports = ports.into_iter().flatten();
    match ports.find(|one| one["port"] == port) {
        Some(port) if port["appProtocol"] == "kubernetes.io/h2c" => UpstreamProtocol::Http2,
        _ => UpstreamProtocol::Client,
    }
}

/// Those of the Secrets, inlined.
fn certificates(objects: &[Value]) -> Certificates {
    let secrets = objects.iter().filter(|object| object["kind"] == "Secret");
    let pair = |secret: &Value| {
        let text = |key: &str| {
            let encoded = secret["data"][key].as_str()?;
            String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
        };
        let name = format!(
            "{}/{}",
            self::text(secret, "/metadata/namespace"),
            self::text(secret, "/metadata/name")
        );
        let (chain, key) = (text("tls.crt")?, text("tls.key")?);
        let pair = json!({
            "certificateChain": {"inlineString": chain},
            "privateKey": {"inlineString": key},
        });
        Some((name, pair))
    };
    secrets.filter_map(pair).collect()
}

fn chains(listener: &mut Value) -> Vec<&mut Value> {
    let fields: &mut Map<String, Value> = listener.as_object_mut().unwrap();
    let fields = fields.iter_mut();
    let chains =
        fields.filter(|(name, _)| *name == "filterChains" || *name == "defaultFilterChain");
    chains
        .flat_map(|(_, chains)| match chains {
            Value::Array(chains) => chains.iter_mut().collect::<Vec<_>>(),
            chain => vec![chain],
        })
        .collect()
}

fn array(value: &mut Value) -> &mut [Value] {
    value.as_array_mut().map_or(&mut [], Vec::as_mut_slice)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

fn loopback(port: u16) -> Value {
    json!({"socketAddress": {"address": "127.0.0.1", "portValue": port}})
}

/// A field that has a type of its own names none.
fn untyped(mut value: Value) -> Value {
    value.as_object_mut().unwrap().remove("@type");
    value
}
