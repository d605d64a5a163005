//! Envoy's attributes (`intro/arch_overview/advanced/attributes` of its documentation) as CEL values
//! (`source/extensions/filters/common/expr/context.cc`).
//!
//! What a phase does not have is absent: attributes that come from the request headers are gone in
//! the response phase and back in `on_log`.

use std::net::SocketAddr;
use std::time::Duration;

use super::header_map::HeaderMap;
use super::state::{Access, State};
use super::status::Status;
use super::stream::{Stream, StreamInfo};

/// A value as filters get it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A string, bytes or a serialized message.
    Bytes(Vec<u8>),
    /// An integer, a duration or a time stamp: 64 bits.
    Number(i64),
    /// A boolean.
    Bool(bool),
    /// A map of strings.
    Map(Vec<(Vec<u8>, Vec<u8>)>),
}

impl Value {
    /// The value at that key, if this is a map and has it.
    fn field(self, key: &[u8]) -> Option<Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        let found = entries.into_iter().find(|(k, _)| k == key);
        found.map(|(_, value)| Self::Bytes(value))
    }

    fn text(text: impl AsRef<[u8]>) -> Self {
        Self::Bytes(text.as_ref().to_vec())
    }

    fn count(count: usize) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    fn nanoseconds(time: Duration) -> Self {
        Self::Number(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX))
    }
}

/// The value at a path whose parts are separated by NUL.
///
/// A root alone has no serialized form. After the attributes come the plugin tokens and then the
/// filter state that `proxy_set_property` writes under `wasm.`.
pub(crate) fn lookup(state: &mut State, path: &[u8]) -> Result<Value, Status> {
    if path.is_empty() {
        return Err(Status::SerializationFailure);
    }
    let mut parts = path.split(|byte| *byte == 0);
    let first = parts.next().unwrap_or_default();
    let value = if is_root(state, first) {
        let second = parts.next().ok_or(Status::SerializationFailure)?;
        attribute(state, first, second)
    } else {
        plain(state, first)
    };
    let nested = parts.fold(value, |value, part| value.and_then(|v| v.field(part)));
    nested.ok_or(Status::NotFound)
}

fn is_root(state: &mut State, name: &[u8]) -> bool {
    match name {
        b"xds" => true,
        b"request"
        | b"response"
        | b"source"
        | b"destination"
        | b"connection"
        | b"upstream"
        | b"filter_state"
        | b"upstream_filter_state" => state.target_stream().is_some(),
        _ => false,
    }
}

fn plain(state: &mut State, name: &[u8]) -> Option<Value> {
    match name {
        b"plugin_name" => return Some(Value::text(&state.target_plugin().name)),
        b"plugin_root_id" => return Some(Value::text(&state.target_plugin().root_id)),
        b"plugin_vm_id" => return Some(Value::text(&state.plugin.vm_id)),
        _ => {}
    }
    let (stream, _) = state.target_stream()?;
    match name {
        b"connection_id" => Some(connection_id(&stream.info)),
        // Dynamic metadata is a message, and nothing writes any.
        b"metadata" => Some(Value::Bytes(Vec::new())),
        _ => {
            let key = [b"wasm.", name].concat();
            stream.filter_state.get(&key).map(Value::text)
        }
    }
}

fn attribute(state: &mut State, root: &[u8], key: &[u8]) -> Option<Value> {
    if (root, key) == (b"xds", b"node") {
        return Some(node());
    }
    let headers_bytes = state.envoy.has_headers_bytes();
    if key == b"headers_bytes" && !headers_bytes {
        return None;
    }
    let now = state.process.clock().now();
    let (stream, access) = state.target_stream()?;
    match root {
        b"request" => request(stream, *access, now, key),
        b"response" => response(stream, *access, now, key),
        b"source" => peer(stream.info.source, key),
        b"destination" => peer(stream.info.destination, key),
        b"connection" => connection(&stream.info, key),
        b"upstream" => upstream(&stream.info, key),
        b"xds" => xds(&stream.info, key),
        b"filter_state" => stream.filter_state.get(key).map(Value::text),
        _ => None,
    }
}

fn request(stream: &Stream, access: Access, now: Duration, key: &[u8]) -> Option<Value> {
    let info = &stream.info;
    match key {
        b"time" => return Some(Value::nanoseconds(info.start)),
        b"protocol" => return Some(Value::text(info.protocol)),
        b"duration" => {
            let passed = now.saturating_sub(info.start);
            return access.log.then_some(Value::nanoseconds(passed));
        }
        _ => {}
    }
    let responding = info.response.is_some() && !access.log;
    let none = HeaderMap::default();
    let headers = if responding {
        &none
    } else {
        &stream.request_headers
    };
    let header = |name: &[u8]| headers.get(name).map(Value::text);
    match key {
        b"path" => header(b":path"),
        b"url_path" => path_and_query(headers).map(|(path, _)| Value::text(path)),
        b"query" => path_and_query(headers).map(|(_, query)| Value::text(query)),
        b"host" => header(b":authority"),
        b"scheme" => header(b":scheme"),
        b"method" => header(b":method"),
        b"referer" => header(b"referer"),
        b"useragent" => header(b"user-agent"),
        b"id" => header(b"x-request-id"),
        b"headers" => Some(header_values(headers)),
        b"headers_bytes" => Some(Value::count(headers.byte_size())),
        b"size" => Some(content_length(headers).unwrap_or(Value::count(info.bytes_received))),
        b"total_size" => Some(Value::count(info.bytes_received + headers.byte_size())),
        _ => None,
    }
}

fn response(stream: &Stream, access: Access, now: Duration, key: &[u8]) -> Option<Value> {
    let info = &stream.info;
    let none = HeaderMap::default();
    let known = info.response.as_ref();
    let headers = known.map_or(&none, |_| &stream.response_headers);
    let trailers = stream.response_trailers.as_ref().unwrap_or(&none);
    match key {
        b"code" => known.map(|r| Value::Number(r.code.into())),
        b"code_details" => known.map(|r| Value::text(&r.details)),
        b"flags" => known
            .map(|r| r.flags)
            .or(Some(0))
            .map(|flags| Value::Number(i64::try_from(flags).unwrap_or_default())),
        b"grpc_status" => known.map(|r| {
            let given = trailers.get(b"grpc-status").or(headers.get(b"grpc-status"));
            let given = given.and_then(|v| std::str::from_utf8(v).ok()?.parse().ok());
            Value::Number(given.unwrap_or(http_to_grpc_status(r.code)).into())
        }),
        b"headers" => Some(header_values(headers)),
        b"headers_bytes" => Some(Value::count(headers.byte_size())),
        b"trailers" => Some(header_values(trailers)),
        b"size" => Some(Value::count(info.bytes_sent)),
        b"total_size" => {
            let maps = headers.byte_size() + trailers.byte_size();
            Some(Value::count(info.bytes_sent + maps))
        }
        b"backend_latency" => (access.log && info.upstream.is_some())
            .then_some(Value::nanoseconds(now.saturating_sub(info.start))),
        _ => None,
    }
}

/// Envoy's `httpToGrpcStatus` (`source/common/grpc/status.cc`).
pub(crate) fn http_to_grpc_status(code: u32) -> u32 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

fn peer(address: Option<SocketAddr>, key: &[u8]) -> Option<Value> {
    let address = address?;
    match key {
        b"address" => Some(Value::text(address.to_string())),
        b"port" => Some(Value::Number(address.port().into())),
        _ => None,
    }
}

/// Plain text only: no TLS attribute but the empty server name.
fn connection(info: &StreamInfo, key: &[u8]) -> Option<Value> {
    match key {
        b"id" => Some(connection_id(info)),
        b"mtls" => Some(Value::Bool(false)),
        b"requested_server_name" => Some(Value::Bytes(Vec::new())),
        _ => None,
    }
}

fn connection_id(info: &StreamInfo) -> Value {
    Value::Number(i64::try_from(info.connection_id).unwrap_or_default())
}

fn upstream(info: &StreamInfo, key: &[u8]) -> Option<Value> {
    match key {
        b"address" => info.upstream.map(|a| Value::text(a.to_string())),
        b"port" => info.upstream.map(|a| Value::Number(a.port().into())),
        b"num_endpoints" => info
            .route
            .as_ref()?
            .cluster
            .as_ref()
            .map(|_| Value::count(1)),
        b"request_attempt_count" => Some(Value::count(info.upstream.iter().count())),
        _ => None,
    }
}

fn xds(info: &StreamInfo, key: &[u8]) -> Option<Value> {
    let route = info.route.as_ref();
    match key {
        b"route_name" => route.map(|r| Value::text(&r.name)),
        b"virtual_host_name" => route.map(|r| Value::text(&r.virtual_host)),
        b"cluster_name" => route?.cluster.as_ref().map(Value::text),
        b"route_metadata" | b"virtual_host_metadata" => route.map(|_| Value::Bytes(Vec::new())),
        b"listener_direction" => Some(Value::Number(0)),
        b"listener_metadata" | b"filter_chain_name" => Some(Value::Bytes(Vec::new())),
        _ => None,
    }
}

/// `envoy.config.core.v3.Node{id, cluster}`; the real one has 57 KB of extensions besides.
fn node() -> Value {
    Value::text(b"\x0a\x03gwf\x12\x03gwf")
}

fn header_values(headers: &HeaderMap) -> Value {
    let mut entries: Vec<(Vec<u8>, Vec<u8>)> = Vec::with_capacity(headers.len());
    for (name, value) in headers.iter() {
        match entries.iter_mut().find(|(n, _)| n == name) {
            Some((_, joined)) => {
                joined.push(b',');
                joined.extend_from_slice(value);
            }
            None => entries.push((name.to_vec(), value.to_vec())),
        }
    }
    Value::Map(entries)
}

fn content_length(headers: &HeaderMap) -> Option<Value> {
    let text = std::str::from_utf8(headers.get(b"content-length")?).ok()?;
    text.parse().ok().map(Value::Number)
}

/// The path without query and fragment, and the query, which may be empty.
fn path_and_query(headers: &HeaderMap) -> Option<(&[u8], &[u8])> {
    let path = headers.get(b":path")?;
    let without_fragment = path.split(|b| *b == b'#').next().unwrap_or_default();
    let at = without_fragment.iter().position(|b| *b == b'?');
    let Some((path, query)) = at.and_then(|at| without_fragment.split_at_checked(at)) else {
        return Some((without_fragment, &[]));
    };
    Some((path, query.get(1..).unwrap_or_default()))
}
