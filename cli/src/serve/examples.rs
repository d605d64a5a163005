//! Commands that send a request to a route.

use std::net::SocketAddr;

use gateway_bundle::GatewayBundle;
use gateway_filter_sdk::route::spec::{
    GrpcMethodSpec, MatchKind, MatchSpec, MethodSpec, NamedMatchSpec, RouteKind, RouteSpec,
    ValueMatchSpec,
};

use super::event::ListenerFact;

/// As many as are read at a glance.
const ENOUGH: usize = 8;

/// A `curl` for the rules of a Gateway, one for each listener, host and path: the first of every route, then
/// the second, until there are enough.
pub(super) fn examples(gateway: &GatewayBundle, listeners: &[ListenerFact]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut examples: Vec<(usize, String)> = Vec::new();
    let infos = || gateway.listeners.iter().zip(listeners);
    for route in &gateway.route_match.routes {
        let attached = |name: &String| {
            let names = route.listeners.as_ref();
            names.is_none_or(|names| names.contains(name))
        };
        let Some((listener, host)) = infos()
            .filter(|(info, _)| attached(&info.name))
            .find_map(|(_, fact)| Some((fact, host(fact.hostname.as_deref(), route)?)))
        else {
            continue;
        };
        let Some(address) = listener.address else {
            continue;
        };
        let to = To {
            address,
            tls: listener.protocol == "HTTPS",
            host,
        };
        let all = route.spec.rules.iter().flat_map(matches);
        for (number, sent) in all.filter_map(|one| sent(route.kind, &one)).enumerate() {
            let key = (to.address, to.host.clone(), sent.path.clone());
            if !seen.contains(&key) {
                seen.push(key);
                examples.push((number, command(&to, &sent)));
            }
        }
    }
    examples.sort_by_key(|(number, _)| *number);
    let commands = examples.into_iter().map(|(_, command)| command);
    commands.take(ENOUGH).collect()
}

fn matches(rule: &gateway_filter_sdk::route::spec::RuleSpec) -> Vec<MatchSpec> {
    match rule.matches.as_slice() {
        [] => vec![MatchSpec::default()],
        some => some.to_vec(),
    }
}

/// Where a request goes.
struct To {
    address: SocketAddr,
    tls: bool,
    /// Absent is any.
    host: Option<String>,
}

/// What it is.
struct Sent {
    method: Option<String>,
    path: String,
    headers: Vec<(String, String)>,
    grpc: bool,
}

/// A host that both have; the outer is absent if there is none, the inner if it may be any.
#[allow(
    clippy::option_option,
    reason = "no host, and any host, are two answers"
)]
fn host(listener: Option<&str>, route: &RouteSpec) -> Option<Option<String>> {
    let hostnames = &route.spec.hostnames;
    let both = match (listener, hostnames.as_slice()) {
        (None, []) => return Some(None),
        (None, [first, ..]) => first,
        (Some(listener), []) => listener,
        (Some(listener), hostnames) => hostnames.iter().find_map(|own| {
            if covers(listener, own) {
                return Some(own.as_str());
            }
            covers(own, listener).then_some(listener)
        })?,
    };
    Some(Some(both.replacen('*', "www", 1)))
}

fn covers(wide: &str, narrow: &str) -> bool {
    wide == narrow
        || wide
            .strip_prefix('*')
            .is_some_and(|suffix| narrow.ends_with(suffix))
}

/// A request that meets the match; none where it takes more than copying its values.
fn sent(kind: RouteKind, one: &MatchSpec) -> Option<Sent> {
    let beyond = one.source_cidrs.len() + one.jwt_claims.len() + one.not.len();
    if beyond > 0 {
        return None;
    }
    let mut headers = exact(&one.headers)?;
    let cookies = exact(&one.cookies)?;
    if !cookies.is_empty() {
        let cookies: Vec<_> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        headers.push(("cookie".to_owned(), cookies.join("; ")));
    }
    if kind == RouteKind::GRPCRoute {
        let path = match &one.method {
            Some(MethodSpec::Grpc(method)) => grpc_path(method)?,
            _ => grpc_path(&GrpcMethodSpec::default())?,
        };
        let (method, grpc) = (None, true);
        return Some(Sent {
            method,
            path,
            headers,
            grpc,
        });
    }
    let query = exact(&one.query_params)?;
    let query: Vec<_> = query
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let path = path(one.path.as_ref())?;
    let method = match &one.method {
        Some(MethodSpec::Http(method)) => Some(method.clone()),
        _ => None,
    };
    Some(Sent {
        method: method.filter(|method| method != "GET"),
        path: match query.as_slice() {
            [] => path,
            query => format!("{path}?{}", query.join("&")),
        },
        headers,
        grpc: false,
    })
}

fn path(path: Option<&ValueMatchSpec>) -> Option<String> {
    let path = path.cloned().unwrap_or(ValueMatchSpec {
        kind: None,
        value: None,
    });
    let value = path.value.unwrap_or_else(|| "/".to_owned());
    (path.kind != Some(MatchKind::RegularExpression)).then_some(value)
}

fn grpc_path(method: &GrpcMethodSpec) -> Option<String> {
    if method.kind == Some(MatchKind::RegularExpression) {
        return None;
    }
    let part = |part: &Option<String>, any: &str| match part.as_deref() {
        None | Some("") => any.to_owned(),
        Some(part) => part.to_owned(),
    };
    let service = part(&method.service, "any.Service");
    Some(format!("/{service}/{}", part(&method.method, "Any")))
}

fn exact(all: &[NamedMatchSpec]) -> Option<Vec<(String, String)>> {
    let pair = |one: &NamedMatchSpec| {
        let exact = one.kind.is_none_or(|kind| kind == MatchKind::Exact);
        exact.then(|| (one.name.clone(), one.value.clone()))
    };
    all.iter().map(pair).collect()
}

fn command(to: &To, sent: &Sent) -> String {
    let mut words = vec!["curl".to_owned(), "-i".to_owned()];
    let mut headers: Vec<String> = Vec::new();
    let mut origin = to.address.to_string();
    if to.tls {
        words.push("-k".to_owned());
        if let Some(host) = &to.host {
            let (port, ip) = (to.address.port(), to.address.ip());
            words.extend(["--resolve".to_owned(), format!("{host}:{port}:{ip}")]);
            origin = format!("{host}:{port}");
        }
    } else if let Some(host) = &to.host {
        headers.push(format!("host: {host}"));
    }
    headers.extend(
        sent.headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let mut before = String::new();
    if sent.grpc {
        // An empty message, not compressed.
        before = r"printf '\0\0\0\0\0' | ".to_owned();
        headers.extend(["content-type: application/grpc", "te: trailers"].map(str::to_owned));
        let version = if to.tls {
            "--http2"
        } else {
            "--http2-prior-knowledge"
        };
        words.extend([version, "--output", "-", "--data-binary", "@-"].map(str::to_owned));
    }
    if let Some(method) = &sent.method {
        words.extend(["-X".to_owned(), method.clone()]);
    }
    for header in headers {
        words.extend(["-H".to_owned(), quoted(&header)]);
    }
    let scheme = if to.tls { "https" } else { "http" };
    words.push(quoted(&format!("{scheme}://{origin}{}", sent.path)));
    before + &words.join(" ")
}

/// For a shell.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/:.-_=,".contains(letter);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFESTS: &str = "
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: c
  listeners:
  - {name: http, port: 80, protocol: HTTP, hostname: '*.example.com'}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: a}
spec:
  parentRefs: [{name: g}]
  hostnames: [app.example.com]
  rules:
  - matches:
    - {path: {value: /api}, method: POST, headers: [{name: x-tier, value: it's}]}
    - {path: {type: RegularExpression, value: '/x.*'}}
    - {path: {value: /api}}
    - {path: {type: Exact, value: /q}, queryParams: [{name: a, value: '1'}, {name: b, value: '2'}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: b}
spec:
  parentRefs: [{name: g}]
  hostnames: ['*.b.example.com']
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: c}
spec:
  parentRefs: [{name: g}]
  hostnames: ['*.grpc.example.com']
  rules:
  - matches: [{method: {service: shop.Cart, method: Add}}]
";

    fn of(protocol: &str) -> Vec<String> {
        let manifests = gateway_bundle::Manifests::parse("m.yaml", MANIFESTS).unwrap();
        let bundle = gateway_bundle::bundle(&manifests);
        assert_eq!(bundle.report.to_string(), "");
        let gateway = bundle.gateways.into_iter().next().unwrap();
        let listener = ListenerFact {
            gateway: "default/g".into(),
            listener: "http".into(),
            hostname: Some("*.example.com".into()),
            port: 80,
            protocol: protocol.into(),
            address: Some(([127, 0, 0, 1], 10_080).into()),
            url: None,
            notes: Vec::new(),
        };
        examples(&gateway, &[listener])
    }

    #[test]
    fn a_command_meets_each_match_that_can_be_met_by_its_values() {
        assert_eq!(
            of("HTTP"),
            [
                r"curl -i -X POST -H 'host: app.example.com' -H 'x-tier: it'\''s' http://127.0.0.1:10080/api",
                "curl -i -H 'host: www.b.example.com' http://127.0.0.1:10080/",
                r"printf '\0\0\0\0\0' | curl -i --http2-prior-knowledge --output - --data-binary @- -H 'host: www.grpc.example.com' -H 'content-type: application/grpc' -H 'te: trailers' http://127.0.0.1:10080/shop.Cart/Add",
                "curl -i -H 'host: app.example.com' 'http://127.0.0.1:10080/q?a=1&b=2'",
            ]
        );
    }

    #[test]
    fn over_tls_the_name_is_resolved_here() {
        assert_eq!(
            of("HTTPS")[3],
            "curl -i -k --resolve app.example.com:10080:127.0.0.1 \
             'https://app.example.com:10080/q?a=1&b=2'"
        );
    }
}
