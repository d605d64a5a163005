//! Logs, time, ticks and what else stands alone.

use std::time::Duration;

use crate::wasm_host::memory::{Guest, give, slice, split, write, write_word};
use crate::wasm_host::plugin::LogLevel;
use crate::wasm_host::status::{HostcallResult, Status};

pub(crate) fn log(guest: &mut Guest<'_>, level: u32, message: u32, size: u32) -> HostcallResult {
    let level = LogLevel::from_guest(level).ok_or(Status::BadArgument)?;
    let (memory, state) = split(guest);
    state.write_log(level, slice(memory, message, size)?);
    Ok(())
}

pub(crate) fn get_log_level(guest: &mut Guest<'_>, level_at: u32) -> HostcallResult {
    let level = guest.data().log_level as u32;
    write_word(guest, level_at, level)
}

pub(crate) fn get_current_time(guest: &mut Guest<'_>, time_at: u32) -> HostcallResult {
    let now = guest.data().process.clock().nanoseconds();
    write(guest, time_at, &now.to_le_bytes())
}

/// One timer per root context; 0 disables it.
pub(crate) fn set_tick_period(guest: &mut Guest<'_>, milliseconds: u32) -> HostcallResult {
    let state = guest.data_mut();
    let now = state.process.clock().now();
    let root = state.target_root();
    let period = Duration::from_millis(milliseconds.into());
    if let Some(context) = state.context_mut(root) {
        context.tick = (milliseconds > 0).then_some((period, now + period));
    }
    Ok(())
}

pub(crate) fn set_effective_context(guest: &mut Guest<'_>, id: u32) -> HostcallResult {
    let state = guest.data_mut();
    if id != 0 && state.context(id).is_none() {
        return Err(Status::BadArgument.into());
    }
    state.effective = id;
    Ok(())
}

/// Only a root context whose `on_done` answered false has something to be done with.
pub(crate) fn done(guest: &mut Guest<'_>) -> HostcallResult {
    let state = guest.data_mut();
    let root = state.target_root();
    let place = state.pending_done.iter().position(|id| *id == root);
    state.pending_done.remove(place.ok_or(Status::NotFound)?);
    state.done.push(root);
    Ok(())
}

pub(crate) fn get_status(
    guest: &mut Guest<'_>,
    code_at: u32,
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    let (code, message) = guest.data().status.clone();
    write_word(guest, code_at, code)?;
    give(guest, &message, address_at, size_at)
}

/// ABI 0.1.0's way to read the plugin configuration, or the VM's outside `on_configure`.
pub(crate) fn get_configuration(
    guest: &mut Guest<'_>,
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    let state = guest.data();
    let configuration = if state.configuring {
        state.target_plugin().configuration.clone()
    } else {
        state.plugin.vm_configuration.clone()
    };
    give(guest, &configuration, address_at, size_at)
}
