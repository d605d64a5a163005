//! What Envoy does by itself, before and after: wherever Envoy Gateway forwards a request for a rule of
//! the manifests, the dispatch route of its bundle has the same timeouts, retries, hash policies and
//! mirrors, and leads to the same Service by a cluster with the same settings.

use std::collections::{BTreeMap, BTreeSet};

use gateway_filter_sdk::route::Pattern;
use serde_json::{Value, json};

use crate::dump::Dump;
use crate::objects::translatable;
use crate::sources::{Source, all};
use crate::tool::{Egctl, egctl};

/// Of a route, what the filters do, or what only names things.
const OF_ROUTE: [&str; 11] = [
    "appendXForwardedHost",
    "cluster",
    "clusterNotFoundResponseCode",
    "hostRewriteHeader",
    "hostRewriteLiteral",
    "prefixRewrite",
    "regexRewrite",
    "requestMirrorPolicies",
    "upgradeConfigs",
    "useHashPolicy",
    "weightedClusters",
];

/// The same of a cluster.
const OF_CLUSTER: [&str; 3] = ["edsClusterConfig", "metadata", "name"];

/// A rule and a Service that Envoy Gateway forwards to for it.
struct Hop {
    /// The virtual hosts' listener: `<namespace>/<Gateway>/<listener>`.
    listener: String,
    /// `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`.
    route: String,
    /// `<namespace>/<service>:<port>`.
    service: String,
}

/// How it is forwarded: fields of route and cluster, and the mirrors.
type Settings = BTreeMap<String, Value>;

/// The configuration of each Gateway of a source.
fn dumps(egctl: &Egctl, source: &Source) -> BTreeMap<String, Dump> {
    let objects = translatable(&source.load());
    let result = egctl.translate(&objects);
    let result = result.unwrap_or_else(|said| panic!("{}: {said}", source.name));
    let gateways = result["xds"].as_object().cloned().unwrap_or_default();
    let gateways = gateways.into_iter();
    gateways
        .map(|(name, dump)| (name, Dump::new(&dump["configs"], &objects)))
        .collect()
}

fn settings(dump: &Dump, hop: &Hop, action: &Value, cluster: &str) -> Settings {
    let fields = |part: &str, value: &Value, left_out: &[&str]| -> Settings {
        let fields = value.as_object().unwrap().iter();
        let compared = fields.filter(|(field, _)| !left_out.contains(&field.as_str()));
        let owned = compared.map(|(field, value)| (format!("{part}.{field}"), value.clone()));
        owned.collect()
    };
    let mut settings = fields("route", action, &OF_ROUTE);
    settings.extend(fields(
        "cluster",
        dump.cluster(cluster).unwrap(),
        &OF_CLUSTER,
    ));
    let mirrors = action["requestMirrorPolicies"].as_array();
    let mirrors = mirrors.into_iter().flatten().map(|mirror| {
        let services = dump.services_of(mirror["cluster"].as_str().unwrap());
        json!([services, mirror["runtimeFraction"]])
    });
    settings.insert("mirrors".to_owned(), mirrors.collect());
    let hashed = settings
        .get_mut("route.hashPolicy")
        .and_then(Value::as_array_mut);
    for cookie in hashed
        .into_iter()
        .flatten()
        .filter_map(|one| one.get_mut("cookie")?.as_object_mut())
    {
        // Where it has one, Envoy hands the cookie out; a bundle leaves that to the filters.
        cookie.remove("ttl");
    }
    if let Some(reasons) = settings
        .get_mut("route.retryPolicy")
        .map(|one| &mut one["retryOn"])
    {
        // A bundle adds `reset`, which Envoy Gateway leaves out of an HTTPRoute's `retry`.
        let kept = reasons
            .as_str()
            .unwrap()
            .split(',')
            .filter(|one| *one != "reset");
        *reasons = kept.collect::<BTreeSet<_>>().into_iter().collect();
    }
    if hop.route.starts_with("grpcroute/") {
        // Known to be HTTP/2; dispatched in the protocol of the client, which speaks gRPC.
        settings.remove("cluster.typedExtensionProtocolOptions");
    }
    settings
}

/// Every rule that is forwarded, for each Service.
fn forwarded(dump: &Dump) -> Vec<(Hop, Settings)> {
    let mut hops = Vec::new();
    for (host, route) in dump.routes() {
        let action = &route["route"];
        let weighted = action["weightedClusters"]["clusters"].as_array();
        let weighted = weighted.into_iter().flatten().map(|one| &one["name"]);
        for cluster in weighted
            .chain([&action["cluster"]])
            .filter_map(Value::as_str)
        {
            for service in dump.services_of(cluster) {
                let hop = Hop {
                    listener: listener(host).to_owned(),
                    route: route["name"].as_str().unwrap().to_owned(),
                    service,
                };
                let settings = settings(dump, &hop, action, cluster);
                hops.push((hop, settings));
            }
        }
    }
    hops
}

/// Virtual hosts are named `<listener>/<host>`.
fn listener(host: &str) -> &str {
    host.rsplit_once('/').map_or(host, |(listener, _)| listener)
}

/// The dispatch route that a request meets which the filters decided on.
fn dispatched(dump: &Dump, hop: &Hop) -> Option<Settings> {
    let takes = |wanted: &Value| {
        let value = match wanted["name"].as_str().unwrap() {
            "x-gateway-backend" => &hop.service,
            "x-gateway-route" => &hop.route,
            // The request asks for no upgrade.
            "upgrade" => return false,
            other => panic!("a dispatch route matches {other}"),
        };
        let exact = wanted.pointer("/stringMatch/exact").and_then(Value::as_str);
        let pattern = wanted
            .pointer("/stringMatch/safeRegex/regex")
            .and_then(Value::as_str);
        let pattern = pattern.map(|pattern| Pattern::new(pattern).unwrap());
        exact == Some(value) || pattern.is_some_and(|pattern| pattern.matches(value.as_bytes()))
    };
    let routes = dump
        .routes()
        .filter(|(host, _)| listener(host) == hop.listener);
    let mut met = routes.filter(|(_, route)| {
        let headers = route.pointer("/match/headers").and_then(Value::as_array);
        headers.is_none_or(|headers| headers.iter().all(takes))
    });
    let (_, route) = met.next()?;
    let cluster = route.pointer("/route/cluster")?.as_str()?;
    let leads = dump.services_of(cluster) == [hop.service.clone()];
    leads.then(|| settings(dump, hop, &route["route"], cluster))
}

/// The fields that differ, with both values.
fn differences(before: &Settings, after: &Settings) -> Vec<String> {
    let fields: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differ = fields
        .into_iter()
        .filter(|field| before.get(*field) != after.get(*field));
    let value = |settings: &Settings, field: &str| settings.get(field).cloned().unwrap_or_default();
    differ
        .map(|field| {
            format!(
                "{field}: {} is {}",
                value(before, field),
                value(after, field)
            )
        })
        .collect()
}

/// How a source and its bundle differ, and how many mirrors were compared in how many hops.
fn compare(egctl: &Egctl, source: &Source, bundled: &Source) -> (Vec<String>, usize, usize) {
    let (before, after) = (dumps(egctl, source), dumps(egctl, bundled));
    let (mut wrong, mut hops, mut mirrors) = (Vec::new(), 0, 0);
    for (gateway, before) in &before {
        for (hop, settings) in forwarded(before) {
            hops += 1;
            mirrors += settings["mirrors"].as_array().unwrap().len();
            let after = after.get(gateway).and_then(|after| dispatched(after, &hop));
            let found = match after {
                Some(after) => differences(&settings, &after),
                None => vec!["it is not dispatched".to_owned()],
            };
            let place = format!("{}: {} to {}", source.name, hop.route, hop.service);
            wrong.extend(found.iter().map(|one| format!("{place}: {one}")));
        }
    }
    (wrong, hops, mirrors)
}

#[test]
fn what_envoy_does_by_itself_is_as_before() {
    let Some(egctl) = egctl() else { return };
    let (mut hops, mut mirrors) = (0, 0);
    for source in all() {
        let Some(bundled) = source.bundled() else {
            continue;
        };
        let (wrong, of_source, mirrored) = compare(&egctl, &source, &bundled);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        hops += of_source;
        mirrors += mirrored;
    }
    assert!(hops > 150 && mirrors > 2, "{hops} hops, {mirrors} mirrors");
}

#[test]
fn what_is_lost_on_the_way_is_found() {
    let Some(egctl) = egctl() else { return };
    let shop = all()
        .into_iter()
        .find(|one| one.name == "envoy-config/examples/shop");
    let shop = shop.unwrap();
    let losses = [
        ("request: 2s", "request: 3s", "route.timeout: "),
        ("numRetries: 2", "numRetries: 3", "route.retryPolicy: "),
        ("name: search-next", "name: search", "mirrors: "),
        (
            "default/api-v2:8080",
            "default/api-v1:8080",
            "it is not dispatched",
        ),
    ];
    for (from, to, found) in losses {
        let mut bundled = shop.bundled().unwrap();
        for (name, text) in &mut bundled.files {
            if name.ends_with("dispatch.yaml") {
                *text = text.replace(from, to);
            }
        }
        let (wrong, ..) = compare(&egctl, &shop, &bundled);
        assert!(
            wrong.iter().any(|one| one.contains(found)),
            "{to}: {wrong:#?}"
        );
    }
}
