//! HTTP/2 and gRPC.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Stream, answer, headers};
use crate::envoy::{EnvoyError, echo};
use crate::exchange::{Answer, Exchange, Protocol};

pub(super) async fn send(
    stream: impl Stream,
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
pub(in crate::envoy) fn request(exchange: &Exchange) -> Result<Request<Full<Bytes>>, EnvoyError> {
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
        .scheme(if exchange.tls.is_some() {
            "https"
        } else {
            "http"
        })
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
