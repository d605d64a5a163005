//! One request and its response as the filters of a chain share them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::header_map::{HeaderMap, MapKind};

/// What Envoy keeps about a stream: the maps and bodies that filters change, and what attributes
/// tell about it.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Request headers.
    pub request_headers: HeaderMap,
    /// The part of the request body that a body callback sees.
    pub request_body: Vec<u8>,
    /// Request trailers; a filter may make them after the end of the body.
    pub request_trailers: Option<HeaderMap>,
    /// Response headers.
    pub response_headers: HeaderMap,
    /// The part of the response body that a body callback sees.
    pub response_body: Vec<u8>,
    /// Response trailers.
    pub response_trailers: Option<HeaderMap>,
    /// Filter state: written by `proxy_set_property` under `wasm.` and by `set_envoy_filter_state`.
    pub filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Set by what clears the route cache; who resolves the route anew resets it.
    pub route_cleared: bool,
    /// What attributes tell.
    pub info: StreamInfo,
}

/// Envoy's stream info, as far as attributes show it.
#[derive(Debug, Clone, Default)]
pub struct StreamInfo {
    /// Number of the downstream connection.
    pub connection_id: u64,
    /// Peer, `ip:port`.
    pub source: Option<std::net::SocketAddr>,
    /// Listener's side of the connection.
    pub destination: Option<std::net::SocketAddr>,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: &'static str,
    /// When the request came, since the Unix epoch.
    pub start: Duration,
    /// Request body bytes that have arrived.
    pub bytes_received: usize,
    /// Response body bytes that were sent.
    pub bytes_sent: usize,
    /// The route as it was resolved last; a cleared cache does not show here.
    pub route: Option<RouteInfo>,
    /// Set when the response headers start on their way.
    pub response: Option<ResponseInfo>,
    /// Where the request was forwarded to.
    pub upstream: Option<std::net::SocketAddr>,
}

/// A resolved route, as the `xds` attributes tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteInfo {
    /// `xds.route_name`.
    pub name: String,
    /// `xds.virtual_host_name`.
    pub virtual_host: String,
    /// `xds.cluster_name`; a direct response has none.
    pub cluster: Option<String>,
}

/// What is known once there is a response.
#[derive(Debug, Clone, Default)]
pub struct ResponseInfo {
    /// `response.code`.
    pub code: u32,
    /// `response.code_details`.
    pub details: String,
    /// `response.flags`, a bit set.
    pub flags: u64,
}

/// A response that a filter or Envoy itself makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalReply {
    /// HTTP status; Envoy does not check it.
    pub status: u32,
    /// Body, sent as `text/plain` unless a header says otherwise.
    pub body: Vec<u8>,
    /// Headers to append.
    pub headers: crate::exchange::Headers,
    /// gRPC status for gRPC requests; absent it follows from the HTTP status.
    pub grpc_status: Option<u32>,
    /// `response.code_details`.
    pub details: String,
}

impl Stream {
    /// A stream with these request headers and nothing else.
    pub fn new(request_headers: HeaderMap) -> Self {
        Self {
            request_headers,
            response_headers: HeaderMap::new(MapKind::Response),
            ..Self::default()
        }
    }
}
