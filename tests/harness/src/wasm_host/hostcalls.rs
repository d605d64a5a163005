//! The hostcalls of the `env` module, by what they are about. Each function is one of
//! proxy-wasm-cpp-host `src/exports.cc` and behaves as Envoy's `context.cc` makes it behave.

pub(crate) mod buffers;
pub(crate) mod calls;
pub(crate) mod foreign;
pub(crate) mod headers;
pub(crate) mod metrics;
pub(crate) mod plain;
pub(crate) mod properties;
pub(crate) mod shared;
pub(crate) mod streams;
