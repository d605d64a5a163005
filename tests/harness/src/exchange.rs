//! One request and its answer: what every host takes and gives.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The query parameter by whose value copies of a request are found, as in the Gateway API
/// conformance suite. Backends remember the requests that have it.
pub const REQUEST_ID: &str = "gateway-api-conformance-request-id";

/// A header block: names in lower case, values as bytes, in order, with duplicates.
pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// What a scenario sends.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Namespace of the Gateway that takes the request.
    pub gateway_namespace: String,
    /// Name of that Gateway.
    pub gateway: String,
    /// The port to connect to, as the Gateway's listener numbers it.
    pub port: u16,
    /// How the request travels.
    pub protocol: Protocol,
    /// TLS with the listener; absent is cleartext.
    pub tls: Option<ClientTls>,
    /// `:method`.
    pub method: String,
    /// `:authority`, with a port if the scenario gives one.
    pub authority: String,
    /// `:path` with its query.
    pub path: Vec<u8>,
    /// The client's headers, pseudo-headers not among them.
    pub headers: Headers,
    /// Request body; in gRPC the message.
    pub body: Vec<u8>,
    /// Request trailers, which in HTTP/1.1 make the body a chunked one.
    pub trailers: Headers,
    /// Address of the TCP peer; absent is loopback.
    pub client: Option<IpAddr>,
    /// Headers that the backend must put on its answer.
    pub backend_response_headers: Vec<(String, String)>,
    /// What the backends of these Services answer with instead of 200 or gRPC status 0: an HTTP
    /// status, for gRPC a gRPC status.
    pub backend_status: Vec<(String, u16)>,
    /// What the backend answers with instead of its echo.
    pub backend_response: BackendResponse,
    /// What the backend does besides answering.
    pub simulation: Simulation,
    /// Messages to send over a WebSocket, which is what such a request then asks for (in HTTP/1.1):
    /// each is followed by one from the backend. Empty is an ordinary request.
    pub messages: Vec<Message>,
}

impl Exchange {
    /// A GET over HTTP/1.1 to port 80, without headers; the Gateway is left unnamed.
    #[must_use]
    pub fn get(authority: &str, path: impl Into<Vec<u8>>) -> Self {
        Self {
            gateway_namespace: String::new(),
            gateway: String::new(),
            port: 80,
            protocol: Protocol::Http,
            tls: None,
            method: "GET".into(),
            authority: authority.into(),
            path: path.into(),
            headers: Headers::new(),
            body: Vec::new(),
            trailers: Headers::new(),
            client: None,
            backend_response_headers: Vec::new(),
            backend_status: Vec::new(),
            backend_response: BackendResponse::default(),
            simulation: Simulation::default(),
            messages: Vec::new(),
        }
    }

    /// The body as it travels: in gRPC a message with its length in front.
    pub(crate) fn payload(&self) -> Vec<u8> {
        match self.protocol {
            Protocol::Grpc => grpc_frame(&self.body),
            Protocol::Http | Protocol::H2c => self.body.clone(),
        }
    }

    /// The status that the backend of a Service answers with; absent is success.
    #[must_use]
    pub fn status_of(&self, service: &str) -> Option<u16> {
        let mut stated = self.backend_status.iter();
        let of_service = stated.find(|(name, _)| name == service);
        let of_service = of_service.map(|(_, status)| *status);
        of_service.or(self.backend_response.status)
    }
}

/// A length-prefixed message of gRPC, not compressed.
pub(crate) fn grpc_frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat()
}

/// How a request travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2: in cleartext with prior knowledge, over TLS negotiated.
    H2c,
    /// Unary gRPC over HTTP/2.
    Grpc,
}

/// How a client speaks TLS. It takes any certificate, and offers the protocol of the request only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// The server name (SNI); absent sends none.
    pub server_name: Option<String>,
}

/// What a backend answers with instead of its echo.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendResponse {
    /// HTTP status; absent is 200.
    pub status: Option<u16>,
    /// Headers, each in the place of one of that name.
    pub headers: Vec<(String, String)>,
    /// The body; absent is the echo.
    pub body: Option<Vec<u8>>,
}

/// Whether a response has a body at all (RFC 9110, 6.4.1: "Responses to the HEAD request method never include
/// content", nor do 1xx, 204 and 304).
pub(crate) fn may_have_body(method: &str, status: u16) -> bool {
    method != "HEAD" && !matches!(status, 100..=199 | 204 | 304)
}

/// The content type of a body that takes the echo's place.
pub(crate) const STATED_CONTENT_TYPE: &str = "text/plain";

/// What a backend does besides answering.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// How long it waits before it answers.
    pub delay: Option<Duration>,
    /// How it fails at first.
    pub failing: Option<Failing>,
}

/// A backend that fails the first attempts of each request that a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// How many attempts.
    pub attempts: u32,
    /// How.
    pub with: FailWith,
    /// How long it waits before.
    pub after: Duration,
}

/// How an attempt fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailWith {
    /// With this HTTP status.
    Status(u16),
    /// The connection is reset.
    TcpReset,
}

/// A message over a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// UTF-8.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Response headers, `:status` not among them.
    pub headers: Headers,
    /// Response trailers (`grpc-status`).
    pub trailers: Headers,
    /// Response body.
    pub body: Vec<u8>,
    /// Messages over the WebSocket.
    pub messages: Vec<Message>,
    /// What the backend saw, if one was reached.
    pub seen: Option<Seen>,
    /// Why it was decided so, line by line; shown with a failed case.
    pub why: Vec<String>,
    /// What each filter did, in order; empty unless the host watches
    /// ([`EmbeddedOptions::watch`](crate::chain::EmbeddedOptions::watch)).
    pub passages: Vec<Passage>,
}

/// What a filter did to the headers of a request or of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Plugin name.
    pub filter: String,
    /// Whose headers they are.
    pub of: Direction,
    /// As the filter found them, pseudo-headers first.
    pub before: Headers,
    /// As the filter left them.
    pub after: Headers,
    /// It answered instead of letting the message pass.
    pub replied: bool,
}

/// One of the two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the backend.
    Request,
    /// To the client.
    Response,
}

/// The request as a backend saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// `:method`.
    pub method: String,
    /// `:authority`.
    pub authority: String,
    /// `:path` with its query.
    pub path: String,
    /// Request headers.
    pub headers: Headers,
    /// The first [`BODY_KEPT`] bytes of the body; of a gRPC call, of the message.
    pub body: Vec<u8>,
    /// Length of all of it.
    pub body_size: u64,
    /// Request trailers.
    pub trailers: Headers,
}

impl Seen {
    /// With this body, of which a part is kept.
    pub(crate) fn with_body(mut self, mut body: Vec<u8>) -> Self {
        self.body_size = u64::try_from(body.len()).unwrap_or(u64::MAX);
        body.truncate(BODY_KEPT);
        self.body = body;
        self
    }
}

/// How much of a body is kept to be compared: what a backend saw may travel in a header.
pub const BODY_KEPT: usize = 16 * 1024;
