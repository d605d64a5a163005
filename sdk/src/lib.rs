//! Gateway API routing for proxy-wasm filters, and the API to write such filters with.
//!
//! The core has no host in it: [`request`], [`route`], [`action`], [`split`], [`limit`] and [`router`] take
//! values and give decisions. [`stage`] carries them out, in the filters of this project. [`filter`] is what
//! authors meet, [`host`] what a filter may ask of the proxy.
#![warn(missing_docs)]

pub mod action;
pub mod filter;
pub mod header;
pub mod host;
mod json;
pub mod key;
pub mod limit;
pub mod reply;
pub mod request;
pub mod route;
pub mod router;
pub mod split;
mod split_mix;
pub mod stage;
pub mod target;
pub mod time;
