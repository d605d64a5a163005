//! Answers that do not come from a backend (Envoy `Utility::sendLocalReply`,
//! `source/common/http/utility.cc`).

use crate::wasm_host::{HeaderMap, LocalReply, MapKind, ResponseInfo, http_to_grpc_status};

use super::response::Response;

/// What of the request shapes a local reply.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReplyTo {
    /// The request's content type is gRPC's.
    pub(crate) grpc: bool,
    /// The request's method is HEAD.
    pub(crate) head: bool,
}

/// A reply of Envoy's own.
pub(crate) fn plain(status: u32, details: &str) -> LocalReply {
    LocalReply {
        status,
        details: details.to_owned(),
        ..LocalReply::default()
    }
}

/// The response that a reply becomes, before any filter sees it.
pub(crate) fn response(reply: &LocalReply, to: ReplyTo) -> Response {
    let mut headers = HeaderMap::new(MapKind::Response);
    headers.add(b":status", reply.status.to_string().as_bytes());
    for (name, value) in &reply.headers {
        headers.add(name, value);
    }
    let info = ResponseInfo {
        code: reply.status,
        details: reply.details.clone(),
        flags: 0,
    };
    if to.grpc {
        return grpc(reply, headers, info);
    }
    if reply.body.is_empty() {
        headers.remove(b"content-length");
        headers.remove(b"content-type");
    } else {
        headers.set(b"content-length", reply.body.len().to_string().as_bytes());
        if headers.get(b"content-type").is_none() {
            headers.set(b"content-type", b"text/plain");
        }
    }
    if matches!(reply.status, 400 | 413) {
        headers.set(b"connection", b"close");
    }
    let chunks = if to.head || reply.body.is_empty() {
        Vec::new()
    } else {
        vec![reply.body.clone()]
    };
    Response {
        headers,
        chunks,
        trailers: None,
        info,
    }
}

/// A trailers-only response: HTTP 200, the status as gRPC's, the body as its message.
fn grpc(reply: &LocalReply, mut headers: HeaderMap, info: ResponseInfo) -> Response {
    headers.set(b":status", b"200");
    headers.set(b"content-type", b"application/grpc");
    if headers.get(b"grpc-status").is_none() {
        let mapped = http_to_grpc_status(reply.status);
        let status = reply.grpc_status.unwrap_or(mapped);
        headers.set(b"grpc-status", status.to_string().as_bytes());
    }
    if !reply.body.is_empty() {
        headers.set(b"grpc-message", &percent_encode(&reply.body));
    }
    headers.remove(b"content-length");
    Response {
        headers,
        chunks: Vec::new(),
        trailers: None,
        info: ResponseInfo { code: 200, ..info },
    }
}

/// The encoding of `grpc-message`: what is not printable ASCII, and `%`.
fn percent_encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if matches!(byte, b' '..=b'~') && *byte != b'%' {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTTP: ReplyTo = ReplyTo {
        grpc: false,
        head: false,
    };

    fn reply(status: u32, body: &str, headers: &[(&str, &str)]) -> LocalReply {
        let owned = |(n, v): &(&str, &str)| (n.as_bytes().to_vec(), v.as_bytes().to_vec());
        LocalReply {
            body: body.into(),
            headers: headers.iter().map(owned).collect(),
            ..plain(status, "")
        }
    }

    fn value(response: &Response, name: &str) -> Option<String> {
        let value = response.headers.get(name.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn a_body_is_plain_text_unless_told_otherwise() {
        let plain_text = response(&reply(429, "slow", &[]), HTTP);
        assert_eq!(
            value(&plain_text, "content-type").as_deref(),
            Some("text/plain")
        );
        assert_eq!(value(&plain_text, "content-length").as_deref(), Some("4"));
        let json = response(&reply(429, "{}", &[("content-type", "text/json")]), HTTP);
        assert_eq!(value(&json, "content-type").as_deref(), Some("text/json"));
        let empty = response(&reply(404, "", &[("content-type", "text/json")]), HTTP);
        assert_eq!(value(&empty, "content-type"), None);
        assert_eq!(empty.chunks, Vec::<Vec<u8>>::new());
    }

    #[test]
    fn grpc_clients_get_a_status_of_their_own() {
        let to = ReplyTo { grpc: true, ..HTTP };
        for (http, grpc) in [
            (404, "12"),
            (429, "14"),
            (500, "2"),
            (403, "7"),
            (400, "13"),
        ] {
            let response = response(&reply(http, "", &[]), to);
            assert_eq!(value(&response, ":status").as_deref(), Some("200"));
            assert_eq!(value(&response, "grpc-status").as_deref(), Some(grpc));
        }
        let mut given = reply(429, "100%\n", &[]);
        given.grpc_status = Some(8);
        let response = response(&given, to);
        assert_eq!(value(&response, "grpc-status").as_deref(), Some("8"));
        assert_eq!(
            value(&response, "grpc-message").as_deref(),
            Some("100%25%0A")
        );
    }
}
