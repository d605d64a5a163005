//! A proxy-wasm 0.2.1 host on wasmtime that behaves as Envoy's.
//!
//! It imitates Envoy, not WASI at large: what a module may import, what each hostcall answers in
//! which phase, what is deferred, and what a trap does follow proxy-wasm-cpp-host and Envoy's
//! `source/extensions/common/wasm`. A [`Runtime`] compiles modules for one Envoy version; a [`Vm`]
//! runs one of them on one worker; a [`Process`] is what the workers share. A [`Stream`] is lent to
//! the VM for each callback. Nothing is global but the numbers of VMs, and nothing waits: time is
//! a [`Clock`] that the embedder moves, and calls are answered by the embedder.

mod attributes;
mod callbacks;
mod callout;
mod clock;
mod code;
mod command;
mod error;
mod exports;
mod header_map;
mod hostcalls;
mod imports;
mod memory;
mod pairs;
mod plugin;
mod process;
mod proto;
mod queue;
mod root_callbacks;
mod runtime;
mod shared_data;
mod state;
mod stats;
mod status;
mod stream;
#[cfg(test)]
pub(crate) mod tests;
mod version;
mod vm;
mod wasi;

pub(crate) use attributes::http_to_grpc_status;
pub use callbacks::{Flow, Verdict};
pub use callout::{Callout, CalloutAnswer, CalloutKind};
pub use clock::Clock;
pub use code::WasmCode;
pub use command::Command;
pub use error::{Failed, Failure, LoadError, LoadProblem};
pub use header_map::{HeaderMap, MapKind};
pub use plugin::{LogLevel, LogLine, Plugin};
pub use process::{Process, Responder};
pub use runtime::{Deadline, Module, Runtime};
pub use state::Deferred;
pub use stream::{LocalReply, ResponseInfo, RouteInfo, Stream, StreamInfo};
pub use version::{AbiVersion, EnvoyVersion, InvalidEnvoyVersion};
pub use vm::{Vm, VmOptions};
