//! Shared data and queues.

use crate::wasm_host::memory::{Guest, give, read, slice, split, write_word};
use crate::wasm_host::queue::Registrant;
use crate::wasm_host::status::{HostcallResult, Status};

pub(crate) fn get_data(
    guest: &mut Guest<'_>,
    key: u32,
    key_size: u32,
    address_at: u32,
    size_at: u32,
    cas_at: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let key = slice(memory, key, key_size)?;
    let found = state.process.shared_data().get(&state.plugin.vm_id, key);
    let (value, cas) = found.ok_or(Status::NotFound)?;
    give(guest, &value, address_at, size_at)?;
    write_word(guest, cas_at, cas)
}

pub(crate) fn set_data(
    guest: &mut Guest<'_>,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
    cas: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let key = slice(memory, key, key_size)?;
    let value = slice(memory, value, value_size)?;
    let mut data = state.process.shared_data();
    Ok(data.set(&state.plugin.vm_id, key, value, cas)?)
}

pub(crate) fn register_queue(
    guest: &mut Guest<'_>,
    name: u32,
    name_size: u32,
    token_at: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let name = slice(memory, name, name_size)?;
    let registrant = Registrant {
        vm: state.number,
        root: state.target_root(),
    };
    let vm_id = &state.plugin.vm_id;
    let token = state.process.queues().register(vm_id, name, registrant);
    write_word(guest, token_at, token)
}

/// An empty VM id is the caller's own.
pub(crate) fn resolve_queue(
    guest: &mut Guest<'_>,
    vm_id: u32,
    vm_id_size: u32,
    name: u32,
    name_size: u32,
    token_at: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let vm_id = String::from_utf8_lossy(slice(memory, vm_id, vm_id_size)?);
    let vm_id = if vm_id.is_empty() {
        &state.plugin.vm_id
    } else {
        vm_id.as_ref()
    };
    let name = slice(memory, name, name_size)?;
    let token = state.process.queues().resolve(vm_id, name)?;
    write_word(guest, token_at, token)
}

pub(crate) fn dequeue(
    guest: &mut Guest<'_>,
    token: u32,
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    let item = guest.data().process.queues().dequeue(token)?;
    give(guest, &item, address_at, size_at)
}

pub(crate) fn enqueue(guest: &mut Guest<'_>, token: u32, data: u32, size: u32) -> HostcallResult {
    let item = read(guest, data, size)?;
    Ok(guest.data().process.queues().enqueue(token, &item)?)
}
