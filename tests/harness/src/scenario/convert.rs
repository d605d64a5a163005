//! From the file's layer to the model: defaults filled in, kinds of case told apart.
//!
//! Errors are a field path, relative to the entry, and what is wrong with it. What a case states is
//! judged: a field that its kind has no use for is an error.

mod asked;
mod body;
mod expected;
mod kind;
mod mirror;
mod request;
mod trial;

use std::time::Duration;

use self::trial::{single, trials};
use super::format::{self, Entry, Trial as Stated};
use super::model::{
    AnsweredBy, Awaited, Capture, Case, Eventually, GatewayRef, Requests, Until, Weights, What,
};

/// Field and problem.
type Wrong = (String, String);

fn wrong<T>(field: &str, problem: impl Into<String>) -> Result<T, Wrong> {
    Err((field.to_owned(), problem.into()))
}

/// Puts the path of an object in front of the field.
fn within(object: &str) -> impl Fn(Wrong) -> Wrong {
    move |(field, problem)| (format!("{object}.{field}"), problem)
}

/// What the file says for all its entries.
pub(super) struct Defaults<'a> {
    pub(super) gateway: Option<&'a GatewayRef>,
    /// Whether the entries are steps. The backend of a step must see what was sent unless the step
    /// says otherwise.
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
    let features = asked::features(&entry);
    let skip = entry.skip.clone();
    let advance = advance(&entry, defaults)?;
    Ok(Case {
        name: entry.name.clone().unwrap_or_else(|| number.to_string()),
        notes: entry.notes.clone(),
        line,
        gateway,
        advance,
        metrics: entry.metrics.clone(),
        what: what(entry, defaults)?,
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
    kind::check(&entry)?;
    if entry.policy_status.is_some() {
        return Ok(What::Unjudged);
    }
    if kind::waits_only(&entry) {
        return Ok(What::Wait);
    }
    if let Some(stated) = entry.mirror_distribution.take() {
        return mirror::distribution(stated, kind::trial(entry), defaults).map(What::Mirrors);
    }
    if let Some(stated) = entry.weights.take() {
        return weights(stated, kind::trial(entry), defaults).map(What::Weights);
    }
    requests(entry, defaults).map(What::Requests)
}

fn requests(mut entry: Entry, defaults: &Defaults<'_>) -> Result<Requests, Wrong> {
    let until = until(&entry)?;
    let capture = entry
        .capture
        .iter()
        .map(|(name, from)| Ok((name.clone(), capture(name, from)?)))
        .collect::<Result<_, Wrong>>()?;
    let same_pod = entry.same_pod.take();
    let alternatives = entry.any_of.take();
    let websocket = entry.websocket.take();
    let stated = kind::trial(entry);
    let (trial, or) = match (alternatives, websocket) {
        (Some(alternatives), _) => trials(alternatives, &stated, defaults)?,
        (None, Some(websocket)) => (trial::websocket(websocket, stated, defaults)?, Vec::new()),
        (None, None) => (single(stated, defaults)?, Vec::new()),
    };
    Ok(Requests {
        trial,
        or,
        until,
        capture,
        same_pod,
    })
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

fn weights(
    stated: format::Weights,
    case: Stated,
    defaults: &Defaults<'_>,
) -> Result<Weights, Wrong> {
    if stated.requests == 0 || stated.attempts == 0 {
        return wrong("weights", "requests and attempts must be at least 1");
    }
    let mut trial = single(
        Stated {
            request: Some(stated.request),
            response: Some(stated.response),
            ..case
        },
        defaults,
    )
    .map_err(|(field, problem)| match field.split('.').next() {
        Some("request" | "response") => (format!("weights.{field}"), problem),
        _ => (field, problem),
    })?;
    trial.expected.answered_by = AnsweredBy::Backend {
        namespace: Some(stated.namespace.clone()),
        names: stated.expected.keys().cloned().collect(),
    };
    Ok(Weights {
        trial,
        namespace: stated.namespace,
        requests: stated.requests,
        shares: stated.expected,
        tolerance: stated.tolerance,
        attempts: stated.attempts,
    })
}
