//! WebSocket, over HTTP/1.1.

use futures_util::SinkExt;
use http::header::{CONNECTION, HOST, HeaderValue, UPGRADE};
use http::{Request, Response, Uri};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;

use super::{Stream, lines, request};
use crate::envoy::{EnvoyError, echo};
use crate::exchange::{Answer, Exchange, Protocol};

/// Asks for a WebSocket and, if there is one, sends each message and waits for one in return.
/// An end of the connection ends the conversation; what came until then is the answer.
pub(super) async fn send(stream: impl Stream, exchange: &Exchange) -> Result<Answer, EnvoyError> {
    if exchange.protocol != Protocol::Http {
        let reason = "a WebSocket is asked for in HTTP/1.1 only".to_owned();
        return Err(EnvoyError::Unsendable(reason));
    }
    let opened = tokio_tungstenite::client_async(handshake(exchange)?, stream).await;
    let (mut socket, response) = match opened {
        Ok(opened) => opened,
        Err(Error::Http(refused)) => return Ok(answer(&refused)),
        Err(error) => return Err(EnvoyError::no_answer(error)),
    };
    let mut answer = answer(&response);
    answer.seen = echo::seen_in_headers(&answer.headers);
    for message in &exchange.messages {
        if socket.send(message.clone().into()).await.is_err() {
            break;
        }
        let Some(received) = echo::received(&mut socket).await else {
            break;
        };
        answer.messages.push(received);
    }
    let _closed = socket.close(None).await;
    Ok(answer)
}

fn handshake(exchange: &Exchange) -> Result<Request<()>, EnvoyError> {
    let (mut head, _) = request(exchange)?.into_parts();
    let mut uri = std::mem::take(&mut head.uri).into_parts();
    let authority = uri.authority.as_ref().map_or("", |host| host.as_str());
    let host = HeaderValue::try_from(authority).map_err(EnvoyError::no_answer)?;
    let key = HeaderValue::try_from(generate_key()).map_err(EnvoyError::no_answer)?;
    // tungstenite takes no other schemes; it sends the path only.
    uri.scheme = Some("ws".parse().map_err(EnvoyError::no_answer)?);
    head.uri = Uri::from_parts(uri).map_err(EnvoyError::no_answer)?;
    head.headers.insert(HOST, host);
    head.headers
        .insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    head.headers
        .insert(UPGRADE, HeaderValue::from_static("websocket"));
    head.headers
        .insert("sec-websocket-version", HeaderValue::from_static("13"));
    head.headers.insert("sec-websocket-key", key);
    Ok(Request::from_parts(head, ()))
}

/// Its head, and what of its body was read with it.
fn answer(response: &Response<Option<Vec<u8>>>) -> Answer {
    Answer {
        status: response.status().as_u16(),
        headers: lines(response.headers()),
        body: response.body().clone().unwrap_or_default(),
        ..Answer::default()
    }
}
