//! Replays Gateway API scenarios against real proxy-wasm modules.
//!
//! A [`scenario`] says what is sent and what must come back. It is played on one of the [`hosts`]:
//! the routing core alone, the compiled module in the embedded proxy-wasm host ([`abi`], [`chain`]),
//! or the same module in a real Envoy ([`envoy`]). [`judge`] compares, [`report`] tells.
//! [`serve`] runs manifests in a real Envoy for whoever has them.

pub mod abi;
pub mod chain;
mod child_process;
pub mod envoy;
pub mod exchange;
pub mod explain;
pub mod host;
pub mod hosts;
pub mod judge;
pub mod manifest_files;
pub mod modules;
#[cfg(test)]
mod probe;
pub mod proxy;
pub mod rate_limit_service;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod serve;
pub mod services;
pub mod xds;
