//! A Gateway's bundle as Envoy Gateway would hand it to Envoy.

use crate::xds::{Cluster, Listener, Proxy, Route, RouteAction, VirtualHost, WasmFilter};
use gateway_bundle::{Backend, GatewayBundle, ListenerInfo};
use gateway_filter_sdk::router::{BACKEND_HEADER, HOST_HEADER};
use std::path::PathBuf;

/// What a client gets when the filter that should have decided is not there.
const UNDECIDED: u16 = 503;

/// The proxy for one Gateway with `route-match` in front: in each virtual host the dispatch routes,
/// one for each backend, and behind them the entry route, which every request meets first. All
/// have the filter enabled, so that a forged header gets nobody past it.
pub fn proxy(gateway: &GatewayBundle, module: PathBuf) -> Result<Proxy, serde_json::Error> {
    let mut listeners: Vec<Listener> = Vec::new();
    // TLS is terminated before routing; these are the listeners that cleartext reaches.
    for info in gateway.listeners.iter().filter(|info| !info.tls) {
        let host = virtual_host(info, &gateway.backends);
        match listeners
            .iter_mut()
            .find(|listener| listener.port == info.port)
        {
            Some(listener) => listener.virtual_hosts.push(host),
            None => listeners.push(Listener {
                port: info.port,
                virtual_hosts: vec![host],
            }),
        }
    }
    let filter = WasmFilter {
        name: "route-match".into(),
        root_id: "route-match".into(),
        module,
        configuration: serde_json::to_string(&gateway.route_match)?,
        fail_open: false,
    };
    let clusters = gateway.backends.iter().map(|backend| Cluster {
        name: backend.id.clone(),
        namespace: backend.namespace.clone(),
        service: backend.service.clone(),
        http2: backend.http2,
    });
    Ok(Proxy {
        listeners,
        filters: vec![filter],
        clusters: clusters.collect(),
    })
}

fn virtual_host(listener: &ListenerInfo, backends: &[Backend]) -> VirtualHost {
    let domain = listener.hostname.clone().unwrap_or_else(|| "*".into());
    let entry = Route {
        name: "entry".into(),
        prefix: "/".into(),
        headers: Vec::new(),
        filters_enabled: true,
        action: RouteAction::DirectResponse(UNDECIDED),
    };
    VirtualHost {
        name: format!("{}/{domain}", listener.name),
        routes: backends.iter().map(dispatch).chain([entry]).collect(),
        domains: vec![domain],
    }
}

fn dispatch(backend: &Backend) -> Route {
    Route {
        name: format!("dispatch/{}", backend.id),
        prefix: "/".into(),
        headers: vec![(BACKEND_HEADER.into(), backend.id.clone())],
        filters_enabled: true,
        action: RouteAction::Forward {
            cluster: backend.id.clone(),
            host_rewrite_header: Some(HOST_HEADER.into()),
        },
    }
}
