//! Replays Gateway API scenarios against real proxy-wasm modules.

pub mod envoy;
pub mod abi;
pub mod chain;
pub mod exchange;
pub mod xds;
