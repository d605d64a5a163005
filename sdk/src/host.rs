//! What a filter may ask of the proxy, behind narrow traits.
//!
//! One implementation makes the hostcalls (`host/wasm.rs`), one keeps everything in memory for
//! tests ([`mock::MockHost`]). Nothing here panics: every status comes back as a [`HostError`].

pub mod mock;
mod pairs;
#[cfg(target_os = "wasi")]
pub mod wasm;

pub use pairs::Pairs;

use std::net::IpAddr;
use std::time::Duration;
use thiserror::Error;

/// A hostcall that did not succeed, or that was not made because its input was bad.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HostError {
    /// The host answered with a status other than Ok.
    #[error("{call}: {status:?}")]
    Status {
        /// The hostcall.
        call: &'static str,
        /// Its status.
        status: Status,
    },
    /// A header name or value that HTTP does not allow. Envoy would write it to the wire as it is.
    #[error("`{0}` is not a valid header name, or its value has control characters")]
    InvalidHeader(String),
}

/// The status of a hostcall. The numbers are those of proxy-wasm 0.2.1; a host may answer with any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// Success.
    pub const OK: Status = Status(0);
    /// The thing does not exist.
    pub const NOT_FOUND: Status = Status(1);
    /// An argument is wrong, or the map is not there in this phase.
    pub const BAD_ARGUMENT: Status = Status(2);
    /// The value was changed by another since it was read.
    pub const CAS_MISMATCH: Status = Status(8);
}

/// The header maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapType {
    /// Request headers.
    RequestHeaders = 0,
    /// Request trailers.
    RequestTrailers = 1,
    /// Response headers.
    ResponseHeaders = 2,
    /// Response trailers.
    ResponseTrailers = 3,
    /// Headers of the answer to an HTTP call.
    HttpCallResponseHeaders = 6,
}

/// The buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BufferType {
    /// Request body.
    RequestBody = 0,
    /// Response body.
    ResponseBody = 1,
    /// Body of the answer to an HTTP call.
    HttpCallResponseBody = 4,
    /// Message of the answer to a gRPC call.
    GrpcReceive = 5,
    /// The filter's configuration.
    PluginConfiguration = 7,
}

/// Log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Finest.
    Trace = 0,
    /// For developers.
    Debug = 1,
    /// Events of the configuration; never one per request.
    Info = 2,
    /// Something was ignored or changed.
    Warn = 3,
    /// Something failed.
    Error = 4,
}

/// The kinds of metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    /// Only grows.
    Counter = 0,
    /// Goes up and down.
    Gauge = 1,
    /// Collects samples.
    Histogram = 2,
}

/// Header maps. Envoy's maps can be read and written in the callback of their phase only.
pub trait Headers {
    /// Every entry, in one call.
    fn pairs(&self, map: MapType) -> Result<Pairs, HostError>;
    /// Replaces all values of a name.
    fn set_header(&self, map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError>;
    /// Adds a value. Do not use it for pseudo-headers: Envoy joins them with a comma.
    fn add_header(&self, map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError>;
    /// Removes all values of a name; an absent name is fine.
    fn remove_header(&self, map: MapType, name: &[u8]) -> Result<(), HostError>;
}

/// Bodies and other byte buffers.
pub trait Buffers {
    /// Up to `length` bytes from `start`.
    fn buffer(&self, kind: BufferType, start: usize, length: usize) -> Result<Vec<u8>, HostError>;
    /// Replaces `length` bytes from `start`.
    fn set_buffer(
        &self,
        kind: BufferType,
        start: usize,
        length: usize,
        value: &[u8],
    ) -> Result<(), HostError>;
}

/// Envoy's attributes and filter state.
pub trait Properties {
    /// The serialised value of an attribute; `None` where there is none.
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;
    /// Writes filter state `wasm.<name>`, which later filters and the access log can read.
    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError>;
    /// Calls a foreign function.
    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, HostError>;
}

/// The client's address: `source.address`, which is `ip:port`, an IPv6 address in brackets.
///
/// # Errors
/// The host cannot answer.
pub fn source_address(host: &(impl Properties + ?Sized)) -> Result<Option<IpAddr>, HostError> {
    let address = host.property(&["source", "address"])?;
    Ok(address.and_then(|bytes| {
        let text = crate::request::without_port(&bytes);
        let text = text
            .strip_prefix(b"[")
            .and_then(|text| text.strip_suffix(b"]"))
            .unwrap_or(text);
        std::str::from_utf8(text).ok()?.parse().ok()
    }))
}

/// Values that all workers share. It is the only state they share.
pub trait SharedData {
    /// A value and its CAS number.
    fn shared(&self, key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError>;
    /// Writes if the CAS number is still that of the value; 0 writes in any case. A missing key
    /// takes any number: [`CREATE`] makes it a create-if-absent.
    fn set_shared(&self, key: &[u8], value: &[u8], cas: u32) -> Result<(), HostError>;
}

/// A CAS number that is never issued: `set_shared` with it succeeds on a missing key only.
pub const CREATE: u32 = u32::MAX;

/// The wall clock.
pub trait Clock {
    /// Nanoseconds since 1970.
    fn now(&self) -> Result<u64, HostError>;
}

/// The timer of the configuration, one on each worker.
pub trait Timer {
    /// Calls [`on_tick`](crate::filter::HttpFilter::on_tick) every so often, in whole milliseconds;
    /// zero stops it.
    fn set_tick(&self, period: Duration) -> Result<(), HostError>;
}

/// Chance.
pub trait Random {
    /// A number evenly drawn from all `u64`.
    fn draw(&self) -> u64;
}

/// The log.
pub trait Log {
    /// Writes a line.
    fn log(&self, level: LogLevel, message: &str);
}

/// Metrics, in Envoy named `wasmcustom.<name>`.
pub trait Metrics {
    /// The id of a metric; defining it again gives another id for the same one.
    fn define_metric(&self, kind: MetricType, name: &str) -> Result<u32, HostError>;
    /// Adds to a counter (more than 0) or gauge.
    fn increment_metric(&self, id: u32, by: i64) -> Result<(), HostError>;
    /// Sets a gauge, adds a sample to a histogram.
    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError>;
}

/// Calls to other services. The answer comes in a callback of its own.
pub trait Callouts {
    /// Sends a request to a cluster; the number names the call.
    fn http_call(&self, call: &HttpCall) -> Result<u32, HostError>;
    /// Sends a unary gRPC request to a cluster; the number names the call.
    fn grpc_call(&self, call: &GrpcCall) -> Result<u32, HostError>;
}

/// An HTTP request to a cluster.
#[derive(Debug, Clone)]
pub struct HttpCall<'a> {
    /// Name of the cluster.
    pub cluster: &'a str,
    /// Headers with `:method`, `:path` and `:authority`.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// Body.
    pub body: &'a [u8],
    /// Envoy answers 504 when it is over; zero is no limit.
    pub timeout: Duration,
}

/// A unary gRPC request to a cluster.
#[derive(Debug, Clone)]
pub struct GrpcCall<'a> {
    /// Name of the cluster.
    pub cluster: &'a str,
    /// `package.Service`.
    pub service: &'a str,
    /// The method.
    pub method: &'a str,
    /// The serialised message.
    pub message: &'a [u8],
    /// Envoy closes the call when it is over; must not be zero.
    pub timeout: Duration,
}

/// Control of the stream.
pub trait StreamControl {
    /// Answers the request. Envoy does it once the callback has returned.
    fn send_reply(&self, reply: &crate::reply::Reply) -> Result<(), HostError>;
    /// Lets a paused request go on.
    fn resume_request(&self) -> Result<(), HostError>;
    /// Lets a paused response go on.
    fn resume_response(&self) -> Result<(), HostError>;
    /// Makes the following calls mean this stream, in a callback that came to the root context.
    fn enter_stream(&self, context: u32) -> Result<(), HostError>;
}

/// All of it.
pub trait Host:
    Headers
    + Buffers
    + Properties
    + SharedData
    + Clock
    + Timer
    + Random
    + Log
    + Metrics
    + Callouts
    + StreamControl
{
}

impl<T> Host for T where
    T: Headers
        + Buffers
        + Properties
        + SharedData
        + Clock
        + Timer
        + Random
        + Log
        + Metrics
        + Callouts
        + StreamControl
{
}
