//! Replays Gateway API scenarios against real proxy-wasm modules.

pub mod exchange;
pub mod xds;
