//! The static resources of a bootstrap as resources that are discovered: LDS and CDS.
//!
//! A listener carries its routes and filters inline, so that it is replaced as a whole. Clusters are named by
//! what is in them: one that changes is another one, next to the one that the replaced listener still
//! uses.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::access_log;

/// A client of HTTP/2 is told to open no further streams, and so much later that none is answered any more.
/// One of HTTP/1.1 that does not close its connection when told so has it closed then. On loopback it is
/// plenty, and less than any time to drain.
const LAST_CALL: &str = "0.5s";

/// Listeners and clusters by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Resources {
    pub(super) listeners: BTreeMap<String, Value>,
    pub(super) clusters: BTreeMap<String, Value>,
}

/// How the resources of one Gateway are to be.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    /// `namespace/name`: its filters share nothing with those of other Gateways.
    pub(super) gateway: &'a str,
    /// Local ports, by the name that the bootstrap gives to the listener.
    pub(super) ports: BTreeMap<String, u16>,
    /// The clusters that are named anew. Filters call the others by their names.
    pub(super) backends: BTreeSet<&'a str>,
    /// Every request is written to standard output.
    pub(super) access_log: bool,
}

impl Resources {
    /// Adds those of a Gateway's `bootstrap`.
    pub(super) fn add(&mut self, mut bootstrap: Value, setting: &Setting) {
        let mut names = BTreeMap::new();
        for mut cluster in take(&mut bootstrap, "clusters") {
            let name = name_of(&cluster);
            if setting.backends.contains(name.as_str()) {
                let content = digest(&SHA256, cluster.to_string().as_bytes());
                let short = content.as_ref().first_chunk().copied().unwrap_or_default();
                let renamed = format!("{name}~{:08x}", u32::from_be_bytes(short));
                rename_cluster(&mut cluster, &renamed);
                names.insert(name, renamed);
            }
            self.clusters.insert(name_of(&cluster), cluster);
        }
        for mut listener in take(&mut bootstrap, "listeners") {
            let Some(port) = setting.ports.get(&name_of(&listener)) else {
                continue;
            };
            // By where it is, so that a Gateway may be renamed without closing the port.
            let name = format!("127.0.0.1:{port}");
            if let Some(port_value) = listener.pointer_mut("/address/socket_address/port_value") {
                *port_value = json!(port);
            }
            if let Value::Object(members) = &mut listener {
                members.insert("name".into(), json!(name));
            }
            visit(&mut listener, &mut |object| {
                use_clusters(object, &names);
                set_apart(object, setting.gateway);
                if is_connection_manager(object) {
                    manage(object, &name, setting);
                }
            });
            self.listeners.insert(name, listener);
        }
    }
}

fn take(bootstrap: &mut Value, kind: &str) -> Vec<Value> {
    let resources = bootstrap.pointer_mut(&format!("/static_resources/{kind}"));
    match resources.map(Value::take) {
        Some(Value::Array(resources)) => resources,
        _ => Vec::new(),
    }
}

fn name_of(resource: &Value) -> String {
    let name = resource.get("name").and_then(Value::as_str);
    name.unwrap_or_default().to_owned()
}

fn rename_cluster(cluster: &mut Value, name: &str) {
    if let Value::Object(members) = cluster {
        members.insert("name".into(), json!(name));
    }
    if let Some(assigned) = cluster.pointer_mut("/load_assignment/cluster_name") {
        *assigned = json!(name);
    }
}

fn visit(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            change(members);
            members
                .values_mut()
                .for_each(|member| visit(member, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, change)),
        _ => {}
    }
}

/// `cluster` of a route, mirror or service, and the names of `weighted_clusters`.
fn use_clusters(object: &mut Map<String, Value>, names: &BTreeMap<String, String>) {
    let rename = |value: Option<&mut Value>| {
        if let Some(Value::String(name)) = value
            && let Some(renamed) = names.get(name)
        {
            name.clone_from(renamed);
        }
    };
    rename(object.get_mut("cluster"));
    let weighted = object.get_mut("weighted_clusters");
    let weighted = weighted.and_then(|weighted| weighted.get_mut("clusters"));
    let weighted = weighted.and_then(Value::as_array_mut);
    for cluster in weighted.into_iter().flatten() {
        rename(cluster.get_mut("name"));
    }
}

/// Filters of one VM id share their data.
fn set_apart(object: &mut Map<String, Value>, gateway: &str) {
    if let Some(Value::String(id)) = object.get_mut("vm_id") {
        *id = format!("{gateway}/{id}");
    }
}

fn is_connection_manager(object: &Map<String, Value>) -> bool {
    let kind = object.get("@type").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with(".HttpConnectionManager"))
}

fn manage(object: &mut Map<String, Value>, name: &str, setting: &Setting) {
    object.insert("stat_prefix".into(), json!(name));
    object.insert("drain_timeout".into(), json!(LAST_CALL));
    if setting.access_log {
        object.insert("access_log".into(), json!([access_log::logger()]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bootstrap(address: &str) -> Value {
        let manager = json!({
            "@type": "type.googleapis.com/x.HttpConnectionManager",
            "http_filters": [{"vm_config": {"vm_id": "wasm/0"}}],
            "route_config": {"virtual_hosts": [{"routes": [
                {"route": {
                    "cluster": "n/a:80",
                    "request_mirror_policies": [{"cluster": "n/b:80"}],
                }},
                {"route": {"weighted_clusters": {"clusters": [{"name": "n/b:80"}]}}},
                {"route": {"cluster": "ratelimit"}},
            ]}]},
        });
        let cluster = |name: &str| json!({"name": name, "at": address, "load_assignment": {"cluster_name": name}});
        json!({"static_resources": {
            "listeners": [{
                "name": "port-80",
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
                "filter_chains": [{"filters": [{"typed_config": manager}]}],
            }],
            "clusters": [cluster("n/a:80"), cluster("n/b:80"), cluster("ratelimit")],
        }})
    }

    fn resources(gateway: &str, address: &str) -> Resources {
        let mut resources = Resources::default();
        let setting = Setting {
            gateway,
            ports: [("port-80".to_owned(), 10_080)].into(),
            backends: ["n/a:80", "n/b:80"].into(),
            access_log: true,
        };
        resources.add(bootstrap(address), &setting);
        resources
    }

    #[test]
    fn clusters_are_named_by_their_contents_wherever_they_are_used() {
        let one = resources("n/g", "1");
        let names: Vec<_> = one.clusters.keys().cloned().collect();
        let [a, b, service] = names.as_slice() else {
            panic!("{names:?}")
        };
        assert!(
            a.starts_with("n/a:80~") && b.starts_with("n/b:80~"),
            "{names:?}"
        );
        assert_eq!(service, "ratelimit");
        assert_eq!(one.clusters[a]["load_assignment"]["cluster_name"], json!(a));

        let listener = &one.listeners["127.0.0.1:10080"];
        assert_eq!(listener["address"]["socket_address"]["port_value"], 10_080);
        let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
        let routes = &manager["route_config"]["virtual_hosts"][0]["routes"];
        assert_eq!(routes[0]["route"]["cluster"], json!(a));
        assert_eq!(
            routes[0]["route"]["request_mirror_policies"][0]["cluster"],
            json!(b)
        );
        assert_eq!(
            routes[1]["route"]["weighted_clusters"]["clusters"][0]["name"],
            json!(b)
        );
        assert_eq!(routes[2]["route"]["cluster"], "ratelimit");

        assert_eq!(resources("n/g", "1"), one);
        let other = resources("n/g", "2");
        assert!(!other.clusters.contains_key(a));
        assert!(other.clusters.contains_key("ratelimit"));
    }

    #[test]
    fn gateways_share_no_vm_and_connections_end_before_their_listener() {
        let manager = |gateway| {
            let listener = resources(gateway, "1")
                .listeners
                .remove("127.0.0.1:10080")
                .unwrap();
            listener["filter_chains"][0]["filters"][0]["typed_config"].clone()
        };
        let vm_id = |gateway| manager(gateway)["http_filters"][0]["vm_config"]["vm_id"].clone();
        assert_eq!(
            (vm_id("n/g"), vm_id("n/h")),
            (json!("n/g/wasm/0"), json!("n/h/wasm/0"))
        );
        assert_eq!(manager("n/g")["drain_timeout"], LAST_CALL);
        assert!(manager("n/g")["access_log"][0].is_object());
    }
}
