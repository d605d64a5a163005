//! What is sent, and what the backend does of its own accord, from the file's layer to the model.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::format::{self, Alpn, BackendSimulation, FailBy, Protocol, Scheme};
use super::super::model::Request;
use super::{Wrong, body, duration, wrong};
use crate::exchange::{self, BackendResponse, ClientTls, FailWith, Failing, Simulation};

/// What a backend fails with that is not told how.
const FAILURE: FailWith = FailWith::Status(500);

pub(super) fn is_tls(stated: &format::Request) -> bool {
    stated.protocol == Protocol::Https || stated.scheme == Some(Scheme::Https)
}

pub(super) fn request(
    stated: format::Request,
    backend_status: BTreeMap<String, u16>,
) -> Result<Request, Wrong> {
    let statuses = match stated.protocol {
        Protocol::Grpc => 0..=16,
        Protocol::Http | Protocol::Https | Protocol::H2c => 200..=599,
    };
    for (service, status) in &backend_status {
        if !statuses.contains(status) {
            let field = format!("backendStatus.{service}");
            return wrong(&field, format!("{status} is not in {statuses:?}"));
        }
    }
    if stated.protocol == Protocol::Https && stated.scheme == Some(Scheme::Http) {
        return wrong("request.scheme", "is not that of the protocol");
    }
    let tls = is_tls(&stated);
    let scheme = if tls { "https" } else { "http" };
    let (body, trailers) = body::sent(stated.body.clone())?;
    let method = if stated.protocol == Protocol::Grpc {
        "POST"
    } else {
        "GET"
    };
    Ok(Request {
        scheme: scheme.to_owned(),
        port: stated.port.unwrap_or(if tls { 443 } else { 80 }),
        protocol: protocol(&stated)?,
        tls: tls.then(|| ClientTls {
            server_name: server_name(&stated),
        }),
        host: stated.host,
        body,
        trailers,
        method: stated.method.unwrap_or_else(|| method.to_owned()),
        path: stated.path,
        headers: stated.headers,
        client: stated.client_address,
        backend_response_headers: BTreeMap::new(),
        backend_status,
        backend_response: BackendResponse::default(),
        simulation: Simulation::default(),
        messages: Vec::new(),
    })
}

pub(super) fn backend_response(
    stated: format::BackendResponse,
    request: &format::Request,
) -> Result<BackendResponse, Wrong> {
    if request.protocol == Protocol::Grpc && stated != format::BackendResponse::default() {
        return wrong(
            "backendResponse",
            "is for HTTP: for gRPC there is backendStatus",
        );
    }
    match stated.status {
        Some(status) if !(200..=599).contains(&status) => wrong(
            "backendResponse.status",
            format!("{status} is not in 200..=599"),
        ),
        status => Ok(BackendResponse {
            status,
            headers: stated.headers.into_iter().collect(),
            body: stated.body.map(String::into_bytes),
        }),
    }
}

fn protocol(stated: &format::Request) -> Result<exchange::Protocol, Wrong> {
    if stated.alpn.is_some() && !is_tls(stated) {
        return wrong("request.alpn", "only TLS negotiates");
    }
    match (stated.protocol, stated.alpn) {
        (Protocol::Grpc, None | Some(Alpn::Http2)) => Ok(exchange::Protocol::Grpc),
        (Protocol::Grpc, Some(Alpn::Http1)) => wrong("request.alpn", "gRPC needs h2"),
        (Protocol::H2c, None) if !is_tls(stated) => Ok(exchange::Protocol::H2c),
        (Protocol::H2c, _) => wrong("request.protocol", "h2c is cleartext: over TLS, alpn is h2"),
        (Protocol::Http | Protocol::Https, Some(Alpn::Http2)) => Ok(exchange::Protocol::H2c),
        (Protocol::Http | Protocol::Https, None | Some(Alpn::Http1)) => {
            Ok(exchange::Protocol::Http)
        }
    }
}

/// The host's, if none is stated, but for its port; an empty one is none.
fn server_name(stated: &format::Request) -> Option<String> {
    let host = || match stated.host.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => stated.host.clone(),
    };
    let name = stated.sni.clone().unwrap_or_else(host);
    Some(name).filter(|name| !name.is_empty())
}

pub(super) fn simulation(stated: Option<BackendSimulation>) -> Result<Simulation, Wrong> {
    let Some(stated) = stated else {
        return Ok(Simulation::default());
    };
    let time = |field: &str, text: Option<String>| {
        let text = text.as_deref();
        text.map(|text| duration(&format!("backendSimulation.{field}"), text))
            .transpose()
    };
    let delay = time("delay", stated.delay)?;
    let after = time("failDelay", stated.fail_delay)?;
    let with = match (stated.fail_status, stated.fail_by) {
        (None, None) => None,
        (Some(status @ 200..=599), None) => Some(FailWith::Status(status)),
        (None, Some(FailBy::TcpReset)) => Some(FailWith::TcpReset),
        (Some(status), None) => {
            let problem = format!("{status} is not in 200..=599");
            return wrong("backendSimulation.failStatus", problem);
        }
        (Some(_), Some(_)) => {
            let problem = "a backend fails with a status or by a reset";
            return wrong("backendSimulation.failBy", problem);
        }
    };
    let Some(attempts) = stated.fail_first else {
        if with.is_some() || after.is_some() {
            let problem = "missing: how many attempts fail";
            return wrong("backendSimulation.failFirst", problem);
        }
        return Ok(Simulation {
            delay,
            failing: None,
        });
    };
    let failing = Failing {
        attempts,
        with: with.unwrap_or(FAILURE),
        after: after.unwrap_or(Duration::ZERO),
    };
    Ok(Simulation {
        delay,
        failing: Some(failing),
    })
}
