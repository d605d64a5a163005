//! What is sent, and what the backend does with it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Deserialize;

/// A request.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct Request {
    /// `https` connects over TLS.
    pub(in super::super) scheme: Option<Scheme>,
    /// The host, with a port if it has one. By default, a host that no hostname of the manifests
    /// matches.
    #[serde(default)]
    pub(in super::super) host: String,
    /// The port of the listener. The default is 80, over TLS 443.
    pub(in super::super) port: Option<u16>,
    /// The method. The default is GET, for gRPC POST.
    pub(in super::super) method: Option<String>,
    /// The path with its query.
    pub(in super::super) path: String,
    /// Headers by name.
    #[serde(default)]
    pub(in super::super) headers: BTreeMap<String, String>,
    /// The body: a text, or an object. Of a gRPC call it is the message.
    pub(in super::super) body: Option<Body>,
    /// The protocol. The default is `http`.
    #[serde(default)]
    pub(in super::super) protocol: Protocol,
    /// The address of the client. The default is loopback.
    pub(in super::super) client_address: Option<IpAddr>,
    /// The address that the gateway takes for the client's, where it trusts `X-Forwarded-For`. `core`
    /// does not and skips the case.
    pub(in super::super) effective_client: Option<IpAddr>,
    /// The server name to send over TLS (SNI). The default is the host; `''` sends none.
    pub(in super::super) sni: Option<String>,
    /// The protocol to negotiate over TLS.
    pub(in super::super) alpn: Option<Alpn>,
}

/// A body.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a text, or an object with text, base64 or size, and trailers"
)]
pub(in super::super) enum Body {
    /// A text.
    Text(String),
    /// A text, bytes, or a number of bytes, and trailers.
    Parts(BodyParts),
}

/// A body in one of three forms, and the trailers behind it.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct BodyParts {
    /// A text.
    pub(in super::super) text: Option<String>,
    /// Bytes, in base64.
    pub(in super::super) base64: Option<String>,
    /// The number of bytes to generate.
    pub(in super::super) size: Option<u32>,
    /// Trailers by name. Over HTTP/1.1 the body is sent in chunks, and Envoy drops the trailers.
    #[serde(default)]
    pub(in super::super) trailers: BTreeMap<String, String>,
}

/// `request.scheme`.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Scheme {
    /// Cleartext.
    Http,
    /// TLS.
    Https,
}

/// `request.protocol`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http,
    /// HTTP/1.1 over TLS; HTTP/2 with `alpn: h2`.
    Https,
    /// HTTP/2 in cleartext, with prior knowledge.
    H2c,
    /// A unary gRPC call; over TLS with `scheme: https`.
    Grpc,
}

/// `request.alpn`.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in super::super) enum Alpn {
    /// HTTP/2.
    #[serde(rename = "h2")]
    Http2,
    /// HTTP/1.1.
    #[serde(rename = "http/1.1")]
    Http1,
}

/// A WebSocket, and the messages to send over it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct WebSocket {
    /// The request that opens the WebSocket.
    pub(in super::super) request: Request,
    /// Messages to send, one after the other: a text, or a list of bytes. Each must come back.
    pub(in super::super) messages: Vec<Message>,
}

/// A message over a WebSocket.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of bytes")]
pub(in super::super) enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

/// Delays and failures of the backend.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct BackendSimulation {
    /// How long the backend waits before it responds, for example `1s`.
    pub(in super::super) delay: Option<String>,
    /// The number of attempts that fail at first, for each request of the client.
    pub(in super::super) fail_first: Option<u32>,
    /// The status of the attempts that fail. The default is 500.
    pub(in super::super) fail_status: Option<u16>,
    /// How attempts fail instead of with a status.
    pub(in super::super) fail_by: Option<FailBy>,
    /// How long the backend waits before an attempt fails.
    pub(in super::super) fail_delay: Option<String>,
}

/// `backendSimulation.failBy`.
#[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in super::super) enum FailBy {
    /// The backend resets the connection.
    TcpReset,
}
