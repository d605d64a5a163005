//! Replays Gateway API scenarios against real proxy-wasm modules.
//!
//! A [`scenario`] says what is sent and what must come back. It is played on one of the [`hosts`]:
//! the routing core alone, the compiled module in the embedded proxy-wasm host ([`wasm_host`], [`chain`]),
//! or the same module in a real Envoy ([`envoy`]). [`judge`] compares, [`report`] tells.

pub mod chain;
pub mod child_process;
pub mod envoy;
pub mod exchange;
pub mod host;
pub mod hosts;
pub mod judge;
pub mod manifest_files;
pub mod model;
pub mod proxy;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod services;
pub mod wasm_host;
