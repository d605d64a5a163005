//! What a backend saw, as the body of its answer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Version;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::exchange::{BODY_KEPT, Headers, Seen};
use crate::model::Cluster;

/// Response header that has the report where there is no body.
pub(in crate::envoy) const HEADER: &str = "x-echo-report";

/// What a backend saw, out of the body of an answer; none if a backend did not make it.
pub(in crate::envoy) fn seen(body: &[u8], grpc: bool) -> Option<Seen> {
    let json = if grpc { body.get(5..)? } else { body };
    let report: Report = serde_json::from_slice(json).ok()?;
    Some(report.into())
}

/// The same of an answer without body.
pub(in crate::envoy) fn seen_in_headers(headers: &Headers) -> Option<Seen> {
    let mut reports = headers.iter().filter(|(name, _)| name == HEADER.as_bytes());
    seen(&reports.next()?.1, false)
}

/// The body of an answer: `RequestAssertions` of the suite's backend.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) path: String,
    host: String,
    method: String,
    proto: String,
    headers: BTreeMap<String, Vec<String>>,
    namespace: String,
    ingress: String,
    service: String,
    pod: String,
    /// The suite's backend says nothing of bodies; here it is left out of a report on a request
    /// without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    trailers: BTreeMap<String, Vec<String>>,
}

/// The body of a request, as far as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Body {
    size: u64,
    /// In base64.
    start: String,
}

impl Report {
    pub(super) fn new(cluster: &Cluster, head: &http::request::Parts) -> Self {
        let host = match head.uri.authority() {
            Some(authority) => authority.to_string(),
            None => head
                .headers
                .get("host")
                .map(|host| text(host.as_bytes()))
                .unwrap_or_default(),
        };
        let mut headers = lines(&head.headers);
        // Go's server takes Host out of the headers.
        headers.remove("Host");
        Self {
            path: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            host,
            method: head.method.to_string(),
            proto: match head.version {
                Version::HTTP_2 => "HTTP/2.0",
                _ => "HTTP/1.1",
            }
            .to_owned(),
            headers,
            namespace: cluster.namespace.clone(),
            ingress: String::new(),
            service: cluster.service.clone(),
            pod: format!("{}-0", cluster.service),
            body: None,
            trailers: BTreeMap::new(),
        }
    }

    /// With what came behind the headers.
    pub(super) fn received(mut self, body: &[u8], trailers: Option<&HeaderMap>) -> Self {
        self.body = (!body.is_empty()).then(|| Body {
            size: u64::try_from(body.len()).unwrap_or(u64::MAX),
            start: STANDARD.encode(body.get(..BODY_KEPT).unwrap_or(body)),
        });
        self.trailers = trailers.map(lines).unwrap_or_default();
        self
    }
}

fn lines(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut lines: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in headers {
        lines
            .entry(canonical(name.as_str()))
            .or_default()
            .push(text(value.as_bytes()));
    }
    lines
}

/// The bytes again, names in lower case.
fn pairs(lines: &BTreeMap<String, Vec<String>>) -> Headers {
    lines
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
        .map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), bytes(value)))
        .collect()
}

impl Report {
    /// As JSON.
    pub(super) fn json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As a response header.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let value = HeaderValue::from_bytes(&self.json()).ok()?;
        Some((HeaderName::from_static(HEADER), value))
    }
}

impl From<Report> for Seen {
    fn from(report: Report) -> Self {
        let headers = pairs(&report.headers);
        let (body, body_size) = report.body.map_or_else(Default::default, |body| {
            (STANDARD.decode(body.start).unwrap_or_default(), body.size)
        });
        Self {
            namespace: report.namespace,
            service: report.service,
            method: report.method,
            authority: report.host,
            path: report.path,
            headers,
            body,
            body_size,
            trailers: pairs(&report.trailers),
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
    use http::Request;

    use super::*;
    use crate::exchange::grpc_frame;
    use crate::model::UpstreamProtocol;

    fn cluster() -> Cluster {
        Cluster {
            name: "infra/v1:8080".into(),
            namespace: "infra".into(),
            service: "v1".into(),
            port: 8080,
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
    fn of_a_long_body_the_start_is_told_and_its_size() {
        let head = head(Request::post("/"));
        let body = vec![b'x'; BODY_KEPT + 1];
        let trailers = HeaderMap::from_iter([(
            HeaderName::from_static("x-sum"),
            HeaderValue::from_static("1"),
        )]);
        let report = Report::new(&cluster(), &head).received(&body, Some(&trailers));
        let seen = seen(&report.json(), false).unwrap();
        assert_eq!(
            (seen.body.len(), seen.body_size),
            (BODY_KEPT, 16 * 1024 + 1)
        );
        assert_eq!(seen.trailers, [(b"x-sum".to_vec(), b"1".to_vec())]);
    }

    #[test]
    fn an_answer_of_somebody_else_tells_nothing() {
        assert_eq!(seen(b"{\"error\": \"none\"}", false), None);
        assert_eq!(seen(b"", true), None);
    }
}
