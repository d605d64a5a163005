//! A Gateway's bundle as Envoy Gateway would hand it to Envoy.

use crate::xds::{
    Cluster, Forward, Listener, Proxy, Route, RouteAction, ServiceCluster, UpstreamProtocol,
    VirtualHost, WasmFilter,
};
use gateway_bundle::{Backend, GatewayBundle, ListenerInfo};
use gateway_filter_sdk::router::{BACKEND_HEADER, HOST_HEADER};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What a client gets when the filter that should have decided is not there.
const UNDECIDED: u16 = 503;

/// Where the services listen that filters may call, by the name of their cluster.
pub type Services = BTreeMap<String, SocketAddr>;

/// The modules of the filters.
#[derive(Debug, Clone)]
pub struct Modules {
    /// `route-match`, or what is tried in its place.
    pub route_match: PathBuf,
    /// `rate-limit`.
    pub rate_limit: PathBuf,
    /// `canary`.
    pub canary: PathBuf,
}

/// The proxy for one Gateway with `route-match` in front, behind it `rate-limit`, if anything is
/// limited, and `canary`, if anything is split by it. In each virtual host are the dispatch routes,
/// one for each backend, and behind them the entry route, which every request meets first. All have
/// the filters enabled, so that a forged header gets nobody past them.
///
/// # Errors
///
/// If a configuration cannot be written as JSON.
pub fn proxy(
    gateway: &GatewayBundle,
    modules: &Modules,
    services: &Services,
) -> Result<Proxy, serde_json::Error> {
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
                trusted_hops: info.trusted_hops,
                virtual_hosts: vec![host],
                ..Listener::default()
            }),
        }
    }
    let mut filters = vec![filter(
        "route-match",
        &modules.route_match,
        &gateway.route_match,
    )?];
    if let Some(limits) = &gateway.rate_limit {
        filters.push(filter("rate-limit", &modules.rate_limit, limits)?);
    }
    if let Some(canaries) = &gateway.canary {
        filters.push(filter("canary", &modules.canary, canaries)?);
    }
    let clusters = gateway.backends.iter().map(|backend| Cluster {
        name: backend.id.clone(),
        namespace: backend.namespace.clone(),
        service: backend.service.clone(),
        protocol: match backend.http2 {
            true => UpstreamProtocol::Http2,
            false => UpstreamProtocol::Http1,
        },
    });
    Ok(Proxy {
        listeners,
        filters,
        clusters: clusters.collect(),
        jwt: Vec::new(),
        services: called(gateway, services).into_iter().collect(),
    })
}

/// The service that counts the Gateway's limits, if it has any that are counted outside.
pub fn called(gateway: &GatewayBundle, services: &Services) -> Option<ServiceCluster> {
    let service = gateway.rate_limit.as_ref()?.service.as_ref()?;
    Some(ServiceCluster {
        name: service.cluster.clone(),
        address: services.get(&service.cluster).copied(),
    })
}

fn filter(
    name: &str,
    module: &Path,
    configuration: &impl Serialize,
) -> Result<WasmFilter, serde_json::Error> {
    Ok(WasmFilter {
        name: name.into(),
        root_id: name.into(),
        module: module.into(),
        configuration: serde_json::to_string(configuration)?,
        fail_open: false,
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
        headers: vec![(BACKEND_HEADER.into(), backend.id.as_str().into())],
        filters_enabled: true,
        action: RouteAction::Forward(Forward {
            host_rewrite_header: Some(HOST_HEADER.into()),
            ..Forward::to(&backend.id)
        }),
    }
}

#[cfg(test)]
mod tests {
    use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
    use gateway_filter_sdk::split::spec::CanaryFilterSpec;
    use serde_json::json;

    use super::*;

    fn gateway(rate_limit: Option<RateLimitFilterSpec>) -> GatewayBundle {
        let manifests = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../scenarios/path-routing/manifests.yaml"
        );
        let manifests = gateway_bundle::load(&[manifests.into()]).unwrap();
        let gateway = gateway_bundle::bundle(&manifests).gateways.remove(0);
        GatewayBundle {
            rate_limit,
            ..gateway
        }
    }

    fn limits(service: serde_json::Value) -> Option<RateLimitFilterSpec> {
        serde_json::from_value(json!({"policies": [], "service": service})).unwrap()
    }

    fn made(gateway: &GatewayBundle) -> Proxy {
        let modules = Modules {
            route_match: "a.wasm".into(),
            rate_limit: "b.wasm".into(),
            canary: "c.wasm".into(),
        };
        let address = ([127, 0, 0, 1], 18_081).into();
        proxy(
            gateway,
            &modules,
            &[("ratelimit".to_owned(), address)].into(),
        )
        .unwrap()
    }

    #[test]
    fn rate_limit_comes_behind_route_match_and_canary_behind_both() {
        let names = |proxy: &Proxy| -> Vec<String> {
            let filters = proxy.filters.iter();
            filters.map(|filter| filter.name.clone()).collect()
        };
        assert_eq!(names(&made(&gateway(None))), ["route-match"]);
        let limited = made(&gateway(limits(json!(null))));
        assert_eq!(names(&limited), ["route-match", "rate-limit"]);
        assert_eq!(limited.filters[1].configuration, r#"{"policies":[]}"#);
        assert_eq!(limited.services, []);

        let mut split = gateway(limits(json!(null)));
        split.canary = Some(CanaryFilterSpec::default());
        let split = made(&split);
        assert_eq!(names(&split), ["route-match", "rate-limit", "canary"]);
        assert_eq!(split.filters[2].configuration, r#"{"canaries":[]}"#);
        assert_eq!(split.filters[2].module, Path::new("c.wasm"));
    }

    #[test]
    fn a_service_without_address_has_no_endpoint() {
        let address = |cluster: &str| {
            let limited = made(&gateway(limits(json!({"cluster": cluster}))));
            limited.services[0].address
        };
        assert_eq!(address("ratelimit"), Some(([127, 0, 0, 1], 18_081).into()));
        assert_eq!(address("elsewhere"), None);
    }
}
