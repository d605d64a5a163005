//! `/ws`: every message comes back.

use std::future::ready;

use futures_util::{SinkExt, StreamExt};
use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{self, Bytes};

use super::{Body, Report, refusal};
use crate::exchange::Message;

/// Whether a request asks for it.
pub(super) fn asked(request: &Request<Incoming>) -> bool {
    let upgrade = request.headers().get(UPGRADE);
    request.uri().path() == "/ws"
        && upgrade.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Agrees, and echoes until the client closes.
pub(super) fn accept(headers: &HeaderMap, report: &Report, upgraded: OnUpgrade) -> Response<Body> {
    let Some(key) = headers.get("sec-websocket-key") else {
        return refusal("no Sec-WebSocket-Key");
    };
    let Ok(accepted) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) else {
        return refusal("this Sec-WebSocket-Key has no answer");
    };
    tokio::spawn(async move {
        let Ok(stream) = upgraded.await else { return };
        let stream = TokioIo::new(stream);
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        while let Some(message) = received(&mut socket).await {
            if socket.send(message.into()).await.is_err() {
                return;
            }
        }
    });
    let mut response = Response::new(Full::default().with_trailers(ready(None)));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert("sec-websocket-accept", accepted);
    headers.extend(report.header());
    response
}

/// The next message; none once the connection has come to its end.
pub(in crate::envoy) async fn received<S>(socket: &mut WebSocketStream<S>) -> Option<Message>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.next().await?.ok()? {
            tungstenite::Message::Text(text) => {
                return Some(Message::Text(text.as_str().to_owned()));
            }
            tungstenite::Message::Binary(bytes) => return Some(Message::Binary(bytes.into())),
            tungstenite::Message::Close(_) => return None,
            // Answered by tungstenite itself.
            _ => {}
        }
    }
}

impl From<Message> for tungstenite::Message {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.into()),
            Message::Binary(bytes) => Self::Binary(Bytes::from(bytes)),
        }
    }
}
