//! Clusters: the echo backends, and the services that filters call.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::address;
use crate::model::{Cluster, ServiceCluster, UpstreamProtocol};

pub(super) fn backend(cluster: &Cluster, address: Option<&SocketAddr>) -> Value {
    endpoints(&cluster.name, address.copied(), cluster.protocol, "10s")
}

/// A call that waits for a connection uses up its own deadline, which is short.
pub(super) fn service(service: &ServiceCluster) -> Value {
    let protocol = UpstreamProtocol::Http2;
    endpoints(&service.name, service.address, protocol, "1s")
}

fn endpoints(
    name: &str,
    at: Option<SocketAddr>,
    protocol: UpstreamProtocol,
    connect_timeout: &str,
) -> Value {
    let endpoint = |at| json!({"endpoint": {"address": address(at)}});
    let endpoints: Vec<_> = at.map(endpoint).into_iter().collect();
    let config = match protocol {
        UpstreamProtocol::Http1 => None,
        UpstreamProtocol::Http2 => Some((
            "explicit_http_config",
            json!({"http2_protocol_options": {}}),
        )),
        UpstreamProtocol::Client => Some((
            "use_downstream_protocol_config",
            json!({"http_protocol_options": {}, "http2_protocol_options": {}}),
        )),
    };
    let options = config.map(|(field, config)| {
        json!({
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                field: config,
            },
        })
    });
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": connect_timeout,
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}],
        },
        "typed_extension_protocol_options": options,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_spoken_to_in_http2_and_may_have_no_endpoint() {
        let at = |address| {
            service(&ServiceCluster {
                name: "ratelimit".into(),
                address,
            })
        };
        let listening = at(Some(([127, 0, 0, 1], 18_081).into()));
        assert!(listening["typed_extension_protocol_options"].is_object());
        let endpoints = |cluster: &Value| {
            let endpoints = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"];
            endpoints.as_array().unwrap().len()
        };
        assert_eq!((endpoints(&listening), endpoints(&at(None))), (1, 0));
    }
}
