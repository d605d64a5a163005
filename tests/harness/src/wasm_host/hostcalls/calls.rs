//! HTTP and gRPC calls (Envoy `context.cc`, `httpCall` and `grpcCall`).

use std::time::Duration;

use crate::exchange::Headers;
use crate::wasm_host::callout::{Callout, CalloutKind};
use crate::wasm_host::header_map::{HeaderMap, MapKind};
use crate::wasm_host::memory::{Guest, slice, split, write_word};
use crate::wasm_host::pairs;
use crate::wasm_host::proto;
use crate::wasm_host::state::State;
use crate::wasm_host::status::{Fault, HostcallResult, Status};

/// gRPC status of a call that could not be made.
const UNAVAILABLE: u32 = 14;

#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(crate) fn http_call(
    guest: &mut Guest<'_>,
    cluster: u32,
    cluster_size: u32,
    headers: u32,
    headers_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout: u32,
    token_at: u32,
) -> HostcallResult {
    // As Envoy does, the place of the token is tried before the call is made.
    write_word(guest, token_at, 0)?;
    let (memory, state) = split(guest);
    let cluster = String::from_utf8_lossy(slice(memory, cluster, cluster_size)?).into_owned();
    let body = slice(memory, body, body_size)?.to_vec();
    let mut headers = read_map(memory, MapKind::Request, headers, headers_size)?;
    let trailers = read_map(memory, MapKind::Trailers, trailers, trailers_size)?;
    let lacks = |name: &[u8]| headers.get(name).is_none();
    if lacks(b":path") || lacks(b":method") || lacks(b":authority") {
        return Err(Status::BadArgument.into());
    }
    if !state.process.clusters.contains(&cluster) || i32::try_from(timeout).is_err() {
        return Err(Status::BadArgument.into());
    }
    if !body.is_empty() {
        headers.set(b"content-length", body.len().to_string().as_bytes());
    }
    state.last_http_token = state.last_http_token.wrapping_add(4);
    let token = state.last_http_token;
    let kind = CalloutKind::Http {
        headers: owned(&headers),
        trailers: owned(&trailers),
    };
    let limit = (timeout > 0).then(|| Duration::from_millis(timeout.into()));
    dispatch(state, token, cluster, kind, body, limit);
    write_word(guest, token_at, token)
}

#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(crate) fn grpc_call(
    guest: &mut Guest<'_>,
    target: u32,
    target_size: u32,
    service: u32,
    service_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    message: u32,
    message_size: u32,
    timeout: u32,
    token_at: u32,
) -> HostcallResult {
    let (memory, state) = split(guest);
    let text = |at, size| slice(memory, at, size).map(String::from_utf8_lossy);
    let cluster = named_cluster(state, slice(memory, target, target_size)?)?;
    let kind = CalloutKind::Grpc {
        service: text(service, service_size)?.into_owned(),
        method: text(method, method_size)?.into_owned(),
        metadata: owned(&read_map(
            memory,
            MapKind::Trailers,
            metadata,
            metadata_size,
        )?),
    };
    let message = slice(memory, message, message_size)?.to_vec();
    let token = next_grpc_token(state);
    if !state.process.clusters.contains(&cluster) {
        return refuse(guest, token, &cluster);
    }
    let limit = Some(Duration::from_millis(timeout.into()));
    dispatch(state, token, cluster, kind, message, limit);
    write_word(guest, token_at, token)
}

/// gRPC streams cannot be opened here; Envoy says the same where it cannot.
#[expect(clippy::too_many_arguments, reason = "the ABI has them")]
pub(crate) fn grpc_stream(
    _: &mut Guest<'_>,
    _target: u32,
    _target_size: u32,
    _service: u32,
    _service_size: u32,
    _method: u32,
    _method_size: u32,
    _metadata: u32,
    _metadata_size: u32,
    _token_at: u32,
) -> HostcallResult {
    Err(Status::InternalFailure.into())
}

/// There is no resolver: every name fails at once.
pub(crate) fn resolve_dns(
    _: &mut Guest<'_>,
    _name: u32,
    _size: u32,
    _token_at: u32,
) -> HostcallResult {
    Err(Status::InternalFailure.into())
}

/// Cancels or closes a unary call that is under way.
pub(crate) fn grpc_end(guest: &mut Guest<'_>, token: u32) -> HostcallResult {
    let calls = &mut guest.data_mut().callouts;
    let place = calls.iter().position(|call| call.token == token);
    calls.remove(place.ok_or(Status::NotFound)?);
    Ok(())
}

/// Only streams can be sent on; tokens of unary calls are odd.
pub(crate) fn grpc_send(
    _: &mut Guest<'_>,
    token: u32,
    _message: u32,
    _size: u32,
    _end_of_stream: u32,
) -> HostcallResult {
    Err(if token % 2 == 1 {
        Status::BadArgument.into()
    } else {
        Status::NotFound.into()
    })
}

fn dispatch(
    state: &mut State,
    token: u32,
    cluster: String,
    kind: CalloutKind,
    body: Vec<u8>,
    timeout: Option<Duration>,
) {
    let call = Callout {
        plugin: state.target_plugin().name.clone(),
        token,
        cluster,
        kind,
        body,
        timeout,
        root: state.target_root(),
    };
    state.callouts.push(call);
}

/// The cluster of a gRPC target: its plain name, or the one in a serialized `GrpcService`.
fn named_cluster(state: &State, target: &[u8]) -> Result<String, Fault> {
    let plain = String::from_utf8_lossy(target).into_owned();
    if state.process.clusters.contains(&plain) {
        return Ok(plain);
    }
    let envoy_grpc = proto::fields(target).and_then(|f| proto::bytes_of(&f, 1));
    let name = envoy_grpc.and_then(|message| {
        let fields = proto::fields(message)?;
        proto::bytes_of(&fields, 1).map(<[u8]>::to_vec)
    });
    let name = name.ok_or(Status::ParseFailure)?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn next_grpc_token(state: &mut State) -> u32 {
    state.last_grpc_token = match state.last_grpc_token {
        0 => 5,
        last => last.wrapping_add(4),
    };
    state.last_grpc_token
}

/// Envoy tells of an unknown cluster in a `GrpcService` twice: by the status of the hostcall and,
/// during it, by `on_grpc_close`.
fn refuse(guest: &mut Guest<'_>, token: u32, cluster: &str) -> HostcallResult {
    let state = guest.data_mut();
    let root = state.target_root();
    let (current, effective) = (state.current, state.effective);
    state.status = (
        UNAVAILABLE,
        format!("Cluster not available: {cluster}").into_bytes(),
    );
    state.current = root;
    state.effective = 0;
    if let Some(callback) = state.on_grpc_close.clone() {
        callback.call(&mut *guest, (root, token, UNAVAILABLE))?;
    }
    let state = guest.data_mut();
    state.current = current;
    state.effective = effective;
    Err(Status::InternalFailure.into())
}

fn read_map(memory: &[u8], kind: MapKind, at: u32, size: u32) -> Result<HeaderMap, Fault> {
    let pairs = pairs::decode(slice(memory, at, size)?);
    Ok(HeaderMap::from_pairs(kind, pairs))
}

fn owned(map: &HeaderMap) -> Headers {
    map.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect()
}
