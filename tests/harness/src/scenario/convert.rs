//! From the file's layer to the model: defaults filled in, kinds of case told apart.
//!
//! Errors are a field path, relative to the entry, and what is wrong with it.

mod asked;
mod expected;
mod mirror;
mod request;
mod websocket;

use std::collections::BTreeMap;
use std::time::Duration;

use super::format::{self, Entry};
use super::model::{
    AnsweredBy, Awaited, Capture, Case, Eventually, Expected, GatewayRef, Request, Requests,
    Status, Trial, Until, Weights, What,
};

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
    let features = asked::features(&entry);
    let skip = entry.skip.clone();
    let advance = advance(&entry, defaults)?;
    let what = what(entry, defaults)?;
    Ok(Case {
        name,
        line,
        gateway,
        advance,
        what,
        features,
        skip,
    })
}

fn advance(entry: &Entry, defaults: &Defaults<'_>) -> Result<Option<Duration>, Wrong> {
    let Some(stated) = &entry.advance else {
        return Ok(None);
    };
    if !defaults.steps {
        return wrong("advance", "only steps follow one another in time");
    }
    duration("advance", stated).map(Some)
}

fn duration(field: &str, stated: &str) -> Result<Duration, Wrong> {
    match stated.parse::<gateway_api::Duration>() {
        Ok(duration) => Ok(Duration::new(duration.as_secs(), duration.subsec_nanos())),
        Err(_) => wrong(
            field,
            format!("{stated:?} is no duration such as 1m30s or 500ms"),
        ),
    }
}

fn what(mut entry: Entry, defaults: &Defaults<'_>) -> Result<What, Wrong> {
    if entry.policy_status.is_some() {
        return Ok(What::Unjudged);
    }
    if let Some(stated) = entry.mirror_distribution.take() {
        return mirror::distribution(stated, entry, defaults).map(What::Mirrors);
    }
    if let Some(stated) = entry.weights {
        if entry.same_pod.is_some() {
            return wrong("samePod", "cannot be combined with weights");
        }
        return weights(stated, entry.backend_status).map(What::Weights);
    }
    let sends = [
        entry.request.is_some(),
        entry.grpc.is_some(),
        entry.any_of.is_some(),
        entry.websocket.is_some(),
    ];
    let sends = sends.contains(&true);
    if entry.advance.is_some() && !sends {
        return Ok(What::Wait);
    }
    let until = until(&entry)?;
    let capture = entry
        .capture
        .iter()
        .map(|(name, from)| Ok((name.clone(), capture(name, from)?)))
        .collect::<Result<_, Wrong>>()?;
    let same_pod = entry.same_pod.clone();
    let (trial, or) = trials(entry, defaults)?;
    Ok(What::Requests(Requests {
        trial,
        or,
        until,
        capture,
        same_pod,
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

/// The alternatives of an entry; without `anyOf`, itself. What the alternatives share may be
/// stated once, above them.
fn trials(mut entry: Entry, defaults: &Defaults<'_>) -> Result<(Trial, Vec<Trial>), Wrong> {
    let Some(alternatives) = entry.any_of.take() else {
        return Ok((single(entry, defaults)?, Vec::new()));
    };
    let mut trials = alternatives
        .into_iter()
        .enumerate()
        .map(|(i, alternative)| {
            single(inheriting(alternative, &entry), defaults)
                .map_err(|(field, problem)| (format!("anyOf[{i}].{field}"), problem))
        });
    match trials.next() {
        Some(first) => Ok((first?, trials.collect::<Result<_, _>>()?)),
        None => wrong("anyOf", "must not be empty"),
    }
}

fn inheriting(mut alternative: Entry, from: &Entry) -> Entry {
    if let Some(grpc) = alternative.grpc.take() {
        return inheriting(*grpc, from);
    }
    alternative.request = alternative.request.or_else(|| from.request.clone());
    alternative.response = alternative.response.or_else(|| from.response.clone());
    alternative.expected_request = alternative
        .expected_request
        .or_else(|| from.expected_request.clone());
    if alternative.backend.is_some() {
        alternative.namespace = alternative.namespace.or_else(|| from.namespace.clone());
    }
    alternative
}

fn single(mut entry: Entry, defaults: &Defaults<'_>) -> Result<Trial, Wrong> {
    if let Some(grpc) = entry.grpc.take() {
        return single(*grpc, defaults)
            .map_err(|(field, problem)| (format!("grpc.{field}"), problem));
    }
    let mut messages = Vec::new();
    if let Some(stated) = entry.websocket.take() {
        messages = websocket::take(stated, &mut entry)?;
    }
    let Some(sent) = entry.request.take() else {
        return wrong(
            "request",
            "missing: the case is of no kind that sends nothing",
        );
    };
    let Some(response) = entry.response.take() else {
        return wrong("response", "missing");
    };
    let request = Request {
        backend_response_headers: entry.backend_set_response_headers.clone(),
        simulation: request::simulation(entry.backend_simulation.take())?,
        messages: messages.clone(),
        ..request::request(sent, entry.backend_status.clone())?
    };
    let mut expected = expected::response(response, !defaults.steps)?;
    expected.messages = messages;
    expected.first_header_value_only |= entry.first_header_value_only;
    if let Some(stated) = entry.redirect_request.take() {
        expected.redirect = Some(expected::redirect(stated));
    }
    expected.answered_by = expected::answered_by(&entry);
    let mirrored_to = mirror::backends(std::mem::take(&mut entry.mirrored_to), &entry)?;
    expected.request = match entry.expected_request {
        Some(stated) => Some(expected::request(stated, &expected.status)),
        None if defaults.steps && awaits_echo(&expected) => Some(expected::as_sent(&request)),
        None => None,
    };
    Ok(Trial {
        request,
        expected,
        mirrored_to,
    })
}

/// Whether a step states a backend and the status of its echo.
fn awaits_echo(expected: &Expected) -> bool {
    matches!(expected.answered_by, AnsweredBy::Backend { .. })
        && matches!(&expected.status, Status::Http(codes) if codes.contains(&200))
}

fn weights(
    stated: format::Weights,
    backend_status: BTreeMap<String, u16>,
) -> Result<Weights, Wrong> {
    let nested = |(field, problem)| (format!("weights.{field}"), problem);
    if stated.requests == 0 || stated.attempts == 0 {
        return wrong("weights", "requests and attempts must be at least 1");
    }
    let mut expected = expected::response(stated.response, true).map_err(nested)?;
    expected.answered_by = AnsweredBy::Backend {
        namespace: Some(stated.namespace.clone()),
        names: stated.expected.keys().cloned().collect(),
    };
    Ok(Weights {
        trial: Trial {
            request: request::request(stated.request, backend_status)?,
            expected,
            mirrored_to: Vec::new(),
        },
        namespace: stated.namespace,
        requests: stated.requests,
        shares: stated.expected,
        tolerance: stated.tolerance,
        attempts: stated.attempts,
    })
}
