//! What authors of a filter meet: one trait, one attribute, and views of request and response.
//!
//! ```
//! use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, http_filter, json};
//! use gateway_filter_sdk::host::{Host, HostError};
//! use gateway_filter_sdk::route::InvalidConfig;
//! use std::rc::Rc;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config { header: String }
//!
//! struct AddHeader(Rc<Config>);
//!
//! #[http_filter]
//! impl HttpFilter for AddHeader {
//!     type Config = Config;
//!
//!     fn configure(text: &[u8], _host: &dyn Host) -> Result<Config, InvalidConfig> {
//!         json(text)
//!     }
//!
//!     fn new(config: Rc<Config>) -> Self {
//!         AddHeader(config)
//!     }
//!
//!     fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
//!         request.set_header(&self.0.header, b"yes")?;
//!         Ok(Flow::Continue)
//!     }
//! }
//! ```

mod dispatcher;
#[cfg(target_os = "wasi")]
pub mod exports;
mod json;
mod view;

pub use dispatcher::Dispatcher;
pub use gateway_filter_macros::http_filter;
pub use json::{compiled_json, json};
pub use view::{Body, CallAnswer, Request, Response};

use crate::host::{Host, HostError};
use crate::reply::Reply;
use crate::route::InvalidConfig;
use std::rc::Rc;

/// A filter: one value for each request.
///
/// The attribute [`macro@http_filter`] on the `impl` exports exactly the callbacks that it
/// contains: Envoy calls what a module exports, and each call costs. A callback's `Err` is logged;
/// in the request phase the request is then answered 500, in the response phase it goes on.
#[diagnostic::on_unimplemented(
    note = "a filter needs `type Config`, `fn configure` and `fn new`; put #[http_filter] on the impl"
)]
pub trait HttpFilter: Sized + 'static {
    /// The checked configuration. All requests of one configuration share it.
    type Config: 'static;

    /// Reads the configuration (see [`json`]). What the host offers in this phase: log, metrics,
    /// clock, shared data.
    ///
    /// # Errors
    /// The configuration is refused; Envoy rejects the update and keeps the one in force.
    fn configure(text: &[u8], host: &dyn Host) -> Result<Self::Config, InvalidConfig>;

    /// Makes the filter of one request.
    fn new(config: Rc<Self::Config>) -> Self;

    /// The request's headers are there.
    fn on_request_headers(&mut self, _request: &Request) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// A part of the request's body is there.
    fn on_request_body(&mut self, _body: &Body) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// The request's trailers are there.
    fn on_request_trailers(&mut self, _request: &Request) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// The response's headers are there. Request headers can't be read any more.
    fn on_response_headers(&mut self, _response: &Response) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// A part of the response's body is there.
    fn on_response_body(&mut self, _body: &Body) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// The response's trailers are there.
    fn on_response_trailers(&mut self, _response: &Response) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// An HTTP call of this request has been answered. [`Flow::Continue`] lets a paused request go
    /// on.
    fn on_http_call_response(
        &mut self,
        _answer: &CallAnswer,
        _request: &Request,
    ) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// A gRPC call of this request has been answered. [`Flow::Continue`] lets a paused request go
    /// on.
    fn on_grpc_response(
        &mut self,
        _answer: &CallAnswer,
        _request: &Request,
    ) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }

    /// The timer of this configuration, which [`Timer::set_tick`](crate::host::Timer::set_tick) sets
    /// in [`configure`](HttpFilter::configure). It runs on every worker and on the main thread.
    fn on_tick(_config: &Self::Config, _host: &dyn Host) {}

    /// The request is over; request and response headers can be read again.
    fn on_log(&mut self, _request: &Request) {}
}

/// How the request or response goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// To the next filter.
    Continue,
    /// To the next filter, with the route matched anew from the headers as they are now.
    Reroute,
    /// Nowhere until a call is answered. Envoy holds headers and body back.
    Pause,
    /// Back to the client, with this answer.
    Reply(Reply),
}
