//! Bodies, configurations and call data.

use crate::wasm_host::memory::{Guest, give_with, length, slice, split, write_word};
use crate::wasm_host::state::State;
use crate::wasm_host::status::{HostcallResult, Status};

const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_RESPONSE_BODY: u32 = 4;
const GRPC_RECEIVE: u32 = 5;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const CALL_DATA: u32 = 8;

/// Envoy's `getBuffer`. A body outside its phase is an empty buffer; what belongs to a callback
/// that does not run is not there at all.
fn buffer(state: &mut State, which: u32) -> Result<&[u8], Status> {
    match which {
        REQUEST_BODY | RESPONSE_BODY => Ok(body(state, which).map_or(&[], |body| &body[..])),
        CALL_RESPONSE_BODY => state.call.http_body.as_deref().ok_or(Status::NotFound),
        GRPC_RECEIVE => Ok(&state.call.grpc_message),
        VM_CONFIGURATION => Ok(&state.plugin.vm_configuration),
        PLUGIN_CONFIGURATION if state.configuring => Ok(&state.target_plugin().configuration),
        PLUGIN_CONFIGURATION => Err(Status::NotFound),
        _ if which <= CALL_DATA => Ok(&[]),
        _ => Err(Status::BadArgument),
    }
}

/// The body that a body callback of the stream may read and write.
fn body(state: &mut State, which: u32) -> Option<&mut Vec<u8>> {
    let (stream, access) = state.target_stream()?;
    match which {
        REQUEST_BODY => access.request_body.then_some(&mut stream.request_body),
        _ => access.response_body.then_some(&mut stream.response_body),
    }
}

pub(crate) fn get_bytes(
    guest: &mut Guest<'_>,
    which: u32,
    start: u32,
    size: u32,
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    let available = length(buffer(guest.data_mut(), which)?.len())?;
    if start.checked_add(size).is_none() {
        return Err(Status::BadArgument.into());
    }
    let size = size.min(available.saturating_sub(start));
    let size = usize::try_from(size).unwrap_or_default();
    let start = usize::try_from(start).unwrap_or_default();
    give_with(guest, size, address_at, size_at, |out, state| {
        let part = buffer(state, which).ok();
        if let Some(part) = part.and_then(|bytes| bytes.get(start..start + size)) {
            out.copy_from_slice(part);
        }
    })
}

pub(crate) fn get_status(
    guest: &mut Guest<'_>,
    which: u32,
    size_at: u32,
    flags_at: u32,
) -> HostcallResult {
    let size = length(buffer(guest.data_mut(), which)?.len())?;
    write_word(guest, size_at, size)?;
    write_word(guest, flags_at, 0)
}

/// Bodies can be prepended to, replaced whole, and appended to; nothing else can be written
/// (Envoy `Buffer::copyFrom`).
pub(crate) fn set_bytes(
    guest: &mut Guest<'_>,
    which: u32,
    start: u32,
    size: u32,
    data: u32,
    data_size: u32,
) -> HostcallResult {
    buffer(guest.data_mut(), which)?;
    let (memory, state) = split(guest);
    let data = slice(memory, data, data_size)?;
    if which > RESPONSE_BODY {
        return Err(Status::BadArgument.into());
    }
    let body = body(state, which).ok_or(Status::BadArgument)?;
    let held = length(body.len())?;
    if start == 0 && size == 0 {
        body.splice(..0, data.iter().copied());
    } else if start == 0 && size >= held {
        body.clear();
        body.extend_from_slice(data);
    } else if start > 0 && start >= held {
        body.extend_from_slice(data);
    } else {
        return Err(Status::BadArgument.into());
    }
    Ok(())
}
