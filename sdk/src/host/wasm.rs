//! The hostcalls of proxy-wasm 0.2.1, as thin bindings that return what the host says.

use super::{
    BufferType, Buffers, Callouts, Clock, GrpcCall, Headers, HostError, HttpCall, Log, LogLevel,
    MapType, MetricType, Metrics, Pairs, Properties, Random, SharedData, Status, StreamControl,
    Timer,
};
use crate::header::{is_value, is_writable_name};
use crate::reply::Reply;
use crate::split_mix;
use std::cell::Cell;
use std::ptr::{null, null_mut};
use std::time::Duration;

/// The proxy that runs this module.
#[derive(Debug, Clone, Copy)]
pub struct WasmHost;

mod raw;

fn checked(call: &'static str, status: u32) -> Result<(), HostError> {
    match Status(status) {
        Status::OK => Ok(()),
        status => Err(HostError::Status { call, status }),
    }
}

/// Runs a call that returns bytes which the host allocated in this module's memory.
fn returned(
    call: &'static str,
    run: impl FnOnce(*mut *mut u8, *mut usize) -> u32,
) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (null_mut::<u8>(), 0usize);
    checked(call, run(&mut data, &mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host obtained `data` from `allocate` below with this very size, wrote all of it
    // and gives up ownership (proxy-wasm 0.2.1, "Memory ownership"); a `Vec` frees by that layout.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// `NotFound` is an answer, not an error.
fn found<T>(result: Result<T, HostError>) -> Result<Option<T>, HostError> {
    match result {
        Err(HostError::Status {
            status: Status::NOT_FOUND,
            ..
        }) => Ok(None),
        other => other.map(Some),
    }
}

/// Gives the host memory of this module: the export `proxy_on_memory_allocate`.
pub fn allocate(size: usize) -> *mut u8 {
    match std::alloc::Layout::array::<u8>(size) {
        // SAFETY: the layout is not of size zero.
        Ok(layout) if size > 0 => unsafe { std::alloc::alloc(layout) },
        _ => null_mut(),
    }
}

fn checked_header(name: &[u8], value: &[u8]) -> Result<(), HostError> {
    if is_writable_name(name) && is_value(value) {
        Ok(())
    } else {
        Err(HostError::InvalidHeader(
            String::from_utf8_lossy(name).into_owned(),
        ))
    }
}

impl Headers for WasmHost {
    fn pairs(&self, map: MapType) -> Result<Pairs, HostError> {
        returned("proxy_get_header_map_pairs", |data, size| {
            // SAFETY: both pointers are valid for writes during the call.
            unsafe { raw::proxy_get_header_map_pairs(map as u32, data, size) }
        })
        .map(Pairs::new)
    }

    fn set_header(&self, map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        checked_header(name, value)?;
        // SAFETY: the pointers are valid for reads of the given sizes during the call.
        checked("proxy_replace_header_map_value", unsafe {
            raw::proxy_replace_header_map_value(
                map as u32,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    fn add_header(&self, map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        checked_header(name, value)?;
        // SAFETY: the pointers are valid for reads of the given sizes during the call.
        checked("proxy_add_header_map_value", unsafe {
            raw::proxy_add_header_map_value(
                map as u32,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    fn remove_header(&self, map: MapType, name: &[u8]) -> Result<(), HostError> {
        // SAFETY: the pointer is valid for reads of the given size during the call.
        checked("proxy_remove_header_map_value", unsafe {
            raw::proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len())
        })
    }
}

impl Buffers for WasmHost {
    fn buffer(&self, kind: BufferType, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        let bytes = returned("proxy_get_buffer_bytes", |data, size| {
            // SAFETY: both pointers are valid for writes during the call.
            unsafe { raw::proxy_get_buffer_bytes(kind as u32, start, length, data, size) }
        });
        found(bytes).map(Option::unwrap_or_default)
    }

    fn set_buffer(
        &self,
        kind: BufferType,
        start: usize,
        length: usize,
        value: &[u8],
    ) -> Result<(), HostError> {
        // SAFETY: the pointer is valid for reads of the given size during the call.
        checked("proxy_set_buffer_bytes", unsafe {
            raw::proxy_set_buffer_bytes(kind as u32, start, length, value.as_ptr(), value.len())
        })
    }
}

impl Properties for WasmHost {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        let path = path.join("\0");
        found(returned("proxy_get_property", |data, size| {
            // SAFETY: `path` is valid for reads, the others for writes during the call.
            unsafe { raw::proxy_get_property(path.as_ptr(), path.len(), data, size) }
        }))
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        // SAFETY: the pointers are valid for reads of the given sizes during the call.
        checked("proxy_set_property", unsafe {
            raw::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len())
        })
    }

    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, HostError> {
        returned("proxy_call_foreign_function", |data, size| {
            // SAFETY: name and argument are valid for reads, the others for writes during the call.
            unsafe {
                raw::proxy_call_foreign_function(
                    name.as_ptr(),
                    name.len(),
                    argument.as_ptr(),
                    argument.len(),
                    data,
                    size,
                )
            }
        })
    }
}

impl SharedData for WasmHost {
    fn shared(&self, key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError> {
        let mut cas = 0u32;
        let value = returned("proxy_get_shared_data", |data, size| {
            // SAFETY: `key` is valid for reads, the others for writes during the call.
            unsafe { raw::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut cas) }
        });
        Ok(found(value)?.map(|value| (value, cas)))
    }

    fn set_shared(&self, key: &[u8], value: &[u8], cas: u32) -> Result<(), HostError> {
        // SAFETY: the pointers are valid for reads of the given sizes during the call.
        checked("proxy_set_shared_data", unsafe {
            raw::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas)
        })
    }
}

impl Clock for WasmHost {
    fn now(&self) -> Result<u64, HostError> {
        let mut time = 0u64;
        // SAFETY: the pointer is valid for writes during the call.
        checked("proxy_get_current_time_nanoseconds", unsafe {
            raw::proxy_get_current_time_nanoseconds(&mut time)
        })?;
        Ok(time)
    }
}

impl Timer for WasmHost {
    fn set_tick(&self, period: Duration) -> Result<(), HostError> {
        // SAFETY: no pointer is passed.
        checked("proxy_set_tick_period_milliseconds", unsafe {
            raw::proxy_set_tick_period_milliseconds(milliseconds(period))
        })
    }
}

thread_local! {
    /// The state of the generator: nothing of a configuration, so that it may outlive one.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

impl Random for WasmHost {
    /// SplitMix64, seeded once for each VM by the host: a share of traffic needs an even draw, not a
    /// secret.
    fn draw(&self) -> u64 {
        let state = SEED.get().unwrap_or_else(|| {
            let mut seed = [0u8; 8];
            // SAFETY: the buffer is valid for writes of its size during the call. A failure leaves
            // it zero, which is as good a seed.
            let _ = unsafe { raw::random_get(seed.as_mut_ptr(), seed.len()) };
            u64::from_le_bytes(seed)
        });
        let state = state.wrapping_add(split_mix::STEP);
        SEED.set(Some(state));
        split_mix::mixed(state)
    }
}

impl Log for WasmHost {
    fn log(&self, level: LogLevel, message: &str) {
        // SAFETY: the pointer is valid for reads of the given size during the call. There is
        // nowhere to report that a line could not be logged.
        let _ = unsafe { raw::proxy_log(level as u32, message.as_ptr(), message.len()) };
    }
}

impl Metrics for WasmHost {
    fn define_metric(&self, kind: MetricType, name: &str) -> Result<u32, HostError> {
        let mut id = 0u32;
        // SAFETY: `name` is valid for reads, `id` for writes during the call.
        checked("proxy_define_metric", unsafe {
            raw::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &mut id)
        })?;
        Ok(id)
    }

    fn increment_metric(&self, id: u32, by: i64) -> Result<(), HostError> {
        // SAFETY: no pointer is passed.
        checked("proxy_increment_metric", unsafe {
            raw::proxy_increment_metric(id, by)
        })
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError> {
        // SAFETY: no pointer is passed.
        checked("proxy_record_metric", unsafe {
            raw::proxy_record_metric(id, value)
        })
    }
}

impl Callouts for WasmHost {
    fn http_call(&self, call: &HttpCall) -> Result<u32, HostError> {
        let headers = Pairs::encode(call.headers.iter().copied());
        let (headers, trailers) = (headers.as_bytes(), Pairs::encode(std::iter::empty()));
        let (trailers, timeout) = (trailers.as_bytes(), milliseconds(call.timeout));
        let mut token = 0u32;
        // SAFETY: all are valid for reads of their sizes, `token` for writes during the call.
        checked("proxy_http_call", unsafe {
            raw::proxy_http_call(
                call.cluster.as_ptr(),
                call.cluster.len(),
                headers.as_ptr(),
                headers.len(),
                call.body.as_ptr(),
                call.body.len(),
                trailers.as_ptr(),
                trailers.len(),
                timeout,
                &mut token,
            )
        })?;
        Ok(token)
    }

    fn grpc_call(&self, call: &GrpcCall) -> Result<u32, HostError> {
        let mut token = 0u32;
        // SAFETY: all are valid for reads of their sizes, `token` for writes during the call; the
        // metadata is absent.
        checked("proxy_grpc_call", unsafe {
            raw::proxy_grpc_call(
                call.cluster.as_ptr(),
                call.cluster.len(),
                call.service.as_ptr(),
                call.service.len(),
                call.method.as_ptr(),
                call.method.len(),
                null(),
                0,
                call.message.as_ptr(),
                call.message.len(),
                milliseconds(call.timeout),
                &mut token,
            )
        })?;
        Ok(token)
    }
}

fn milliseconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)
}

impl StreamControl for WasmHost {
    fn send_reply(&self, reply: &Reply) -> Result<(), HostError> {
        let content_type = reply
            .content_type
            .as_ref()
            .map(|kind| (&b"content-type"[..], kind.as_bytes()));
        let headers = reply
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_slice()));
        let headers = content_type.into_iter().chain(headers);
        for (name, value) in headers.clone() {
            checked_header(name, value)?;
        }
        let headers = Pairs::encode(headers);
        let (headers, body) = (headers.as_bytes(), &reply.body);
        let grpc_status = reply.grpc_status.map_or(-1, i32::from);
        // SAFETY: body and headers are valid for reads of their sizes; the details are absent.
        checked("proxy_send_local_response", unsafe {
            raw::proxy_send_local_response(
                u32::from(reply.status),
                null(),
                0,
                body.as_ptr(),
                body.len(),
                headers.as_ptr(),
                headers.len(),
                grpc_status,
            )
        })
    }

    fn resume_request(&self) -> Result<(), HostError> {
        // SAFETY: no pointer is passed.
        checked("proxy_continue_stream", unsafe {
            raw::proxy_continue_stream(0)
        })
    }

    fn resume_response(&self) -> Result<(), HostError> {
        // SAFETY: no pointer is passed.
        checked("proxy_continue_stream", unsafe {
            raw::proxy_continue_stream(1)
        })
    }

    fn enter_stream(&self, context: u32) -> Result<(), HostError> {
        // SAFETY: no pointer is passed.
        checked("proxy_set_effective_context", unsafe {
            raw::proxy_set_effective_context(context)
        })
    }
}

#[cfg(test)]
mod tests;
