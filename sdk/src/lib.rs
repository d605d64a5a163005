//! Gateway API routing for proxy-wasm filters, and the API to write such filters with.
//!
//! The core has no host in it: [`route`] compiles and tests natively.
#![warn(missing_docs)]

pub mod route;
