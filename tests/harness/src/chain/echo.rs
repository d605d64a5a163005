//! A backend that answers with what it saw, as the Gateway API conformance suite's
//! `echo-basic` does.

use serde_json::{Map, Value, json};

use crate::exchange::{Exchange, Protocol, STATED_CONTENT_TYPE, Seen, may_have_body};
use crate::model::Cluster;
use crate::wasm_host::{HeaderMap, MapKind, ResponseInfo};

use super::response::Response;

/// An empty message: uncompressed, of length zero.
pub(crate) const EMPTY_GRPC_MESSAGE: [u8; 5] = [0; 5];

/// What the backend of that cluster sees of a request, whose body came in these pieces.
pub(crate) fn see(
    cluster: &Cluster,
    request: &HeaderMap,
    chunks: &[Vec<u8>],
    trailers: Option<&HeaderMap>,
    exchange: &Exchange,
) -> Seen {
    let text = |name: &[u8]| {
        let value = request.get(name).unwrap_or_default();
        String::from_utf8_lossy(value).into_owned()
    };
    let mut body = chunks.concat();
    if exchange.protocol == Protocol::Grpc {
        body = body
            .get(EMPTY_GRPC_MESSAGE.len()..)
            .unwrap_or_default()
            .to_vec();
    }
    // To a backend in HTTP/1.1 Envoy sends none, unless it is told to.
    let trailers = trailers.filter(|_| is_http2(cluster, exchange));
    let seen = Seen {
        namespace: cluster.namespace.clone(),
        service: cluster.service.clone(),
        method: text(b":method"),
        authority: text(b":authority"),
        path: text(b":path"),
        headers: request.regular(),
        trailers: trailers.map(HeaderMap::regular).unwrap_or_default(),
        ..Seen::default()
    };
    seen.with_body(body)
}

fn is_http2(cluster: &Cluster, exchange: &Exchange) -> bool {
    cluster
        .protocol
        .is_http2(exchange.protocol != Protocol::Http)
}

/// Its answer: 200 and JSON, or for gRPC an empty message and status 0, unless the exchange has
/// another status for its Service.
pub(crate) fn answer(seen: &Seen, cluster: &Cluster, exchange: &Exchange) -> Response {
    let grpc = exchange.protocol == Protocol::Grpc;
    let http2 = is_http2(cluster, exchange);
    let stated = exchange.status_of(&cluster.service);
    let code = stated.filter(|_| !grpc).unwrap_or(200);
    let body = match &exchange.backend_response.body {
        Some(body) => body.clone(),
        None if grpc => EMPTY_GRPC_MESSAGE.to_vec(),
        None => describe(seen, http2).to_string().into_bytes(),
    };
    let has_body = may_have_body(&seen.method, code);
    let mut headers = HeaderMap::new(MapKind::Response);
    headers.add(b":status", code.to_string().as_bytes());
    if grpc {
        headers.add(b"content-type", b"application/grpc");
    } else {
        let kind = match exchange.backend_response.body {
            Some(_) => STATED_CONTENT_TYPE,
            None => "application/json",
        };
        headers.add(b"content-type", kind.as_bytes());
        if has_body || seen.method == "HEAD" {
            headers.add(b"content-length", body.len().to_string().as_bytes());
        }
    }
    for (name, value) in &exchange.backend_response.headers {
        headers.set(name.to_ascii_lowercase().as_bytes(), value.as_bytes());
    }
    for (name, value) in &exchange.backend_response_headers {
        headers.add(name.as_bytes(), value.as_bytes());
    }
    let status = || {
        let status = stated.unwrap_or(0).to_string();
        HeaderMap::from_pairs(
            MapKind::Trailers,
            [(&b"grpc-status"[..], status.as_bytes())],
        )
    };
    let chunks = match (has_body, http2) {
        (false, _) => Vec::new(),
        (true, true) => vec![body],
        // Over HTTP/1.1 the end of a body comes by itself.
        (true, false) => vec![body, Vec::new()],
    };
    Response {
        headers,
        chunks,
        trailers: grpc.then(status),
        info: ResponseInfo {
            code: code.into(),
            details: "via_upstream".to_owned(),
            flags: 0,
        },
    }
}

fn describe(seen: &Seen, http2: bool) -> Value {
    let mut headers = Map::new();
    for (name, value) in &seen.headers {
        let value = Value::String(String::from_utf8_lossy(value).into_owned());
        match headers.entry(canonical(name)) {
            serde_json::map::Entry::Occupied(mut values) => {
                if let Some(values) = values.get_mut().as_array_mut() {
                    values.push(value);
                }
            }
            serde_json::map::Entry::Vacant(place) => {
                place.insert(json!([value]));
            }
        }
    }
    json!({
        "path": seen.path,
        "host": seen.authority,
        "method": seen.method,
        "proto": if http2 { "HTTP/2.0" } else { "HTTP/1.1" },
        "headers": headers,
        "namespace": seen.namespace,
        "ingress": "",
        "service": "",
        "pod": format!("{}-0", seen.service),
    })
}

/// Go's canonical form, in which the suite's backend writes names.
fn canonical(name: &[u8]) -> String {
    let mut upper = true;
    let letters = name.iter().map(|byte| {
        let letter = if upper {
            byte.to_ascii_uppercase()
        } else {
            byte.to_ascii_lowercase()
        };
        upper = *byte == b'-';
        char::from(letter)
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_go_writes_them() {
        assert_eq!(canonical(b"x-request-id"), "X-Request-Id");
        assert_eq!(canonical(b"accept"), "Accept");
    }
}
