//! The echo backends: one per cluster, in this process, on a loopback port of its own.
//!
//! They answer as the Gateway API conformance suite's backend does
//! (kubernetes-sigs/gateway-api, `conformance/echo-basic`): JSON of what was seen, response headers
//! on demand, and the methods of its gRPC service. What a backend saw travels in the answer itself,
//! in gRPC as the message, so that answers need no pairing with requests however many are under way.
//!
//! Unlike Go's server, hyper refuses `"`, `<` and `>` in a query, where Envoy lets them pass: such a
//! request is answered 400 with no report of what was seen.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

use crate::exchange::{Headers, Seen};
use crate::xds::{Cluster, UpstreamProtocol};

/// Request header that asks for response headers: `name:value,name:value`.
pub(super) const SET_HEADER: &str = "x-echo-set-header";

/// Request header that asks backends for a status: `service:status,service:status`.
pub(super) const STATUS: &str = "x-echo-status";

/// The service of the suite's gRPC backend.
const GRPC_ECHO: &str = "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/";

type Body = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// Starts the backend of `cluster` on the current runtime, which ends it too. Once aborted it takes
/// no further connections; those that it has go on.
pub(crate) async fn start(cluster: &Cluster) -> io::Result<(SocketAddr, AbortHandle)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let cluster = Arc::new(cluster.clone());
    let accepting = tokio::spawn(async move {
        // Accepting fails only for the connection at hand, or while descriptors are short.
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, Arc::clone(&cluster)));
                }
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    Ok((address, accepting.abort_handle()))
}

/// A connection that ends in an error is Envoy's to report: as the answer it gives its client.
async fn serve(stream: TcpStream, cluster: Arc<Cluster>) {
    let io = TokioIo::new(stream);
    let http2 = cluster.protocol == UpstreamProtocol::Http2;
    let service = service_fn(move |request| answer(Arc::clone(&cluster), request));
    let _ended = if http2 {
        http2::Builder::new(TokioExecutor::new())
            .serve_connection(io, service)
            .await
    } else {
        http1::Builder::new().serve_connection(io, service).await
    };
}

async fn answer(
    cluster: Arc<Cluster>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let report = Report::new(&cluster, &head);
    // Read to its end, as Go's server does; a body that breaks off ends the connection anyway.
    let _body = body.collect().await;

    let json = serde_json::to_vec(&report).unwrap_or_default();
    let grpc = head
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let stated = status(&head.headers, &cluster.service);
    let (kind, body, trailers) = if grpc {
        (
            "application/grpc",
            grpc_frame(&json),
            Some(Ok(grpc_trailers(&report.path, stated))),
        )
    } else {
        ("application/json", json, None)
    };
    let mut response = Response::new(Full::from(body).with_trailers(ready(trailers)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if !grpc {
        headers.insert(
            "x-content-type-options",
            HeaderValue::from_static("nosniff"),
        );
    }
    set_headers(&head.headers, headers);
    if let Some(Ok(status)) = stated.filter(|_| !grpc).map(StatusCode::from_u16) {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// A name or value that HTTP does not allow is left out, as by Go's `net/http`.
fn set_headers(request: &HeaderMap, response: &mut HeaderMap) {
    for (name, value) in pairs(request, SET_HEADER) {
        if let (Ok(name), Ok(value)) = (
            HeaderName::try_from(name),
            HeaderValue::try_from(value.trim()),
        ) {
            response.append(name, value);
        }
    }
}

/// The status that the backend of a Service is asked for.
fn status(request: &HeaderMap, service: &str) -> Option<u16> {
    let mut stated = pairs(request, STATUS).filter(|(name, _)| *name == service);
    stated.next()?.1.parse().ok()
}

/// `a:b` of all lines of a header, between its commas.
fn pairs<'h>(request: &'h HeaderMap, name: &str) -> impl Iterator<Item = (&'h str, &'h str)> {
    request
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .filter_map(|pair| pair.trim().split_once(':'))
}

/// What is asked for; else `OK` for every method but those that the suite's service lists and does
/// not implement.
fn grpc_trailers(path: &str, stated: Option<u16>) -> HeaderMap {
    let status = stated.unwrap_or(match path.strip_prefix(GRPC_ECHO) {
        None | Some("Echo" | "EchoTwo") => 0,
        Some(_) => 12,
    });
    HeaderMap::from_iter([(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from(status),
    )])
}

/// A length-prefixed message, not compressed.
pub(super) fn grpc_frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    [&[0], length.as_slice(), message].concat()
}

/// What a backend saw, out of the body of an answer; none if a backend did not make it.
pub(super) fn seen(body: &[u8], grpc: bool) -> Option<Seen> {
    let json = if grpc { body.get(5..)? } else { body };
    let report: Report = serde_json::from_slice(json).ok()?;
    Some(report.into())
}

/// The body of an answer: `RequestAssertions` of the suite's backend.
#[derive(Debug, Serialize, Deserialize)]
struct Report {
    path: String,
    host: String,
    method: String,
    proto: String,
    headers: BTreeMap<String, Vec<String>>,
    namespace: String,
    ingress: String,
    service: String,
    pod: String,
}

impl Report {
    fn new(cluster: &Cluster, head: &http::request::Parts) -> Self {
        let host = match head.uri.authority() {
            Some(authority) => authority.to_string(),
            None => head
                .headers
                .get("host")
                .map(|host| text(host.as_bytes()))
                .unwrap_or_default(),
        };
        let mut headers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        // Go's server takes Host out of the headers.
        for (name, value) in head.headers.iter().filter(|(name, _)| *name != "host") {
            headers
                .entry(canonical(name.as_str()))
                .or_default()
                .push(text(value.as_bytes()));
        }
        Self {
            path: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            host,
            method: head.method.to_string(),
            proto: if cluster.protocol == UpstreamProtocol::Http2 {
                "HTTP/2.0"
            } else {
                "HTTP/1.1"
            }
            .to_owned(),
            headers,
            namespace: cluster.namespace.clone(),
            ingress: String::new(),
            service: cluster.service.clone(),
            pod: format!("{}-0", cluster.service),
        }
    }
}

impl From<Report> for Seen {
    fn from(report: Report) -> Self {
        let headers: Headers = report
            .headers
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
            .map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), bytes(value)))
            .collect();
        Self {
            namespace: report.namespace,
            service: report.service,
            method: report.method,
            authority: report.host,
            path: report.path,
            headers,
        }
    }
}

/// Go's `CanonicalMIMEHeaderKey`: `x-header-set` becomes `X-Header-Set`.
fn canonical(name: &str) -> String {
    let mut upper = true;
    name.chars()
        .map(|letter| {
            let shown = if upper {
                letter.to_ascii_uppercase()
            } else {
                letter
            };
            upper = letter == '-';
            shown
        })
        .collect()
}

/// Where bytes that are not UTF-8 go in JSON: 0x80 is U+EF80, 0xFF is U+EFFF (the private area that
/// MirBSD's OPTU encodings use for it). Go would write U+FFFD for all of them, and what the backend
/// saw could not be told from the answer any more.
const RAW: u32 = 0xEF00;

fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(
            chunk
                .invalid()
                .iter()
                .filter_map(|byte| char::from_u32(RAW + u32::from(*byte))),
        );
    }
    text
}

fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match u32::from(letter).checked_sub(RAW).map(u8::try_from) {
            Some(Ok(raw @ 0x80..)) => bytes.push(raw),
            _ => bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        Cluster {
            name: "infra/v1:8080".into(),
            namespace: "infra".into(),
            service: "v1".into(),
            protocol: UpstreamProtocol::Http1,
        }
    }

    fn head(request: http::request::Builder) -> http::request::Parts {
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_report_is_that_of_the_conformance_backend() {
        let head = head(
            Request::put("/a?b=c")
                .header("host", "x.example:8080")
                .header("x-header-set", "one")
                .header("x-header-set", "two"),
        );
        assert_eq!(
            serde_json::to_value(Report::new(&cluster(), &head)).unwrap(),
            serde_json::json!({
                "path": "/a?b=c", "host": "x.example:8080", "method": "PUT", "proto": "HTTP/1.1",
                "headers": {"X-Header-Set": ["one", "two"]},
                "namespace": "infra", "ingress": "", "service": "v1", "pod": "v1-0",
            })
        );
    }

    #[test]
    fn what_was_seen_comes_back_byte_for_byte() {
        let value = b"\xffgr\xc3\xbc\xc3\x9fe\x80";
        let head = head(Request::get("/").header("x-raw", value.as_slice()));
        let json = serde_json::to_vec(&Report::new(&cluster(), &head)).unwrap();

        for (body, grpc) in [(json.clone(), false), (grpc_frame(&json), true)] {
            let seen = seen(&body, grpc).unwrap();
            assert_eq!(
                (seen.namespace.as_str(), seen.service.as_str()),
                ("infra", "v1")
            );
            assert_eq!(seen.headers, [(b"x-raw".to_vec(), value.to_vec())]);
        }
    }

    #[test]
    fn an_answer_of_somebody_else_tells_nothing() {
        assert_eq!(seen(b"{\"error\": \"none\"}", false), None);
        assert_eq!(seen(b"", true), None);
    }

    #[test]
    fn headers_are_set_on_demand() {
        let head = head(Request::get("/").header(SET_HEADER, "a:1, b:x y,a:2,,bad name:1,none"));
        let mut headers = HeaderMap::new();
        set_headers(&head.headers, &mut headers);
        let set: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        assert_eq!(set, [("a", "1"), ("a", "2"), ("b", "x y")]);
    }

    #[test]
    fn only_the_listed_method_is_unimplemented() {
        for (path, status) in [
            (
                "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/Echo",
                "0",
            ),
            (
                "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/EchoThree",
                "12",
            ),
            ("/other.Service/Method", "0"),
        ] {
            assert_eq!(grpc_trailers(path, None)["grpc-status"], status, "{path}");
            assert_eq!(grpc_trailers(path, Some(14))["grpc-status"], "14");
        }
    }

    #[test]
    fn each_service_has_the_status_that_is_asked_of_it() {
        let head = head(Request::get("/").header(STATUS, "v1:503, v2:500,v3:much"));
        let of = |service| status(&head.headers, service);
        let stated = ["v1", "v2", "v3", "v4"].map(of);
        assert_eq!(stated, [Some(503), Some(500), None, None]);
    }
}
