//! Replays Gateway API scenarios against real proxy-wasm modules.

pub mod abi;
pub mod exchange;
pub mod xds;
