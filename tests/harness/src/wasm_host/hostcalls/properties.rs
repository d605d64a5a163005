//! `proxy_get_property` and `proxy_set_property` (Envoy `Context::getProperty`, `setProperty`).

use crate::wasm_host::attributes::{Value, lookup};
use crate::wasm_host::memory::{Guest, give, slice, split};
use crate::wasm_host::pairs;
use crate::wasm_host::status::{HostcallResult, Status};

pub(crate) fn get(
    guest: &mut Guest<'_>,
    path: u32,
    path_size: u32,
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let value = lookup(state, slice(memory, path, path_size)?)?;
    give(guest, &encode(value), address_at, size_at)
}

/// Writes filter state under `wasm.`. Built-in attributes win over it when read, and what has a
/// path of several parts cannot be read at all.
pub(crate) fn set(
    guest: &mut Guest<'_>,
    path: u32,
    path_size: u32,
    value: u32,
    value_size: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let key = [b"wasm.", slice(memory, path, path_size)?].concat();
    let value = slice(memory, value, value_size)?.to_vec();
    let (stream, _) = state.target_stream().ok_or(Status::NotFound)?;
    stream.filter_state.insert(key, value);
    Ok(())
}

/// Envoy's `serializeValue`: numbers take eight bytes, booleans one, maps the form of pairs.
fn encode(value: Value) -> Vec<u8> {
    match value {
        Value::Bytes(bytes) => bytes,
        Value::Number(number) => number.to_le_bytes().to_vec(),
        Value::Bool(value) => vec![value.into()],
        Value::Map(entries) => pairs::encode(entries.iter().map(|(n, v)| (&n[..], &v[..]))),
    }
}
