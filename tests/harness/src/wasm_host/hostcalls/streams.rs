//! Local replies, and going on with or closing a stream. All take effect when the callback is over.

use crate::wasm_host::memory::{Guest, slice, split};
use crate::wasm_host::pairs;
use crate::wasm_host::state::{Access, Deferred};
use crate::wasm_host::status::{HostcallResult, Status};
use crate::wasm_host::stream::LocalReply;

const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const LAST: u32 = 3;

/// From a root context it is an Ok that does nothing (Envoy `sendLocalResponse`).
#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(crate) fn send_local_response(
    guest: &mut Guest<'_>,
    status: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    headers: u32,
    headers_size: u32,
    grpc_status: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let owned = |(name, value): (&[u8], &[u8])| (name.to_ascii_lowercase(), value.to_vec());
    let details = slice(memory, details, details_size)?;
    let body = slice(memory, body, body_size)?;
    let headers = pairs::decode(slice(memory, headers, headers_size)?);
    let reply = LocalReply {
        status,
        body: body.to_vec(),
        headers: headers.into_iter().map(owned).collect(),
        grpc_status: (grpc_status <= 16).then_some(grpc_status),
        details: String::from_utf8_lossy(details).replace(' ', "_"),
    };
    state.stop_iteration = true;
    if state.target_stream().is_some() {
        state.deferred.push(Deferred::LocalReply(reply));
    }
    Ok(())
}

/// The request can no longer be reached afterwards (Envoy `continueStream`).
pub(crate) fn continue_stream(guest: &mut Guest<'_>, which: u32) -> HostcallResult {
    let action = match which {
        REQUEST => Deferred::ContinueRequest,
        RESPONSE => Deferred::ContinueResponse,
        // Network streams, which HTTP filters do not have.
        2..=LAST => return Ok(()),
        _ => return Err(Status::BadArgument.into()),
    };
    let state = guest.data_mut();
    if let Some((_, access)) = state.target_stream() {
        *access = Access {
            request_headers: false,
            request_body: false,
            request_trailers: false,
            ..*access
        };
        state.deferred.push(action);
    }
    Ok(())
}

/// Requests and responses are reset; the network streams of the ABI do not exist in HTTP filters.
pub(crate) fn close_stream(guest: &mut Guest<'_>, which: u32) -> HostcallResult {
    if which > LAST {
        return Err(Status::BadArgument.into());
    }
    let state = guest.data_mut();
    if which <= RESPONSE && state.target_stream().is_some() {
        state.deferred.push(Deferred::Reset);
    }
    Ok(())
}

pub(crate) fn continue_request(guest: &mut Guest<'_>) -> HostcallResult {
    continue_stream(guest, REQUEST)
}

pub(crate) fn continue_response(guest: &mut Guest<'_>) -> HostcallResult {
    continue_stream(guest, RESPONSE)
}

pub(crate) fn clear_route_cache(guest: &mut Guest<'_>) -> HostcallResult {
    if let Some((stream, _)) = guest.data_mut().target_stream() {
        stream.route_cleared = true;
    }
    Ok(())
}
