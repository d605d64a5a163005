//! The client: one connection for each exchange, nothing followed, nothing repaired.

mod http1;
mod http2;
mod tls;
mod websocket;

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(super) use self::http2::request;
use super::{EnvoyError, echo};
use crate::exchange::{Answer, Exchange, Headers, Protocol};

/// A connection, in cleartext or over TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// Sends `exchange` to `listener` and reads the answer to its end.
pub(super) async fn send(listener: SocketAddr, exchange: &Exchange) -> Result<Answer, EnvoyError> {
    let stream = connect(listener, exchange.client).await?;
    match &exchange.tls {
        None => converse(stream, exchange).await,
        Some(tls) => {
            converse(
                tls::connect(stream, tls, &exchange.protocol).await?,
                exchange,
            )
            .await
        }
    }
}

async fn converse(stream: impl Stream, exchange: &Exchange) -> Result<Answer, EnvoyError> {
    if !exchange.messages.is_empty() {
        return websocket::send(stream, exchange).await;
    }
    let mut answer = if exchange.protocol == Protocol::Http {
        let message = http1::message(exchange)?;
        http1::send(stream, &exchange.method, &message).await?
    } else {
        http2::send(stream, exchange).await?
    };
    let grpc = exchange.protocol == Protocol::Grpc;
    let in_headers = echo::seen_in_headers(&answer.headers);
    answer.seen = in_headers.or_else(|| echo::seen(&answer.body, grpc));
    let is_report = |name: &[u8]| name == echo::REPORT.as_bytes();
    answer.headers.retain(|(name, _)| !is_report(name));
    Ok(answer)
}

/// `GET path` of Envoy's admin interface.
pub async fn get(admin: SocketAddr, path: &str) -> Result<Answer, EnvoyError> {
    let message = format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\n\r\n");
    http1::send(connect(admin, None).await?, "GET", message.as_bytes()).await
}

/// Connects, for a client with an address of its own by way of the PROXY protocol.
pub(super) async fn connect(
    to: SocketAddr,
    client: Option<IpAddr>,
) -> Result<TcpStream, EnvoyError> {
    let connected = TcpStream::connect(to).await;
    let mut stream = connected.map_err(EnvoyError::no_answer)?;
    if let Some(client) = client {
        let written = stream.write_all(proxy_header(client).as_bytes()).await;
        written.map_err(EnvoyError::no_answer)?;
    }
    Ok(stream)
}

/// Version 1 of the PROXY protocol. The ports and the address that was connected to are made up.
fn proxy_header(client: IpAddr) -> String {
    let (family, to) = match client {
        IpAddr::V4(_) => ("TCP4", "127.0.0.1"),
        IpAddr::V6(_) => ("TCP6", "::1"),
    };
    format!("PROXY {family} {client} {to} 32768 80\r\n")
}

/// The headers to send: the client's, what asks the backend for more than an echo, and what the
/// protocol needs.
fn headers(exchange: &Exchange) -> Result<Headers, EnvoyError> {
    let mut headers = exchange.headers.clone();
    if exchange.protocol == Protocol::Grpc {
        headers.push((b"content-type".to_vec(), b"application/grpc".to_vec()));
        headers.push((b"te".to_vec(), b"trailers".to_vec()));
    }
    let mut pairs = Vec::new();
    for (name, value) in &exchange.backend_response_headers {
        if value.contains(',') {
            return Err(EnvoyError::Unsendable(format!(
                "the backend cannot be asked for `{name}: {value}`: the comma separates headers"
            )));
        }
        pairs.push(format!("{name}:{value}"));
    }
    let stated = exchange.backend_status.iter();
    let statuses = stated.map(|(service, status)| format!("{service}:{status}"));
    let simulation = echo::simulation_header(&exchange.simulation);
    let response = echo::response_header(&exchange.backend_response);
    for (name, values) in [
        (echo::SET_HEADER, pairs),
        (echo::STATUS, statuses.collect()),
        (echo::SIMULATION, simulation.into_iter().collect()),
        (echo::RESPONSE, response.into_iter().collect()),
    ] {
        if !values.is_empty() {
            headers.push((name.into(), values.join(",").into_bytes()));
        }
    }
    Ok(headers)
}

async fn answer(response: hyper::Result<Response<Incoming>>) -> Result<Answer, EnvoyError> {
    let (head, body) = response.map_err(EnvoyError::no_answer)?.into_parts();
    let body = body.collect().await.map_err(EnvoyError::no_answer)?;
    Ok(Answer {
        status: head.status.as_u16(),
        headers: lines(&head.headers),
        trailers: body.trailers().map(lines).unwrap_or_default(),
        body: body.to_bytes().into(),
        ..Answer::default()
    })
}

fn lines(headers: &HeaderMap) -> Headers {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().into(), value.as_bytes().to_vec()))
        .collect()
}
