//! A request and what must come of it, from the file's layer to the model.

use super::super::format::{self, Trial as Stated};
use super::super::model::{AnsweredBy, Expected, Request, Status, Trial};
use super::{Defaults, Wrong, expected, mirror, request, within, wrong};
use crate::exchange::Message;

/// The alternatives of a case. What they share may be stated once, above them.
pub(super) fn trials(
    alternatives: Vec<Stated>,
    case: &Stated,
    defaults: &Defaults<'_>,
) -> Result<(Trial, Vec<Trial>), Wrong> {
    let numbered = alternatives.into_iter().enumerate();
    let mut trials = numbered.map(|(number, alternative)| {
        let object = format!("anyOf[{number}]");
        let alternative = inheriting(alternative, case).map_err(within(&object))?;
        single(alternative, defaults).map_err(within(&object))
    });
    match trials.next() {
        Some(first) => Ok((first?, trials.collect::<Result<_, _>>()?)),
        None => wrong("anyOf", "must not be empty"),
    }
}

fn inheriting(mut alternative: Stated, case: &Stated) -> Result<Stated, Wrong> {
    if let Some(call) = alternative.grpc.take() {
        if alternative != Stated::default() {
            return wrong("grpc", "an alternative has either grpc or other fields");
        }
        return inheriting(*call, case).map_err(within("grpc"));
    }
    let case = case.clone();
    alternative.request = alternative.request.or(case.request);
    alternative.response = alternative.response.or(case.response);
    alternative.expected_request = alternative.expected_request.or(case.expected_request);
    alternative.redirect_request = alternative.redirect_request.or(case.redirect_request);
    alternative.backend_simulation = alternative.backend_simulation.or(case.backend_simulation);
    alternative.first_header_value_only |= case.first_header_value_only;
    if alternative.backend.is_some() || alternative.backend_one_of.is_some() {
        alternative.namespace = alternative.namespace.or(case.namespace);
    }
    if alternative.mirrored_to.is_empty() {
        alternative.mirrored_to = case.mirrored_to;
    }
    if alternative.backend_status.is_empty() {
        alternative.backend_status = case.backend_status;
    }
    alternative.backend_response = alternative.backend_response.or(case.backend_response);
    if alternative.backend_set_response_headers.is_empty() {
        alternative.backend_set_response_headers = case.backend_set_response_headers;
    }
    Ok(alternative)
}

/// A WebSocket is opened by a request, and agreed to with 101 unless the case states a response.
pub(super) fn websocket(
    stated: format::WebSocket,
    case: Stated,
    defaults: &Defaults<'_>,
) -> Result<Trial, Wrong> {
    if stated.messages.is_empty() {
        return wrong("websocket.messages", "must not be empty");
    }
    if stated.request.body.is_some() {
        return wrong("websocket.request.body", "a WebSocket has messages instead");
    }
    let messages: Vec<_> = stated.messages.into_iter().map(Message::from).collect();
    let opened = Stated {
        request: Some(stated.request),
        response: Some(case.response.clone().unwrap_or_else(expected::switched)),
        ..case
    };
    let mut trial = single(opened, defaults).map_err(|(field, problem)| {
        let object = if field.starts_with("request.") {
            "websocket."
        } else {
            ""
        };
        (format!("{object}{field}"), problem)
    })?;
    if matches!(&trial.expected.status, Status::Http(codes) if codes.contains(&101)) {
        trial.expected.messages.clone_from(&messages);
    }
    trial.request.messages = messages;
    Ok(trial)
}

impl From<format::Message> for Message {
    fn from(stated: format::Message) -> Self {
        match stated {
            format::Message::Text(text) => Self::Text(text),
            format::Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

pub(super) fn single(mut stated: Stated, defaults: &Defaults<'_>) -> Result<Trial, Wrong> {
    if let Some(call) = stated.grpc.take() {
        return single(*call, defaults).map_err(within("grpc"));
    }
    let Some(sent) = stated.request.take() else {
        return wrong(
            "request",
            "missing: the case is of no kind that sends nothing",
        );
    };
    let Some(response) = stated.response.take() else {
        return wrong("response", "missing");
    };
    let answered = stated.backend_response.take().unwrap_or_default();
    let request = Request {
        backend_response_headers: stated.backend_set_response_headers.clone(),
        backend_response: request::backend_response(answered, &sent)?,
        simulation: request::simulation(stated.backend_simulation.take())?,
        ..request::request(sent, stated.backend_status.clone())?
    };
    let mut expected = expected::response(response)?;
    expected.first_header_value_only |= stated.first_header_value_only;
    if let Some(redirect) = stated.redirect_request.take() {
        if expected.redirect.is_some() {
            return wrong("redirectRequest", "is stated in response as well");
        }
        expected.redirect = Some(expected::redirect(redirect));
    }
    expected.answered_by = expected::answered_by(&stated)?;
    let mirrored_to = mirror::backends(std::mem::take(&mut stated.mirrored_to), &stated)?;
    expected.request = match stated.expected_request {
        Some(stated) => Some(expected::request(stated, &expected.status)?),
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
