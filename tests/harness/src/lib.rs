//! Replays Gateway API scenarios against real proxy-wasm modules.

pub mod abi;
pub mod chain;
pub mod exchange;
#[cfg(test)]
mod probe;
pub mod xds;
