//! HTTP and gRPC calls that a filter makes, and what may come of them.

use std::time::Duration;

use crate::exchange::Headers;

/// A call under way.
#[derive(Debug, Clone)]
pub struct Callout {
    /// Plugin that called.
    pub plugin: String,
    /// Token that the guest was given: 4, 8, … for HTTP and 5, 9, … for gRPC.
    pub token: u32,
    /// Cluster that is called.
    pub cluster: String,
    /// HTTP or gRPC.
    pub kind: CalloutKind,
    /// Request body or message.
    pub body: Vec<u8>,
    /// Deadline; `None` is none.
    pub timeout: Option<Duration>,
    pub(crate) root: u32,
}

/// What is called.
#[derive(Debug, Clone)]
pub enum CalloutKind {
    /// `proxy_http_call`.
    Http {
        /// Request headers, pseudo-headers first.
        headers: Headers,
        /// Request trailers.
        trailers: Headers,
    },
    /// `proxy_grpc_call`.
    Grpc {
        /// Full name of the service.
        service: String,
        /// Name of the method.
        method: String,
        /// Initial metadata.
        metadata: Headers,
    },
}

/// What comes of a call.
#[derive(Debug, Clone)]
pub enum CalloutAnswer {
    /// An HTTP response.
    Http {
        /// Response headers, `:status` among them.
        headers: Headers,
        /// Response body.
        body: Vec<u8>,
        /// Response trailers.
        trailers: Headers,
    },
    /// A gRPC response message; the status is OK.
    Grpc(Vec<u8>),
    /// A gRPC call that ends with another status.
    GrpcStatus {
        /// Its number, 1 to 16.
        code: u32,
        /// Its text.
        message: String,
    },
    /// Nobody listens there.
    Unreachable,
    /// Nothing comes until the deadline; virtual time passes to it.
    Silence,
}
