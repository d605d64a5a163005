//! Foreign functions that Envoy registers (`source/extensions/common/wasm/foreign.cc`), of which
//! those that say something about routing and limits are here; the others are `NotFound`.

use crate::wasm_host::memory::{Guest, slice, split, write_word};
use crate::wasm_host::proto;
use crate::wasm_host::state::State;
use crate::wasm_host::status::{HostcallResult, Status};

/// The one key with a factory that the filters after Wasm read: hits of a global rate limit.
const HITS_ADDEND: &[u8] = b"envoy.ratelimit.hits_addend";

/// Calls a function by name. None of them has results.
pub(crate) fn call(
    guest: &mut Guest<'_>,
    name: u32,
    name_size: u32,
    arguments: u32,
    arguments_size: u32,
    results_at: u32,
    results_size_at: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let name = slice(memory, name, name_size)?;
    let arguments = slice(memory, arguments, arguments_size)?;
    let outcome = match name {
        b"clear_route_cache" if state.envoy.clears_route_cache_by_function() => {
            if let Some((stream, _)) = state.target_stream() {
                stream.route_cleared = true;
            }
            Ok(())
        }
        b"set_envoy_filter_state" => set_filter_state(state, arguments),
        b"declare_property" => declare_property(state, arguments),
        _ => return Err(Status::NotFound.into()),
    };
    for place in [results_at, results_size_at] {
        if place != 0 {
            write_word(guest, place, 0)?;
        }
    }
    Ok(outcome?)
}

/// `SetEnvoyFilterStateArguments{path = 1, value = 2, span = 3}`: the key needs an object factory,
/// which checks the value.
fn set_filter_state(state: &mut State, arguments: &[u8]) -> Result<(), Status> {
    let fields = proto::fields(arguments).ok_or(Status::BadArgument)?;
    let key = proto::bytes_of(&fields, 1).unwrap_or_default();
    let value = proto::bytes_of(&fields, 2).unwrap_or_default();
    if key != HITS_ADDEND {
        return Err(Status::NotFound);
    }
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let number = std::str::from_utf8(value).ok().filter(|_| digits);
    number
        .and_then(|text| text.parse::<u32>().ok())
        .ok_or(Status::BadArgument)?;
    let (stream, _) = state.target_stream().ok_or(Status::BadArgument)?;
    stream.filter_state.insert(key.to_vec(), value.to_vec());
    Ok(())
}

/// `DeclarePropertyArguments{name = 1, …}`: a property is declared once.
fn declare_property(state: &mut State, arguments: &[u8]) -> Result<(), Status> {
    let fields = proto::fields(arguments).ok_or(Status::BadArgument)?;
    let name = proto::bytes_of(&fields, 1).unwrap_or_default().to_vec();
    let root = state.target_root();
    let context = state.context_mut(root).ok_or(Status::BadArgument)?;
    if context.declared.contains(&name) {
        return Err(Status::BadArgument);
    }
    context.declared.push(name);
    Ok(())
}
