//! What the HTTP connection manager does with a request before any filter sees it (Envoy
//! `conn_manager_impl.cc`, `conn_manager_utility.cc`), with the settings of Envoy Gateway.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::exchange::{Exchange, Protocol};
use crate::wasm_host::{HeaderMap, LocalReply, MapKind, Stream, StreamInfo};

use super::envoy::Admission;
use super::local_reply::plain;
use super::path::{Normalized, normalize};
use super::router::Router;

/// `max_headers_count`, the Host counted.
const HEADERS_MAX: usize = 100;
/// `max_request_headers_kb`.
const HEADER_BYTES_MAX: usize = 60 * 1024;

/// The node's own address, which stands in `x-forwarded-for` for a peer on the loopback
/// interface; a real Envoy takes it from the machine.
const NODE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Headers that concern one hop, or only Envoy may set.
const REMOVED: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "x-envoy-internal",
    "x-envoy-external-address",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-max-retries",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-original-path",
];

/// A request as it came to the connection manager.
pub(crate) struct Incoming {
    pub(crate) stream: Box<Stream>,
    /// The request body, as it arrives in pieces.
    pub(crate) chunks: Vec<Vec<u8>>,
    /// Answered already, so no filter runs.
    pub(crate) refused: Option<LocalReply>,
}

/// Takes a request in at a listener. `connection` numbers the connections, `request_id` is fresh.
pub(crate) fn accept(
    exchange: &Exchange,
    admission: Admission,
    listener: &Router,
    connection: u64,
    request_id: &str,
) -> Incoming {
    let peer = exchange.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let body = exchange.payload();
    let Router {
        scheme,
        trusted_hops,
        ..
    } = *listener;
    let mut headers = client_headers(exchange, scheme, body.len());
    let refused = match admission {
        Admission::Everything => None,
        Admission::Envoy => refuse(exchange, &mut headers),
    };
    let port = 32_768 + u16::try_from(connection % 28_000).unwrap_or_default();
    // An address from a header has no port.
    let client = forwarded_client(&headers, trusted_hops).map(|client| SocketAddr::new(client, 0));
    let client = client.unwrap_or(SocketAddr::new(peer, port));
    add_own(&mut headers, peer, client.ip(), request_id);
    if trusted_hops == 0 || headers.get(b"x-forwarded-proto").is_none() {
        headers.set(b"x-forwarded-proto", scheme.as_bytes());
    }
    let mut stream = Box::new(Stream::new(headers));
    stream.request_trailers = trailers(exchange);
    stream.info = StreamInfo {
        connection_id: connection,
        source: Some(client),
        destination: Some(SocketAddr::new(
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            exchange.port,
        )),
        protocol: match exchange.protocol {
            Protocol::Http => "HTTP/1.1",
            Protocol::H2c | Protocol::Grpc => "HTTP/2",
        },
        ..StreamInfo::default()
    };
    Incoming {
        stream,
        chunks: pieces(exchange, body),
        refused,
    }
}

/// Those of HTTP/1.1 end at the codec, which leaves them out unless `enable_trailers` is set.
fn trailers(exchange: &Exchange) -> Option<HeaderMap> {
    if exchange.trailers.is_empty() || exchange.protocol == Protocol::Http {
        return None;
    }
    let pairs = exchange.trailers.iter();
    let pairs = pairs.map(|(name, value)| (name.as_slice(), value.as_slice()));
    Some(HeaderMap::from_pairs(MapKind::Trailers, pairs))
}

/// Over HTTP/1.1 the end of a body comes by itself, over HTTP/2 with the last of the data.
fn pieces(exchange: &Exchange, body: Vec<u8>) -> Vec<Vec<u8>> {
    let http1 = exchange.protocol == Protocol::Http;
    match (http1, body.is_empty()) {
        // A chunked body ends like another one, even if nothing is in it.
        (true, true) if !exchange.trailers.is_empty() => vec![Vec::new()],
        (_, true) => Vec::new(),
        (true, false) => vec![body, Vec::new()],
        (false, false) => vec![body],
    }
}

/// Pseudo-headers, then the client's, in order.
fn client_headers(exchange: &Exchange, scheme: &str, body: usize) -> HeaderMap {
    let mut headers = HeaderMap::new(MapKind::Request);
    headers.add(b":authority", exchange.authority.as_bytes());
    headers.add(b":path", &exchange.path);
    headers.add(b":method", exchange.method.as_bytes());
    headers.add(b":scheme", scheme.as_bytes());
    for (name, value) in &exchange.headers {
        // A second Host line of HTTP/1.1 joins the authority; HTTP/2 has no such header.
        match (name.eq_ignore_ascii_case(b"host"), &exchange.protocol) {
            (false, _) => headers.add(name, value.trim_ascii()),
            (true, Protocol::Http) => headers.add(b":authority", value.trim_ascii()),
            (true, Protocol::H2c | Protocol::Grpc) => {}
        }
    }
    if exchange.protocol == Protocol::Grpc {
        if headers.get(b"content-type").is_none() {
            headers.add(b"content-type", b"application/grpc");
        }
        headers.set(b"te", b"trailers");
    } else if body > 0 && !is_chunked(exchange) && headers.get(b"content-length").is_none() {
        headers.add(b"content-length", body.to_string().as_bytes());
    }
    for name in REMOVED {
        headers.remove(name.as_bytes());
    }
    headers
}

/// Whether trailers follow the body in HTTP/1.1.
fn is_chunked(exchange: &Exchange) -> bool {
    exchange.protocol == Protocol::Http && !exchange.trailers.is_empty()
}

/// `use_remote_address`: the peer is appended and no address counts as internal; the request id
/// of a client is not trusted.
fn add_own(headers: &mut HeaderMap, peer: IpAddr, client: IpAddr, request_id: &str) {
    let forwarded = if peer.is_loopback() { NODE } else { peer };
    headers.add(b"x-forwarded-for", forwarded.to_string().as_bytes());
    headers.set(b"x-envoy-external-address", client.to_string().as_bytes());
    headers.set(b"x-request-id", request_id.as_bytes());
}

/// The client that the last of so many trusted proxies saw; absent if the header does not say
/// (`Http::Utility::getLastAddressFromXFF`).
fn forwarded_client(headers: &HeaderMap, trusted_hops: u32) -> Option<IpAddr> {
    let place = usize::try_from(trusted_hops.checked_sub(1)?).ok()?;
    let forwarded = headers.get(b"x-forwarded-for")?;
    let entry = forwarded.rsplit(|byte| *byte == b',').nth(place)?;
    std::str::from_utf8(entry.trim_ascii()).ok()?.parse().ok()
}

/// What is answered before routing, if anything; normalises the path otherwise.
fn refuse(exchange: &Exchange, headers: &mut HeaderMap) -> Option<LocalReply> {
    let bytes = headers.byte_size();
    if exchange.headers.len() + 1 > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
        return Some(plain(431, "http1.too_many_headers"));
    }
    if exchange.authority.is_empty() {
        return Some(plain(400, "missing_host_header"));
    }
    if exchange
        .headers
        .iter()
        .any(|(name, _)| name.contains(&b'_'))
    {
        return Some(plain(400, "unexpected_underscore"));
    }
    let forbidden = |(_, value): &(Vec<u8>, Vec<u8>)| value.iter().any(|b| b"\0\r\n".contains(b));
    if exchange.headers.iter().any(forbidden) {
        return Some(plain(400, "http1.codec_error"));
    }
    match normalize(&exchange.path) {
        Normalized::Path(path) => {
            headers.set(b":path", &path);
            None
        }
        // gRPC clients do not follow redirects.
        Normalized::Redirect(_) if exchange.protocol == Protocol::Grpc => {
            Some(plain(400, "path_normalization_failed"))
        }
        Normalized::Redirect(path) => {
            let mut reply = plain(307, "path_normalization_failed");
            reply.headers.push((b"location".to_vec(), path));
            Some(reply)
        }
        Normalized::Invalid => Some(plain(400, "path_normalization_failed")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(forwarded: &[&str], trusted_hops: u32) -> String {
        let mut headers = HeaderMap::new(MapKind::Request);
        for line in forwarded {
            headers.add(b"x-forwarded-for", line.as_bytes());
        }
        let client = forwarded_client(&headers, trusted_hops);
        client.map_or("the peer".into(), |client| client.to_string())
    }

    #[test]
    fn the_client_is_what_the_last_trusted_proxy_saw() {
        let forwarded = ["203.0.113.7, 10.0.0.1 ,10.0.0.2"];
        assert_eq!(source(&forwarded, 0), "the peer");
        assert_eq!(source(&forwarded, 1), "10.0.0.2");
        assert_eq!(source(&forwarded, 2), "10.0.0.1");
        assert_eq!(source(&forwarded, 3), "203.0.113.7");
        assert_eq!(source(&forwarded, 4), "the peer");
        assert_eq!(source(&["2001:db8::1", "unknown"], 2), "2001:db8::1");
        assert_eq!(source(&["2001:db8::1", "unknown"], 1), "the peer");
        assert_eq!(source(&[], 1), "the peer");
    }
}
