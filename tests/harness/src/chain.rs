//! The part of Envoy around the Wasm filters that decides what becomes of a request.
//!
//! A request is taken in by the connection manager (`connection`), matched to a route
//! (`router`), passed through the filters in order (`filter_chain`), matched anew if a filter
//! touched its headers, and forwarded to an `echo` backend; the response passes the filters in
//! reverse. The *first* match decides whether filters run at all. Everything follows Envoy's
//! `source/common/http` and the settings that Envoy Gateway gives it; there is no socket, and time
//! is virtual.

mod connection;
mod echo;
mod envoy;
mod filter_chain;
mod jwt;
mod local_reply;
mod path;
pub(crate) use path::{Normalized, normalize};
mod response;
mod response_path;
mod router;
#[cfg(test)]
mod tests;
mod waiting;

pub use envoy::{Admission, EmbeddedEnvoy, EmbeddedOptions, Error, StartError, Worker};
