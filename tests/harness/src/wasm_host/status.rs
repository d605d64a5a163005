//! What a hostcall answers (proxy-wasm-cpp-host `proxy_wasm_enums.h`, `WasmResult`).

/// Status of a hostcall. Only those that Envoy returns; the Rust SDK panics on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    NotFound = 1,
    BadArgument = 2,
    SerializationFailure = 3,
    ParseFailure = 4,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    InternalFailure = 10,
}

/// Why a hostcall did not succeed: the guest is told, or it is stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The guest gets this status.
    Status(Status),
    /// The guest traps: it called what is forbidden here, or its own allocator trapped.
    Trap(wasmtime::Error),
}

/// What a hostcall comes to.
pub(crate) type HostcallResult = Result<(), Fault>;

impl From<Status> for Fault {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        Self::Trap(error)
    }
}

/// The number that the guest sees, or the trap.
pub(crate) fn to_guest(outcome: HostcallResult) -> wasmtime::Result<u32> {
    match outcome {
        Ok(()) => Ok(0),
        Err(Fault::Status(status)) => Ok(status as u32),
        Err(Fault::Trap(error)) => Err(error),
    }
}
