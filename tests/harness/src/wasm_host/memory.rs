//! Access to the guest's linear memory. What is out of bounds is `InvalidMemoryAccess`, never a
//! panic (proxy-wasm-cpp-host `WasmVm::getMemory`, `WasmBase::copyToPointerSize`).

use wasmtime::{Caller, Extern};

use super::state::{Restriction, State};
use super::status::{Fault, HostcallResult, Status};

/// The guest that called, as a hostcall sees it.
pub(crate) type Guest<'a> = Caller<'a, State>;

/// Linear memory and the state of the VM, both at once. A module without memory has none.
pub(crate) fn split<'a>(guest: &'a mut Guest<'_>) -> (&'a mut [u8], &'a mut State) {
    if guest.data().memory.is_none() {
        // A start section may call the host before the instance exists.
        let memory = guest.get_export("memory").and_then(Extern::into_memory);
        guest.data_mut().memory = memory;
    }
    match guest.data().memory {
        Some(memory) => memory.data_and_store_mut(guest),
        None => (&mut [], guest.data_mut()),
    }
}

/// `size` bytes at `address`.
pub(crate) fn slice(memory: &[u8], address: u32, size: u32) -> Result<&[u8], Fault> {
    let found = range(address, size).and_then(|range| memory.get(range));
    found.ok_or(Fault::Status(Status::InvalidMemoryAccess))
}

/// A copy of `size` bytes at `address`.
pub(crate) fn read(guest: &mut Guest<'_>, address: u32, size: u32) -> Result<Vec<u8>, Fault> {
    let (memory, _) = split(guest);
    slice(memory, address, size).map(<[u8]>::to_vec)
}

/// Writes `bytes` at `address`.
pub(crate) fn write(guest: &mut Guest<'_>, address: u32, bytes: &[u8]) -> HostcallResult {
    let (memory, _) = split(guest);
    slice_mut(memory, address, length(bytes.len())?)?.copy_from_slice(bytes);
    Ok(())
}

/// Writes a word at `address`.
pub(crate) fn write_word(guest: &mut Guest<'_>, address: u32, word: u32) -> HostcallResult {
    write(guest, address, &word.to_le_bytes())
}

/// Memory of the guest's own allocator.
pub(crate) fn allocate(guest: &mut Guest<'_>, size: u32) -> Result<u32, Fault> {
    let allocator = guest.data().allocate.clone();
    let allocator = allocator.ok_or(Status::InvalidMemoryAccess)?;
    let before = std::mem::replace(&mut guest.data_mut().restriction, Restriction::Allocation);
    let address = allocator.call(&mut *guest, size);
    guest.data_mut().restriction = before;
    match address? {
        0 => Err(Status::InvalidMemoryAccess.into()),
        address => Ok(address),
    }
}

/// Hands `value` over: memory of the guest's allocator, its address and size written to the two
/// places. An empty value is a null pointer and allocates nothing.
pub(crate) fn give(
    guest: &mut Guest<'_>,
    value: &[u8],
    address_at: u32,
    size_at: u32,
) -> HostcallResult {
    give_with(guest, value.len(), address_at, size_at, |out, _| {
        out.copy_from_slice(value);
    })
}

/// Like [`give`], for what is written in place: `fill` gets exactly `size` bytes.
pub(crate) fn give_with(
    guest: &mut Guest<'_>,
    size: usize,
    address_at: u32,
    size_at: u32,
    fill: impl FnOnce(&mut [u8], &mut State),
) -> HostcallResult {
    let size = length(size)?;
    let mut address = 0;
    if size > 0 {
        address = allocate(guest, size)?;
        let (memory, state) = split(guest);
        fill(slice_mut(memory, address, size)?, state);
    }
    write_word(guest, address_at, address)?;
    write_word(guest, size_at, size)
}

/// A length as the guest counts.
pub(crate) fn length(size: usize) -> Result<u32, Fault> {
    u32::try_from(size).map_err(|_| Fault::Status(Status::InvalidMemoryAccess))
}

fn slice_mut(memory: &mut [u8], address: u32, size: u32) -> Result<&mut [u8], Fault> {
    let found = range(address, size).and_then(|range| memory.get_mut(range));
    found.ok_or(Fault::Status(Status::InvalidMemoryAccess))
}

fn range(address: u32, size: u32) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(address).ok()?;
    Some(start..start.checked_add(usize::try_from(size).ok()?)?)
}
