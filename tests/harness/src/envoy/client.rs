//! The client: one connection for each exchange, nothing followed, nothing repaired.

use std::net::{IpAddr, SocketAddr};

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{EnvoyError, echo};
use crate::exchange::{Answer, Exchange, Headers, Protocol};

/// Sends `exchange` to `listener` and reads the answer to its end.
pub(super) async fn send(listener: SocketAddr, exchange: &Exchange) -> Result<Answer, EnvoyError> {
    let grpc = exchange.protocol == Protocol::Grpc;
    let mut answer = if exchange.protocol == Protocol::Http {
        let message = http1_message(exchange)?;
        let stream = connect(listener, exchange.client).await?;
        send_http1(stream, &exchange.method, &message).await?
    } else {
        let request = request(exchange)?;
        send_http2(connect(listener, exchange.client).await?, request).await?
    };
    answer.seen = echo::seen(&answer.body, grpc);
    Ok(answer)
}

/// `GET path` of Envoy's admin interface.
pub(crate) async fn get(admin: SocketAddr, path: &str) -> Result<Answer, EnvoyError> {
    let message = format!("GET {path} HTTP/1.1\r\nhost: {admin}\r\n\r\n");
    send_http1(connect(admin, None).await?, "GET", message.as_bytes()).await
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

/// The headers to send: the client's, what asks the backend for response headers and a status, and what the
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
    for (name, pairs) in [
        (echo::SET_HEADER, pairs),
        (echo::STATUS, statuses.collect()),
    ] {
        if !pairs.is_empty() {
            headers.push((name.into(), pairs.join(",").into_bytes()));
        }
    }
    Ok(headers)
}

/// The request in HTTP/1.1, byte for byte as the scenario has it: hyper's `Uri` refuses or cuts
/// paths that a client may well send.
fn http1_message(exchange: &Exchange) -> Result<Vec<u8>, EnvoyError> {
    let headers = headers(exchange)?;
    let mut message = Vec::new();
    let mut line = |parts: &[&[u8]]| {
        let line = parts.concat();
        if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            let line = String::from_utf8_lossy(&line).into_owned();
            return Err(EnvoyError::Unsendable(format!(
                "line break inside {line:?}"
            )));
        }
        message.extend_from_slice(&line);
        message.extend_from_slice(b"\r\n");
        Ok(())
    };
    line(&[
        exchange.method.as_bytes(),
        b" ",
        &exchange.path,
        b" HTTP/1.1",
    ])?;
    line(&[b"host: ", exchange.authority.as_bytes()])?;
    for (name, value) in &headers {
        line(&[name, b": ", value])?;
    }
    let framed = headers.iter().any(|(name, _)| {
        [b"content-length".as_slice(), b"transfer-encoding"].contains(&name.as_slice())
    });
    if !exchange.body.is_empty() && !framed {
        line(&[
            b"content-length: ",
            exchange.body.len().to_string().as_bytes(),
        ])?;
    }
    line(&[])?;
    message.extend_from_slice(&exchange.body);
    Ok(message)
}

/// Writes `message` by hand and lets hyper read the answer, for which it is given a request of the
/// same method whose own bytes go nowhere.
async fn send_http1(stream: TcpStream, method: &str, message: &[u8]) -> Result<Answer, EnvoyError> {
    let (read, mut write) = stream.into_split();
    let io = TokioIo::new(tokio::io::join(read, tokio::io::sink()));
    let (mut sender, connection) = http1::handshake(io).await.map_err(EnvoyError::no_answer)?;
    let mut stand_in = Request::new(Empty::<Bytes>::new());
    *stand_in.method_mut() = method.parse().unwrap_or_default();
    let response = sender.send_request(stand_in);
    // In this order: hyper must have its request before an answer can come. Writing fails where
    // Envoy answers and closes early; the answer tells.
    let (_, _, answer) = tokio::join!(biased; connection, write.write_all(message), async move {
        let answer = answer(response.await).await;
        drop(sender);
        answer
    });
    answer
}

async fn send_http2(
    stream: TcpStream,
    request: Request<Full<Bytes>>,
) -> Result<Answer, EnvoyError> {
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(EnvoyError::no_answer)?;
    let (_, answer) = tokio::join!(connection, async move {
        let answer = answer(sender.send_request(request).await).await;
        drop(sender);
        answer
    });
    answer
}

/// The request for hyper, with the authority in the URI as HTTP/2 has it.
pub(super) fn request(exchange: &Exchange) -> Result<Request<Full<Bytes>>, EnvoyError> {
    let unsendable = |what: &str, value: &[u8]| {
        let value = String::from_utf8_lossy(value);
        EnvoyError::Unsendable(format!("hyper does not send the {what} {value:?}"))
    };
    let path = PathAndQuery::try_from(exchange.path.as_slice())
        .ok()
        // A fragment would be cut off.
        .filter(|path| path.as_str().as_bytes() == exchange.path)
        .ok_or_else(|| unsendable("path", &exchange.path))?;
    let uri = Uri::builder()
        .scheme("http")
        .authority(exchange.authority.as_str())
        .path_and_query(path)
        .build()
        .map_err(|_| unsendable("authority", exchange.authority.as_bytes()))?;
    let body = match exchange.protocol {
        Protocol::Grpc => echo::grpc_frame(&[]),
        Protocol::Http | Protocol::H2c => exchange.body.clone(),
    };
    let mut request = Request::new(Full::from(body));
    *request.uri_mut() = uri;
    *request.method_mut() = Method::from_bytes(exchange.method.as_bytes())
        .map_err(|_| unsendable("method", exchange.method.as_bytes()))?;
    for (name, value) in headers(exchange)? {
        request.headers_mut().append(
            HeaderName::from_bytes(&name).map_err(|_| unsendable("header name", &name))?,
            HeaderValue::from_bytes(&value).map_err(|_| unsendable("header value", &value))?,
        );
    }
    Ok(request)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(protocol: Protocol) -> Exchange {
        Exchange {
            protocol,
            ..Exchange::get("x.example:8080", "/a")
        }
    }

    #[test]
    fn http1_sends_any_bytes_but_line_breaks() {
        let mut sent = exchange(Protocol::Http);
        sent.path = b"/a<b#c\xff".to_vec();
        sent.headers = vec![
            (b"x".to_vec(), b"\xfe".to_vec()),
            (b"x".to_vec(), b"2".to_vec()),
        ];
        sent.body = b"body".to_vec();
        sent.backend_response_headers = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
        sent.backend_status = vec![("v1".into(), 503), ("v2".into(), 500)];
        assert_eq!(
            http1_message(&sent).unwrap(),
            b"GET /a<b#c\xff HTTP/1.1\r\nhost: x.example:8080\r\nx: \xfe\r\nx: 2\r\n\
              x-echo-set-header: a:1,b:2\r\nx-echo-status: v1:503,v2:500\r\ncontent-length: 4\r\n\r\nbody"
        );

        sent.path = b"/a HTTP/1.1\r\nx: smuggled".to_vec();
        assert!(matches!(
            http1_message(&sent),
            Err(EnvoyError::Unsendable(_))
        ));
    }

    #[test]
    fn http2_says_what_it_cannot_send() {
        for change in [
            |sent: &mut Exchange| sent.path = b"/a#b".to_vec(),
            |sent: &mut Exchange| sent.path = b"no-slash".to_vec(),
            |sent: &mut Exchange| sent.authority = "a b".into(),
            |sent: &mut Exchange| sent.headers = vec![(b"a b".to_vec(), Vec::new())],
            |sent: &mut Exchange| sent.headers = vec![(b"a".to_vec(), b"\n".to_vec())],
            |sent: &mut Exchange| sent.backend_response_headers = vec![("a".into(), "1,2".into())],
        ] {
            let mut sent = exchange(Protocol::H2c);
            assert!(request(&sent).is_ok());
            change(&mut sent);
            assert!(
                matches!(request(&sent), Err(EnvoyError::Unsendable(_))),
                "{sent:?}"
            );
        }
    }

    #[test]
    fn grpc_is_an_empty_message_with_its_two_headers() {
        let request = request(&exchange(Protocol::Grpc)).unwrap();
        assert_eq!(request.headers()["content-type"], "application/grpc");
        assert_eq!(request.headers()["te"], "trailers");
    }
}
