//! From the file's layer to the model: defaults filled in, kinds of case told apart.
//!
//! Errors are a field path, relative to the entry, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use super::format::{self, Entry, OneOrMany, Protocol, Unenforced};
use super::model::{
    AnsweredBy, Awaited, Capture, Case, Eventually, Expected, ExpectedRequest, GatewayRef,
    Redirect, Request, Send, SetCookie, Status, Trial, Until, Weights, What,
};
use super::skip::Feature;
use crate::exchange;

/// Field and problem.
type Wrong = (String, String);

fn wrong<T>(field: &str, problem: impl Into<String>) -> Result<T, Wrong> {
    Err((field.to_owned(), problem.into()))
}

/// What the file says for all its entries.
pub(super) struct Defaults<'a> {
    pub(super) gateway: Option<&'a GatewayRef>,
    /// Whether the entries are steps. Of a step every stated header is compared, whatever the
    /// status, and the backend must see what was sent unless the step says otherwise.
    pub(super) steps: bool,
}

pub(super) fn case(
    entry: Entry,
    number: usize,
    line: u64,
    defaults: &Defaults<'_>,
) -> Result<Case, Wrong> {
    let Some(gateway) = entry.gateway.clone().or_else(|| defaults.gateway.cloned()) else {
        return wrong("gateway", "neither the case nor the file names a Gateway");
    };
    let name = match (&entry.name, &entry.subtest, &entry.note) {
        (Some(name), _, _) => name.clone(),
        (None, Some(subtest), Some(note)) => format!("{number} {subtest}: {note}"),
        (None, Some(only), None) | (None, None, Some(only)) => format!("{number} {only}"),
        (None, None, None) => number.to_string(),
    };
    let mut features = BTreeSet::new();
    collect_features(&entry, &mut features);
    let skip = entry.skip.clone();
    let what = what(entry, defaults)?;
    Ok(Case {
        name,
        line,
        gateway,
        what,
        features,
        skip,
    })
}

fn collect_features(entry: &Entry, features: &mut BTreeSet<Feature>) {
    let present = [
        (entry.websocket.is_some(), Feature::WebSocket),
        (entry.policy_status.is_some(), Feature::PolicyStatus),
        (entry.mirror_distribution.is_some(), Feature::Mirror),
        (entry.mirrored_to.is_some(), Feature::Mirror),
        (entry.backend_simulation.is_some(), Feature::TimeoutRetry),
        (entry.backend_response.is_some(), Feature::BackendResponse),
        (entry.internal_redirect.is_some(), Feature::InternalRedirect),
        (entry.extension_effects.is_some(), Feature::ExtensionEffects),
        (entry.same_pod.is_some(), Feature::Pods),
    ];
    features.extend(
        present
            .into_iter()
            .filter_map(|(is, feature)| is.then_some(feature)),
    );
    let weighted = entry.weights.as_ref().map(|weights| &weights.request);
    for request in entry.request.iter().chain(weighted) {
        if request.protocol == Protocol::Https || request.scheme.as_deref() == Some("https") {
            features.insert(Feature::Tls);
        }
        if request.client_address.is_some() {
            features.insert(Feature::ClientAddress);
        }
        if request.effective_client.is_some() && request.effective_client != request.client_address
        {
            features.insert(Feature::ClientAddressDetection);
        }
    }
    for nested in entry
        .grpc
        .iter()
        .map(AsRef::as_ref)
        .chain(entry.any_of.iter().flatten())
    {
        collect_features(nested, features);
    }
}

fn what(entry: Entry, defaults: &Defaults<'_>) -> Result<What, Wrong> {
    if entry.websocket.is_some()
        || entry.policy_status.is_some()
        || entry.mirror_distribution.is_some()
    {
        return Ok(What::Unjudged);
    }
    if let Some(stated) = entry.weights {
        return weights(stated).map(What::Weights);
    }
    let until = until(&entry)?;
    let capture = entry
        .capture
        .iter()
        .map(|(name, from)| Ok((name.clone(), capture(name, from)?)))
        .collect::<Result<_, Wrong>>()?;
    let (trial, or) = trials(entry, defaults)?;
    Ok(What::Send(Send {
        trial,
        or,
        until,
        capture,
    }))
}

fn until(entry: &Entry) -> Result<Until, Wrong> {
    let Some(eventually) = &entry.eventually else {
        return match entry.repeat {
            Some(0) => wrong("repeat", "must be at least 1"),
            times => Ok(Until::Times(times.unwrap_or(1))),
        };
    };
    let awaited = match (eventually.status, eventually.different_backend) {
        (Some(status), false) => Awaited::Status(status),
        (None, true) => Awaited::DifferentBackend,
        _ => {
            return wrong(
                "eventually",
                "needs either status or differentBackend: true",
            );
        }
    };
    if entry.repeat.is_some() {
        return wrong("repeat", "cannot be combined with eventually");
    }
    if eventually.within == 0 {
        return wrong("eventually.within", "must be at least 1");
    }
    Ok(Until::Eventually(Eventually {
        awaited,
        within: eventually.within,
        at: eventually.at,
        before: eventually.before.clone(),
    }))
}

fn capture(name: &str, from: &str) -> Result<Capture, Wrong> {
    if let Some(header) = from.strip_prefix("response.headers.") {
        return Ok(Capture::Header(header.to_owned()));
    }
    if let Some(cookie) = from.strip_prefix("response.cookies.") {
        return Ok(Capture::Cookie(cookie.to_owned()));
    }
    wrong(
        &format!("capture.{name}"),
        format!("{from:?} is neither response.headers.NAME nor response.cookies.NAME"),
    )
}

/// The alternatives of an entry; without `anyOf`, itself. A request above `anyOf` is that of the
/// alternatives which state none.
fn trials(mut entry: Entry, defaults: &Defaults<'_>) -> Result<(Trial, Vec<Trial>), Wrong> {
    let Some(alternatives) = entry.any_of.take() else {
        return Ok((single(entry, None, defaults)?, Vec::new()));
    };
    let mut trials = alternatives
        .into_iter()
        .enumerate()
        .map(|(i, alternative)| {
            single(alternative, entry.request.as_ref(), defaults)
                .map_err(|(field, problem)| (format!("anyOf[{i}].{field}"), problem))
        });
    match trials.next() {
        Some(first) => Ok((first?, trials.collect::<Result<_, _>>()?)),
        None => wrong("anyOf", "must not be empty"),
    }
}

fn single(
    mut entry: Entry,
    shared: Option<&format::Request>,
    defaults: &Defaults<'_>,
) -> Result<Trial, Wrong> {
    if let Some(grpc) = entry.grpc.take() {
        return single(*grpc, shared, defaults)
            .map_err(|(field, problem)| (format!("grpc.{field}"), problem));
    }
    let Some(sent) = entry.request.take().or_else(|| shared.cloned()) else {
        return wrong(
            "request",
            "missing: the case is of no kind that sends nothing",
        );
    };
    let Some(response) = entry.response.take() else {
        return wrong("response", "missing");
    };
    let request = request(sent, entry.backend_set_response_headers.clone());
    let mut expected = response_expected(response, !defaults.steps)?;
    expected.first_header_value_only |= entry.first_header_value_only;
    expected.redirect = entry
        .redirect_request
        .take()
        .map(redirect)
        .or(expected.redirect);
    expected.answered_by = answered_by(&entry);
    expected.request = match entry.expected_request {
        Some(stated) => Some(expected_request(stated, &expected.status)),
        None if defaults.steps && awaits_echo(&expected) => Some(as_sent(&request)),
        None => None,
    };
    Ok(Trial { request, expected })
}

/// Whether a step states a backend and the status of its echo.
fn awaits_echo(expected: &Expected) -> bool {
    matches!(expected.answered_by, AnsweredBy::Backend { .. })
        && matches!(&expected.status, Status::Http(codes) if codes.contains(&200))
}

fn request(stated: format::Request, backend_response_headers: BTreeMap<String, String>) -> Request {
    let tls = stated.protocol == Protocol::Https || stated.scheme.as_deref() == Some("https");
    let scheme = if tls { "https" } else { "http" };
    let method = if stated.protocol == Protocol::Grpc {
        "POST"
    } else {
        "GET"
    };
    Request {
        scheme: scheme.to_owned(),
        host: stated.host,
        port: stated.port.unwrap_or(if tls { 443 } else { 80 }),
        protocol: match stated.protocol {
            Protocol::Http | Protocol::Https => exchange::Protocol::Http,
            Protocol::H2c => exchange::Protocol::H2c,
            Protocol::Grpc => exchange::Protocol::Grpc,
        },
        method: stated.method.unwrap_or_else(|| method.to_owned()),
        path: stated.path,
        headers: stated.headers,
        client: stated.client_address,
        backend_response_headers,
    }
}

fn response_expected(stated: format::Response, on_success_only: bool) -> Result<Expected, Wrong> {
    let status = status(&stated)?;
    let enforced = |part| !stated.unenforced.contains(&part);
    let (compare, compare_absence) = (
        enforced(Unenforced::Headers),
        enforced(Unenforced::AbsentHeaders),
    );
    Ok(Expected {
        status,
        headers_on_success_only: on_success_only,
        headers: if compare {
            stated.headers
        } else {
            BTreeMap::new()
        },
        valid_header_values: stated.valid_header_values,
        ignore_whitespace: stated.ignore_whitespace,
        first_header_value_only: stated.first_header_value_only,
        absent_headers: if compare_absence {
            stated.absent_headers
        } else {
            Vec::new()
        },
        headers_present: stated.headers_present,
        headers_contain: stated
            .headers_contain
            .into_iter()
            .map(|(name, texts)| match texts {
                OneOrMany::One(text) => (name, vec![text]),
                OneOrMany::Many(texts) => (name, texts),
            })
            .collect(),
        cookies_present: stated.cookies_present,
        set_cookie: stated.set_cookie.map(set_cookie),
        body: stated.body,
        body_not: stated
            .body_not
            .into_iter()
            .chain(stated.body_not_in)
            .collect(),
        redirect: stated.redirect_request.map(redirect),
        request: None,
        answered_by: AnsweredBy::Unstated,
    })
}

fn status(stated: &format::Response) -> Result<Status, Wrong> {
    match (&stated.status_codes, stated.grpc_status_code) {
        (Some(codes), None) if !codes.is_empty() => Ok(Status::Http(
            codes.iter().chain(&stated.also_accepted).copied().collect(),
        )),
        (None, Some(code)) => Ok(Status::Grpc {
            code,
            name: stated.grpc_status.clone().unwrap_or_default(),
            http_equivalents: stated.http_status_equivalent.clone(),
        }),
        _ => wrong("response", "needs either statusCodes or grpcStatusCode"),
    }
}

fn answered_by(entry: &Entry) -> AnsweredBy {
    if entry.answered_by_gateway {
        return AnsweredBy::Gateway;
    }
    let names: Vec<_> = match &entry.backend {
        Some(backend) => backend.iter().cloned().collect(),
        None => entry.backend_one_of.clone().unwrap_or_default(),
    };
    if names.is_empty() && entry.namespace.is_none() {
        return AnsweredBy::Unstated;
    }
    AnsweredBy::Backend {
        namespace: entry.namespace.clone(),
        names,
    }
}

fn redirect(stated: format::RedirectRequest) -> Redirect {
    let ports = stated.allowed_ports.or_else(|| {
        stated
            .port
            .filter(|port| !port.is_empty())
            .map(|port| vec![port])
    });
    Redirect {
        scheme: stated.scheme,
        host: stated.host,
        ports,
        path: stated.path,
    }
}

/// Where a test states the request that the backend must see, a missing method means GET; gRPC is
/// always POST.
fn expected_request(stated: format::ExpectedRequest, status: &Status) -> ExpectedRequest {
    let method = match status {
        Status::Http(_) => Some(stated.method.unwrap_or_else(|| "GET".to_owned())),
        Status::Grpc { .. } => stated.method,
    };
    ExpectedRequest {
        host: stated.host,
        method,
        path: stated.path,
        headers: stated.headers,
        absent_headers: stated.absent_headers,
    }
}

fn as_sent(request: &Request) -> ExpectedRequest {
    ExpectedRequest {
        host: (!request.host.is_empty()).then(|| request.host.clone()),
        method: Some(request.method.clone()),
        path: Some(request.path.clone()),
        headers: request.headers.clone(),
        absent_headers: Vec::new(),
    }
}

fn set_cookie(stated: format::SetCookie) -> SetCookie {
    let flag = |on: bool| on.then(String::new);
    let attributes = [
        ("httponly", stated.http_only.map(flag)),
        ("secure", stated.secure.map(flag)),
        (
            "max-age",
            stated.max_age.map(|age| age.map(|age| age.to_string())),
        ),
        ("path", stated.path),
        ("samesite", stated.same_site),
        ("domain", stated.domain),
        ("expires", stated.expires),
    ];
    SetCookie {
        name: stated.name,
        quoted: stated.quoted_value,
        attributes: attributes
            .into_iter()
            .filter_map(|(name, wanted)| Some((name, wanted?)))
            .collect(),
    }
}

fn weights(stated: format::Weights) -> Result<Weights, Wrong> {
    let nested = |(field, problem)| (format!("weights.{field}"), problem);
    if stated.requests == 0 || stated.attempts == 0 {
        return wrong("weights", "requests and attempts must be at least 1");
    }
    let mut expected = response_expected(stated.response, true).map_err(nested)?;
    expected.answered_by = AnsweredBy::Backend {
        namespace: Some(stated.namespace.clone()),
        names: stated.expected.keys().cloned().collect(),
    };
    Ok(Weights {
        trial: Trial {
            request: request(stated.request, BTreeMap::new()),
            expected,
        },
        namespace: stated.namespace,
        requests: stated.requests,
        shares: stated.expected,
        tolerance: stated.tolerance,
        attempts: stated.attempts,
    })
}
