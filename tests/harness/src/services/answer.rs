//! What a response comes to, as a gRPC status or message.

use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::wasm_host::{CalloutAnswer, http_to_grpc_status};

const UNKNOWN: u32 = 2;
pub(super) const INTERNAL: u32 = 13;
pub(super) const UNAVAILABLE: u32 = 14;

/// The longest message that is taken, as gRPC implementations have it by default.
const MESSAGE_MAX: usize = 4 << 20;
/// Flag and length in front of a message.
const FRAME: usize = 5;

/// A call that ended with this status.
pub(super) fn ended(code: u32, message: impl Into<String>) -> CalloutAnswer {
    let message = message.into();
    CalloutAnswer::GrpcStatus { code, message }
}

/// Envoy's `AsyncStreamImpl` and `AsyncRequestImpl`: an HTTP status other than 200 is translated
/// unless the headers are all there is and name a status, a bad frame or reset is an internal
/// error, an end without status is unknown, and OK without message is an internal error again.
pub(super) async fn unary(response: Response<Incoming>) -> CalloutAnswer {
    let (head, mut body) = response.into_parts();
    let only_headers = body.is_end_stream();
    if head.status != StatusCode::OK && !(only_headers && head.headers.contains_key(STATUS)) {
        let status = head.status.as_u16();
        return ended(
            http_to_grpc_status(status.into()),
            format!("HTTP status {status}"),
        );
    }
    if only_headers {
        return closed(&head.headers, None);
    }
    let mut received = Vec::new();
    let mut last = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return ended(INTERNAL, "the stream was reset");
        };
        if let Some(trailers) = frame.trailers_ref() {
            return closed(trailers, last);
        }
        received.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        loop {
            match message(&mut received) {
                Ok(Some(message)) => last = Some(message),
                Ok(None) => break,
                Err(what) => return ended(INTERNAL, what),
            }
        }
    }
    ended(UNKNOWN, "the stream ended without grpc-status")
}

const STATUS: &str = "grpc-status";

/// How a call ends that has these trailers, with the last message that came.
fn closed(trailers: &HeaderMap, last: Option<Vec<u8>>) -> CalloutAnswer {
    let text = |name| trailers.get(name).and_then(|value| value.to_str().ok());
    let code = text(STATUS).and_then(|code| code.parse().ok());
    match (code, last) {
        (Some(0), Some(message)) => CalloutAnswer::Grpc(message),
        (Some(0), None) => ended(INTERNAL, "OK without a message"),
        (code, _) => ended(
            code.filter(|code| *code <= 16).unwrap_or(UNKNOWN),
            text("grpc-message").unwrap_or_default(),
        ),
    }
}

/// Takes a whole message off the front of what was received, if there is one.
fn message(received: &mut Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
    let Some((&[flag, ref length @ ..], rest)) = received.split_first_chunk::<FRAME>() else {
        return Ok(None);
    };
    if flag > 1 {
        return Err("not a gRPC frame");
    }
    if flag == 1 {
        return Err("the message is compressed");
    }
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MESSAGE_MAX {
        return Err("the message is longer than 4 MiB");
    }
    if rest.len() < length {
        return Ok(None);
    }
    let rest = received.split_off(FRAME + length);
    let mut message = std::mem::replace(received, rest);
    message.drain(..FRAME);
    Ok(Some(message))
}
