//! What must come back, from the file's layer to the model.

use super::super::format::{self, OneOrMany, Trial as Stated};
use super::super::model::{
    AnsweredBy, Expected, ExpectedRequest, Redirect, Request, SetCookie, Status,
};
use super::{Wrong, wrong};
use crate::exchange::BODY_KEPT;

/// Everything but who answers and what the backend sees.
pub(super) fn response(stated: format::Response) -> Result<Expected, Wrong> {
    let status = status(&stated)?;
    Ok(Expected {
        status,
        headers: stated.headers,
        valid_header_values: stated.valid_header_values,
        ignore_whitespace: stated.ignore_whitespace,
        first_header_value_only: stated.first_header_value_only,
        absent_headers: stated.absent_headers,
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
        messages: Vec::new(),
    })
}

fn status(stated: &format::Response) -> Result<Status, Wrong> {
    match (&stated.status_codes, stated.grpc_status_code) {
        (Some(codes), None) if !codes.is_empty() && stated.grpc_status.is_none() => Ok(
            Status::Http(codes.iter().chain(&stated.also_accepted).copied().collect()),
        ),
        (None, Some(code)) if stated.also_accepted.is_empty() => grpc_status(code, stated),
        _ => wrong("response", "needs either statusCodes or grpcStatusCode"),
    }
}

/// The statuses of gRPC, by their number.
const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];

/// The name is for readers, and must be that of the number.
fn grpc_status(code: u32, stated: &format::Response) -> Result<Status, Wrong> {
    let named = usize::try_from(code).ok();
    let Some(name) = named.and_then(|place| GRPC_STATUSES.get(place)) else {
        return wrong(
            "response.grpcStatusCode",
            format!("{code} is not in 0..=16"),
        );
    };
    match &stated.grpc_status {
        Some(other) if other != name => wrong(
            "response.grpcStatus",
            format!("{code} is {name} and not {other}"),
        ),
        _ => Ok(Status::Grpc {
            code,
            name: (*name).to_owned(),
        }),
    }
}

/// The response that opens a WebSocket.
pub(super) fn switched() -> format::Response {
    format::Response {
        status_codes: Some(vec![101]),
        ..format::Response::default()
    }
}

pub(super) fn answered_by(stated: &Stated) -> Result<AnsweredBy, Wrong> {
    let named = [
        ("backend", stated.backend.is_some()),
        ("backendOneOf", stated.backend_one_of.is_some()),
        ("answeredByGateway", stated.answered_by_gateway),
    ];
    let mut named = named.into_iter().filter(|(_, is)| *is);
    if let (Some((one, _)), Some((other, _))) = (named.next(), named.next()) {
        return wrong(other, format!("cannot be combined with {one}"));
    }
    if stated.answered_by_gateway {
        return Ok(AnsweredBy::Gateway);
    }
    let names: Vec<_> = match &stated.backend {
        Some(backend) => vec![backend.clone()],
        None => stated.backend_one_of.clone().unwrap_or_default(),
    };
    if names.is_empty() && stated.namespace.is_none() {
        return Ok(AnsweredBy::Unstated);
    }
    Ok(AnsweredBy::Backend {
        namespace: stated.namespace.clone(),
        names,
    })
}

pub(super) fn redirect(stated: format::RedirectRequest) -> Redirect {
    let ports = match (stated.port, stated.allowed_ports) {
        (None, None) => None,
        (port, allowed) => Some(
            port.into_iter()
                .chain(allowed.into_iter().flatten())
                .collect(),
        ),
    };
    Redirect {
        scheme: stated.scheme,
        host: stated.host,
        ports,
        path: stated.path,
    }
}

/// Where a test states the request that the backend must see, a missing method means GET; gRPC is
/// always POST.
pub(super) fn request(
    stated: format::ExpectedRequest,
    status: &Status,
) -> Result<ExpectedRequest, Wrong> {
    let method = match status {
        Status::Http(_) => Some(stated.method.unwrap_or_else(|| "GET".to_owned())),
        Status::Grpc { .. } => stated.method,
    };
    let body = stated.body.map(String::into_bytes);
    if body.as_ref().is_some_and(|body| body.len() > BODY_KEPT) {
        let problem = "is longer than 16 KiB: state bodySize";
        return wrong("expectedRequest.body", problem);
    }
    Ok(ExpectedRequest {
        host: stated.host,
        method,
        path: stated.path,
        headers: stated.headers,
        absent_headers: stated.absent_headers,
        body,
        body_size: stated.body_size,
        trailers: stated.trailers,
    })
}

/// What was sent, unchanged. Trailers do not arrive wherever HTTP/1.1 is spoken.
pub(super) fn as_sent(request: &Request) -> ExpectedRequest {
    let sent = Some(request.body.clone()).filter(|body| !body.is_empty());
    ExpectedRequest {
        host: (!request.host.is_empty()).then(|| request.host.clone()),
        method: Some(request.method.clone()),
        path: Some(request.path.clone()),
        headers: request.headers.clone(),
        body: sent.clone().filter(|body| body.len() <= BODY_KEPT),
        body_size: sent.map(|body| u64::try_from(body.len()).unwrap_or(u64::MAX)),
        ..ExpectedRequest::default()
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
