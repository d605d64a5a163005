//! HTTP/1.1.

use http::Request;
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::{Stream, answer, headers};
use crate::envoy::EnvoyError;
use crate::exchange::{Answer, Exchange};

/// The request in HTTP/1.1, byte for byte as the scenario has it: hyper's `Uri` refuses or cuts
/// paths that a client may well send.
pub(super) fn message(exchange: &Exchange) -> Result<Vec<u8>, EnvoyError> {
    let headers = headers(exchange)?;
    let mut message = Vec::new();
    let method = exchange.method.as_bytes();
    line(&mut message, &[method, b" ", &exchange.path, b" HTTP/1.1"])?;
    line(&mut message, &[b"host: ", exchange.authority.as_bytes()])?;
    for (name, value) in &headers {
        line(&mut message, &[name, b": ", value])?;
    }
    let length = exchange.body.len();
    if !exchange.trailers.is_empty() {
        line(&mut message, &[b"transfer-encoding: chunked"])?;
        line(&mut message, &[])?;
        return chunks(exchange, message);
    }
    let framed = headers.iter().any(|(name, _)| {
        [b"content-length".as_slice(), b"transfer-encoding"].contains(&name.as_slice())
    });
    if length > 0 && !framed {
        let length = length.to_string();
        line(&mut message, &[b"content-length: ", length.as_bytes()])?;
    }
    line(&mut message, &[])?;
    message.extend_from_slice(&exchange.body);
    Ok(message)
}

/// The body as one chunk, and trailers.
fn chunks(exchange: &Exchange, mut message: Vec<u8>) -> Result<Vec<u8>, EnvoyError> {
    let length = exchange.body.len();
    if length > 0 {
        line(&mut message, &[format!("{length:x}").as_bytes()])?;
        message.extend_from_slice(&exchange.body);
        line(&mut message, &[])?;
    }
    line(&mut message, &[b"0"])?;
    for (name, value) in &exchange.trailers {
        line(&mut message, &[name, b": ", value])?;
    }
    line(&mut message, &[])?;
    Ok(message)
}

fn line(message: &mut Vec<u8>, parts: &[&[u8]]) -> Result<(), EnvoyError> {
    let line = parts.concat();
    if line.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        let line = String::from_utf8_lossy(&line).into_owned();
        let reason = format!("line break inside {line:?}");
        return Err(EnvoyError::Unsendable(reason));
    }
    message.extend_from_slice(&line);
    message.extend_from_slice(b"\r\n");
    Ok(())
}

/// Writes `message` by hand and lets hyper read the answer, for which it is given a request of the
/// same method whose own bytes go nowhere.
pub(super) async fn send(
    stream: impl Stream,
    method: &str,
    message: &[u8],
) -> Result<Answer, EnvoyError> {
    let (read, mut write) = tokio::io::split(stream);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http1_sends_any_bytes_but_line_breaks() {
        let mut sent = Exchange::get("x.example:8080", "/a");
        sent.path = b"/a<b#c\xff".to_vec();
        sent.headers = vec![
            (b"x".to_vec(), b"\xfe".to_vec()),
            (b"x".to_vec(), b"2".to_vec()),
        ];
        sent.body = b"body".to_vec();
        sent.backend_response_headers = vec![("a".into(), "1".into()), ("b".into(), "2".into())];
        sent.backend_status = vec![("v1".into(), 503), ("v2".into(), 500)];
        assert_eq!(
            message(&sent).unwrap(),
            b"GET /a<b#c\xff HTTP/1.1\r\nhost: x.example:8080\r\nx: \xfe\r\nx: 2\r\n\
              x-echo-set-header: a:1,b:2\r\nx-echo-status: v1:503,v2:500\r\ncontent-length: 4\r\n\r\nbody"
        );

        let plain = Exchange {
            body: b"0123456789abcdef\r\n".to_vec(),
            trailers: vec![(b"x-sum".to_vec(), b"1".to_vec())],
            ..Exchange::get("x.example", "/")
        };
        assert_eq!(
            message(&plain).unwrap(),
            b"GET / HTTP/1.1\r\nhost: x.example\r\ntransfer-encoding: chunked\r\n\r\n\
              12\r\n0123456789abcdef\r\n\r\n0\r\nx-sum: 1\r\n\r\n"
        );

        sent.path = b"/a HTTP/1.1\r\nx: smuggled".to_vec();
        assert!(matches!(message(&sent), Err(EnvoyError::Unsendable(_))));
    }
}
