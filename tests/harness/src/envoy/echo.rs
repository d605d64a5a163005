//! The echo backends: one per cluster, in this process, on a loopback port of its own.
//!
//! They answer as the Gateway API conformance suite's backend does
//! (kubernetes-sigs/gateway-api, `conformance/echo-basic`): JSON of what was seen, response headers
//! on demand, WebSocket messages back on `/ws`, and the methods of its gRPC service. What a backend
//! saw travels in the answer itself, in gRPC as the message, so that answers need no pairing with
//! requests however many are under way; of copies, which nobody answers for, it is in a journal.
//!
//! Unlike Go's server, hyper refuses `"`, `<` and `>` in a query, where Envoy lets them pass: such a
//! request is answered 400 with no report of what was seen.

mod connection;
mod journal;
mod report;
mod simulation;
mod stated;
mod websocket;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode, Version};
use http_body_util::combinators::WithTrailers;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};

pub use self::connection::start;
pub(super) use self::journal::Journal;
use self::report::Report;
pub(super) use self::report::{HEADER as REPORT, seen, seen_in_headers};
use self::simulation::Attempts;
pub(super) use self::simulation::{SIMULATION, header as simulation_header};
pub(super) use self::stated::{RESPONSE, header as response_header};
pub(super) use self::websocket::received;
use crate::exchange::{BackendResponse, FailWith, STATED_CONTENT_TYPE, grpc_frame};
use crate::model::{Cluster, UpstreamProtocol};

/// Request header that asks for response headers: `name:value,name:value`.
pub(super) const SET_HEADER: &str = "x-echo-set-header";

/// Request header that asks backends for a status: `service:status,service:status`.
pub(super) const STATUS: &str = "x-echo-status";

/// The service of the suite's gRPC backend.
const GRPC_ECHO: &str = "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/";

/// What precedes a message: whether it is compressed, and its length.
const GRPC_PREFIX: usize = 5;

type Body = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// What the backends of one Envoy share.
#[derive(Debug, Default)]
pub struct Shared {
    pub(super) journal: Journal,
    attempts: Attempts,
}

/// A backend.
struct Backend {
    cluster: Cluster,
    shared: Arc<Shared>,
}

impl Backend {
    /// The answer to a request; none is a connection that has to be reset.
    async fn answer(&self, mut request: Request<Incoming>) -> Option<Response<Body>> {
        let http2_only = self.cluster.protocol == UpstreamProtocol::Http2;
        if http2_only && request.version() != Version::HTTP_2 {
            return Some(refusal("expected HTTP/2"));
        }
        let upgraded = websocket::asked(&request).then(|| hyper::upgrade::on(&mut request));
        let (head, body) = request.into_parts();
        // Read to its end, as Go's server does; a body that breaks off ends the connection anyway.
        let body = body.collect().await.unwrap_or_default();
        let trailers = body.trailers().cloned();
        let body = body.to_bytes();
        let body = match is_grpc(&head) {
            true => body.get(GRPC_PREFIX..).unwrap_or_default(),
            false => &body,
        };
        let report = Report::new(&self.cluster, &head).received(body, trailers.as_ref());
        self.shared.journal.note(&report);

        let service = &self.cluster.service;
        match self.shared.attempts.simulate(service, &head).await {
            Some(FailWith::TcpReset) => return None,
            Some(FailWith::Status(failed)) => return Some(echo(&report, &head, Some(failed))),
            None => {}
        }
        if let Some(upgraded) = upgraded {
            return Some(websocket::accept(&head.headers, &report, upgraded));
        }
        let asked = stated::asked(&head);
        let status = status(&head.headers, service).or(asked.status);
        let mut response = echo(&report, &head, status);
        if asked != BackendResponse::default() {
            replace(&mut response, asked, &report);
        }
        Some(response)
    }
}

fn refusal(text: &'static str) -> Response<Body> {
    let mut response = Response::new(Full::from(text).with_trailers(ready(None)));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn is_grpc(head: &Parts) -> bool {
    let kind = head.headers.get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// What was seen, with the status that is asked for.
fn echo(report: &Report, head: &Parts, stated: Option<u16>) -> Response<Body> {
    let json = report.json();
    let grpc = is_grpc(head);
    let (kind, body, trailers) = if grpc {
        let trailers = grpc_trailers(head.uri.path(), stated);
        ("application/grpc", grpc_frame(&json), Some(Ok(trailers)))
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
    response
}

/// Puts what is asked for in the place of the echo, and the report into a header: there may be no body.
fn replace(response: &mut Response<Body>, asked: BackendResponse, report: &Report) {
    if let Some(body) = asked.body {
        *response.body_mut() = Full::from(body).with_trailers(ready(None));
        let kind = HeaderValue::from_static(STATED_CONTENT_TYPE);
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    let stated = asked.headers.iter().filter_map(|(name, value)| {
        Some((
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        ))
    });
    for (name, value) in stated.chain(report.header()) {
        response.headers_mut().insert(name, value);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn head(request: http::request::Builder) -> Parts {
        request.body(()).unwrap().into_parts().0
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
