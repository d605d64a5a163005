//! HTTP/2 and gRPC.

use std::convert::Infallible;
use std::future::ready;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Stream, answer, headers};
use crate::envoy::EnvoyError;
use crate::exchange::{Answer, Exchange, Headers};

/// Without trailers the last of the data ends the request.
pub(super) async fn send(stream: impl Stream, exchange: &Exchange) -> Result<Answer, EnvoyError> {
    let trailers = fields(&exchange.trailers)?;
    let request = request(exchange)?.map(|body| {
        if trailers.is_empty() {
            return Either::Left(body);
        }
        Either::Right(body.with_trailers(ready(Some(Ok::<_, Infallible>(trailers)))))
    });
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
    let mut request = Request::new(Full::from(exchange.payload()));
    *request.uri_mut() = uri;
    *request.method_mut() = Method::from_bytes(exchange.method.as_bytes())
        .map_err(|_| unsendable("method", exchange.method.as_bytes()))?;
    *request.headers_mut() = fields(&headers(exchange)?)?;
    Ok(request)
}

/// Headers or trailers for hyper.
fn fields(pairs: &Headers) -> Result<HeaderMap, EnvoyError> {
    let mut fields = HeaderMap::new();
    for (name, value) in pairs {
        fields.append(
            HeaderName::from_bytes(name).map_err(|_| unsendable("header name", name))?,
            HeaderValue::from_bytes(value).map_err(|_| unsendable("header value", value))?,
        );
    }
    Ok(fields)
}

fn unsendable(what: &str, value: &[u8]) -> EnvoyError {
    let value = String::from_utf8_lossy(value);
    EnvoyError::Unsendable(format!("hyper does not send the {what} {value:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Protocol;

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
    fn grpc_has_two_headers_of_its_own() {
        let request = request(&exchange(Protocol::Grpc)).unwrap();
        assert_eq!(request.headers()["content-type"], "application/grpc");
        assert_eq!(request.headers()["te"], "trailers");
    }
}
