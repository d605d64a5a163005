//! Header and trailer maps.

use crate::wasm_host::header_map::{HeaderMap, MapKind};
use crate::wasm_host::memory::{Guest, give, give_with, length, slice, split, write_word};
use crate::wasm_host::pairs;
use crate::wasm_host::state::State;
use crate::wasm_host::status::{Fault, HostcallResult, Status};
use crate::wasm_host::version::AbiVersion;

const REQUEST_HEADERS: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE_HEADERS: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const CALL_HEADERS: u32 = 6;
const CALL_TRAILERS: u32 = 7;
const LAST: u32 = CALL_TRAILERS;

/// Envoy's `getMap`: what may be written in this phase.
fn writable(state: &mut State, map: u32) -> Option<&mut HeaderMap> {
    let (stream, access) = state.target_stream()?;
    match map {
        REQUEST_HEADERS => access
            .request_headers
            .then_some(&mut stream.request_headers),
        REQUEST_TRAILERS => {
            // Envoy makes trailers on demand once the body has ended.
            if access.request_body && access.request_ended {
                let made = || HeaderMap::new(MapKind::Trailers);
                return Some(stream.request_trailers.get_or_insert_with(made));
            }
            stream
                .request_trailers
                .as_mut()
                .filter(|_| access.request_trailers)
        }
        RESPONSE_HEADERS => access
            .response_headers
            .then_some(&mut stream.response_headers),
        RESPONSE_TRAILERS => stream
            .response_trailers
            .as_mut()
            .filter(|_| access.response_trailers),
        _ => None,
    }
}

/// Envoy's `getConstMap`: what may be read in this phase.
fn readable(state: &mut State, map: u32) -> Option<&HeaderMap> {
    match map {
        CALL_HEADERS => return state.call.http_headers.as_ref(),
        CALL_TRAILERS => return state.call.http_trailers.as_ref(),
        _ => {}
    }
    if state.target_stream().is_some_and(|(_, access)| access.log) {
        let stream = &state.stream;
        return match map {
            REQUEST_HEADERS => Some(&stream.request_headers),
            REQUEST_TRAILERS => stream.request_trailers.as_ref(),
            RESPONSE_HEADERS => Some(&stream.response_headers),
            RESPONSE_TRAILERS => stream.response_trailers.as_ref(),
            _ => None,
        };
    }
    writable(state, map).map(|map| &*map)
}

fn check(map: u32) -> HostcallResult {
    if map > LAST {
        return Err(Status::BadArgument.into());
    }
    Ok(())
}

/// Writes to a map and, for request headers, clears the route cache (Envoy `onHeadersModified`).
fn modify(
    guest: &mut Guest<'_>,
    map: u32,
    change: impl FnOnce(&mut HeaderMap, &[u8]) -> Result<(), Fault>,
) -> HostcallResult {
    check(map)?;
    let (memory, state) = split(guest);
    let headers = writable(state, map);
    change(headers.ok_or(Status::BadArgument)?, memory)?;
    if map == REQUEST_HEADERS {
        state.stream.route_cleared = true;
    }
    Ok(())
}

pub(crate) fn get_value(
    guest: &mut Guest<'_>,
    map: u32,
    name: u32,
    name_size: u32,
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    check(map)?;
    let (memory, state) = split(guest);
    let name = slice(memory, name, name_size)?;
    let abi = state.abi;
    // `on_log` reads trailers that are not there as an empty map.
    let logs = state.target_stream().is_some_and(|(_, access)| access.log);
    let absent = if logs {
        Status::NotFound
    } else {
        Status::BadArgument
    };
    let headers = readable(state, map).ok_or(absent)?;
    let value = match headers.get(name) {
        Some(value) => value.to_vec(),
        None if abi == AbiVersion::V0_1_0 => Vec::new(),
        None => return Err(Status::NotFound.into()),
    };
    give(guest, &value, address_at, size_at)
}

pub(crate) fn get_pairs(
    guest: &mut Guest<'_>,
    map: u32,
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    check(map)?;
    let (_, state) = split(guest);
    let headers = readable(state, map).filter(|headers| !headers.is_empty());
    let size = headers.map_or(0, |headers| pairs::size(headers.iter()));
    give_with(guest, size, address_at, size_at, |out, state| {
        if let Some(headers) = readable(state, map) {
            pairs::write(headers.iter(), out);
        }
    })
}

pub(crate) fn get_size(guest: &mut Guest<'_>, map: u32, size_at: u32) -> HostcallResult {
    check(map)?;
    let headers = writable(guest.data_mut(), map).ok_or(Status::BadArgument)?;
    let size = length(headers.byte_size())?;
    write_word(guest, size_at, size)
}

pub(crate) fn add(
    guest: &mut Guest<'_>,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> HostcallResult {
    modify(guest, map, |headers, memory| {
        let name = slice(memory, name, name_size)?;
        headers.add(name, slice(memory, value, value_size)?);
        Ok(())
    })
}

pub(crate) fn replace(
    guest: &mut Guest<'_>,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> HostcallResult {
    modify(guest, map, |headers, memory| {
        let name = slice(memory, name, name_size)?;
        headers.set(name, slice(memory, value, value_size)?);
        Ok(())
    })
}

pub(crate) fn remove(guest: &mut Guest<'_>, map: u32, name: u32, name_size: u32) -> HostcallResult {
    modify(guest, map, |headers, memory| {
        headers.remove(slice(memory, name, name_size)?);
        Ok(())
    })
}

pub(crate) fn set_pairs(guest: &mut Guest<'_>, map: u32, data: u32, size: u32) -> HostcallResult {
    modify(guest, map, |headers, memory| {
        headers.replace_all(pairs::decode(slice(memory, data, size)?));
        Ok(())
    })
}
