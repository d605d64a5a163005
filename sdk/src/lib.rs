//! Gateway API routing for proxy-wasm filters, and the API to write such filters with.
//!
//! The core has no host in it: [`request`] and [`route`] compile and test natively.
#![warn(missing_docs)]

pub mod action;
pub mod header;
pub mod reply;
pub mod request;
pub mod route;
pub mod router;
pub mod split;
pub mod time;
