//! HTTPRoutes to the routes of a virtual host.

use super::policy::Traffic;
use super::{ProxyError, cluster};
use crate::model::{Cluster, Forward, Mirror, Retry, Route, RouteAction, StringMatch, VirtualHost};
use gateway_bundle::{GatewayBundle, ListenerInfo, NativeSettings, ServedRule};
use gateway_filter_sdk::route::Pattern;
use gateway_filter_sdk::route::spec::{MatchKind, MatchSpec, NamedMatchSpec, RouteSpec, RuleSpec};
use std::collections::BTreeMap;
use std::time::Duration;

/// Clusters by name.
type Clusters = BTreeMap<String, Cluster>;

/// The virtual host of a listener; none if no route is attached.
pub(super) fn virtual_host(
    gateway: &GatewayBundle,
    listener: &ListenerInfo,
    traffic: &BTreeMap<(String, String), Traffic>,
    clusters: &mut Clusters,
) -> Result<Option<VirtualHost>, ProxyError> {
    let domain = listener.hostname.clone().unwrap_or_else(|| "*".into());
    let attached = |route: &&RouteSpec| {
        let listeners = route.listeners.as_ref();
        listeners.is_some_and(|names| names.contains(&listener.name))
    };
    let mut routes = Vec::new();
    for route in gateway.route_match.routes.iter().filter(attached) {
        let name = (
            route.metadata.namespace.clone(),
            route.metadata.name.clone(),
        );
        let of_bundle = route.spec.hostnames.is_empty();
        let traffic = traffic.get(&name).cloned().unwrap_or_default();
        for (index, rule) in route.spec.rules.iter().enumerate() {
            let served = gateway.rules.iter().find(|served| {
                (&served.namespace, &served.name, served.rule) == (&name.0, &name.1, index)
            });
            let Some(served) = served.filter(|_| of_bundle) else {
                return Err(ProxyError::NotOfABundle(format!(
                    "HTTPRoute {}/{}",
                    name.0, name.1
                )));
            };
            let action = action(gateway, (rule, served), &traffic, clusters)?;
            let default = [MatchSpec::default()];
            let matches = match rule.matches.as_slice() {
                [] => &default,
                matches => matches,
            };
            for (number, one) in matches.iter().enumerate() {
                routes.push(Route {
                    name: format!("{}/match/{number}/{domain}", served.full_name()),
                    prefix: "/".to_owned(),
                    headers: headers(one, served)?,
                    filters_enabled: true,
                    action: action.clone(),
                });
            }
        }
    }
    routes.sort_by_key(precedence);
    Ok((!routes.is_empty()).then(|| VirtualHost {
        name: format!("{}/{domain}", listener.name),
        domains: vec![domain],
        routes,
    }))
}

/// "number of header matches, then number of Exact ones", the most first (Envoy Gateway 1.9,
/// `internal/gatewayapi/sort.go`); all have the same path, and the sort is stable.
fn precedence(route: &Route) -> std::cmp::Reverse<(usize, usize)> {
    let exact = route.headers.iter();
    let exact = exact.filter(|(_, value)| matches!(value, StringMatch::Exact(_)));
    std::cmp::Reverse((route.headers.len(), exact.count()))
}

fn headers(one: &MatchSpec, served: &ServedRule) -> Result<Vec<(String, StringMatch)>, ProxyError> {
    let foreign = || ProxyError::NotOfABundle(served.full_name());
    let other = MatchSpec {
        headers: Vec::new(),
        ..one.clone()
    };
    if other != MatchSpec::default() {
        return Err(foreign());
    }
    let header = |header: &NamedMatchSpec| {
        let value = match header.kind {
            Some(MatchKind::RegularExpression) => {
                StringMatch::RegularExpression(Pattern::new(&header.value).map_err(|_| foreign())?)
            }
            _ => StringMatch::Exact(header.value.clone()),
        };
        Ok((header.name.clone(), value))
    };
    one.headers.iter().map(header).collect()
}

/// What Envoy does by itself.
fn action(
    gateway: &GatewayBundle,
    (rule, served): (&RuleSpec, &ServedRule),
    traffic: &Traffic,
    clusters: &mut Clusters,
) -> Result<RouteAction, ProxyError> {
    let mut filters = rule.filters.iter();
    let answer = filters.find_map(|filter| filter.direct_response.as_ref());
    if let Some(status) = answer.and_then(|answer| answer.status_code) {
        return Ok(RouteAction::DirectResponse(status));
    }
    let mut reached = |id: &String, client_protocol| {
        let cluster = cluster(gateway, id, client_protocol)?;
        let name = cluster.name.clone();
        clusters.insert(name.clone(), cluster);
        Some(name)
    };
    let [backend] = served.backends.as_slice() else {
        return Err(ProxyError::NotOfABundle(served.full_name()));
    };
    let native = &served.native;
    let mirrors = native.mirrors.iter().filter_map(|mirror| {
        Some(Mirror {
            cluster: reached(&mirror.to, false)?,
            parts_per_million: mirror.parts_per_million,
        })
    });
    let mirrors = mirrors.collect();
    let (timeout, retry) = times(native);
    Ok(RouteAction::Forward(Forward {
        cluster: reached(backend, traffic.client_protocol).unwrap_or_default(),
        host_rewrite_header: native.host_header.clone(),
        timeout,
        retry: retry.or_else(|| traffic.retry.clone()),
        mirrors,
    }))
}

/// `request` is the route's timeout. `backendRequest` is that of an attempt if there are retries, else
/// the route's, and then it comes before `request` (Envoy Gateway 1.9, `processRouteTimeout` in
/// `internal/gatewayapi/route.go`).
fn times(native: &NativeSettings) -> (Option<Duration>, Option<Retry>) {
    let timeouts = native.timeouts.clone().unwrap_or_default();
    let request = timeouts.request.as_deref().and_then(duration);
    let backend = timeouts.backend_request.as_deref().and_then(duration);
    let retry = native.retry.as_ref().map(|retry| Retry {
        attempts: retry.attempts,
        triggers: Vec::new(),
        codes: retry.codes.clone(),
        backoff: retry.backoff.as_deref().and_then(duration),
        per_try_timeout: backend,
    });
    let timeout = match retry {
        Some(_) => request,
        None => backend.or(request),
    };
    (timeout, retry)
}

/// A duration as of GEP-2257, which was checked when the manifests were read.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let duration: gateway_api::Duration = text.parse().ok()?;
    Some(Duration::new(duration.as_secs(), duration.subsec_nanos()))
}
