//! Replays Gateway API scenarios against real proxy-wasm modules.

pub mod envoy;
pub mod exchange;
pub mod xds;
