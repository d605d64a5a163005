//! Replays Gateway API scenarios against real proxy-wasm modules.

pub mod envoy;
pub mod abi;
pub mod chain;
pub mod exchange;
pub mod host;
pub mod judge;
pub mod report;
pub mod runner;
pub mod scenario;
pub mod xds;
