//! What must come back, from the file's layer to the model.

use std::collections::BTreeMap;

use super::super::format::{self, Entry, OneOrMany, Unenforced};
use super::super::model::{
    AnsweredBy, Expected, ExpectedRequest, Redirect, Request, SetCookie, Status,
};
use super::{Wrong, wrong};

/// Everything but who answers and what the backend sees.
pub(super) fn response(stated: format::Response, on_success_only: bool) -> Result<Expected, Wrong> {
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
        messages: Vec::new(),
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

pub(super) fn answered_by(entry: &Entry) -> AnsweredBy {
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

pub(super) fn redirect(stated: format::RedirectRequest) -> Redirect {
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
pub(super) fn request(stated: format::ExpectedRequest, status: &Status) -> ExpectedRequest {
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

/// What was sent, unchanged.
pub(super) fn as_sent(request: &Request) -> ExpectedRequest {
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
