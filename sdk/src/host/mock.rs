//! A proxy in memory, for tests of filters without Wasm.

use super::{
    BufferType, Buffers, Callouts, Clock, GrpcCall, Headers, HostError, HttpCall, Log, LogLevel,
    MapType, MetricType, Metrics, Pairs, Properties, Random, SharedData, Status, StreamControl,
    Timer,
};
use crate::reply::Reply;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

type Entries = Vec<(Vec<u8>, Vec<u8>)>;
type Shared = BTreeMap<Vec<u8>, (Vec<u8>, u32)>;

/// Keeps what a filter reads and writes. All fields may be set and looked at by the test.
///
/// ```
/// use gateway_filter_sdk::host::{Headers, MapType, mock::MockHost};
/// let host = MockHost::default().request([(":path", "/"), ("x-user", "a")]);
/// host.set_header(MapType::RequestHeaders, b"x-user", b"b").unwrap();
/// assert_eq!(host.header(MapType::RequestHeaders, "x-user"), Some("b".to_owned()));
/// ```
#[derive(Debug, Default)]
pub struct MockHost {
    /// The period of the timer.
    pub tick: Cell<Duration>,
    /// The header maps.
    pub maps: RefCell<BTreeMap<MapType, Entries>>,
    /// The buffers.
    pub buffers: RefCell<BTreeMap<BufferType, Vec<u8>>>,
    /// Attributes, their path joined by dots, and filter state as `wasm.<name>`.
    pub properties: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Shared data: value and CAS number.
    pub shared: RefCell<Shared>,
    /// The time, nanoseconds since 1970.
    pub time: Cell<u64>,
    /// What [`Random::draw`] gives.
    pub drawn: Cell<u64>,
    /// The log.
    pub logs: RefCell<Vec<(LogLevel, String)>>,
    /// Metrics by name; the id is the position.
    pub metrics: RefCell<Vec<(String, i64)>>,
    /// Calls: cluster and body or message. The number of a call is its position.
    pub calls: RefCell<Vec<(String, Vec<u8>)>>,
    /// The first reply that was sent.
    pub reply: RefCell<Option<Reply>>,
    /// Foreign functions that were called.
    pub foreign_calls: RefCell<Vec<String>>,
    /// Whether a paused request was resumed.
    pub resumed: Cell<bool>,
    /// Hostcalls that fail: `proxy_get_property`, `proxy_get_shared_data`, `proxy_set_shared_data`,
    /// `proxy_get_current_time_nanoseconds`, `proxy_replace_header_map_value`.
    pub failing: RefCell<BTreeSet<&'static str>>,
}

impl MockHost {
    /// Sets the request headers, pseudo-headers among them.
    #[must_use]
    pub fn request<'a>(self, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.map(MapType::RequestHeaders, entries)
    }

    /// Sets the response headers, `:status` among them.
    #[must_use]
    pub fn response<'a>(self, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        self.map(MapType::ResponseHeaders, entries)
    }

    /// Sets an attribute, its path joined by dots.
    #[must_use]
    pub fn attribute(self, path: &str, value: impl Into<Vec<u8>>) -> Self {
        self.properties
            .borrow_mut()
            .insert(path.to_owned(), value.into());
        self
    }

    /// The values of a header, joined by commas; lossy where they are not UTF-8.
    pub fn header(&self, map: MapType, name: &str) -> Option<String> {
        let maps = self.maps.borrow();
        let values = maps
            .get(&map)?
            .iter()
            .filter(|entry| entry.0 == name.as_bytes());
        let values: Vec<_> = values
            .map(|entry| String::from_utf8_lossy(&entry.1).into_owned())
            .collect();
        (!values.is_empty()).then(|| values.join(","))
    }

    fn map<'a>(self, map: MapType, entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let entries = entries
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        self.maps.borrow_mut().insert(map, entries);
        self
    }

    fn check(&self, call: &'static str) -> Result<(), HostError> {
        match self.failing.borrow().contains(call) {
            true => Err(HostError::Status {
                call,
                status: Status::BAD_ARGUMENT,
            }),
            false => Ok(()),
        }
    }

    fn change(&self, map: MapType, change: impl FnOnce(&mut Entries)) -> Result<(), HostError> {
        let call = "header map";
        let missing = HostError::Status {
            call,
            status: Status::BAD_ARGUMENT,
        };
        self.maps
            .borrow_mut()
            .get_mut(&map)
            .map(change)
            .ok_or(missing)
    }
}

impl Headers for MockHost {
    fn pairs(&self, map: MapType) -> Result<Pairs, HostError> {
        let maps = self.maps.borrow();
        let entries = maps.get(&map).map(Vec::as_slice).unwrap_or_default();
        Ok(Pairs::encode(
            entries.iter().map(|entry| (&entry.0[..], &entry.1[..])),
        ))
    }

    fn set_header(&self, map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.check("proxy_replace_header_map_value")?;
        self.change(map, |entries| {
            let first = entries
                .iter()
                .position(|entry| entry.0 == name)
                .unwrap_or(entries.len());
            entries.retain(|entry| entry.0 != name);
            entries.insert(first.min(entries.len()), (name.into(), value.into()));
        })
    }

    fn add_header(&self, map: MapType, name: &[u8], value: &[u8]) -> Result<(), HostError> {
        self.change(map, |entries| entries.push((name.into(), value.into())))
    }

    fn remove_header(&self, map: MapType, name: &[u8]) -> Result<(), HostError> {
        self.change(map, |entries| entries.retain(|entry| entry.0 != name))
    }
}

impl Buffers for MockHost {
    fn buffer(&self, kind: BufferType, start: usize, length: usize) -> Result<Vec<u8>, HostError> {
        let buffers = self.buffers.borrow();
        let bytes = buffers.get(&kind).map(Vec::as_slice).unwrap_or_default();
        Ok(bytes.iter().skip(start).take(length).copied().collect())
    }

    fn set_buffer(
        &self,
        kind: BufferType,
        start: usize,
        length: usize,
        value: &[u8],
    ) -> Result<(), HostError> {
        let mut buffers = self.buffers.borrow_mut();
        let bytes = buffers.entry(kind).or_default();
        let start = start.min(bytes.len());
        let end = start.saturating_add(length).min(bytes.len());
        bytes.splice(start..end, value.iter().copied());
        Ok(())
    }
}

impl Properties for MockHost {
    fn property(&self, path: &[&str]) -> Result<Option<Vec<u8>>, HostError> {
        self.check("proxy_get_property")?;
        let properties = self.properties.borrow();
        let path = path.join(".");
        // Envoy looks for an attribute first, then for filter state `wasm.<path>`.
        let state = format!("wasm.{path}");
        Ok(properties
            .get(&path)
            .or_else(|| properties.get(&state))
            .cloned())
    }

    fn set_property(&self, name: &str, value: &[u8]) -> Result<(), HostError> {
        self.properties
            .borrow_mut()
            .insert(format!("wasm.{name}"), value.into());
        Ok(())
    }

    fn call_foreign(&self, name: &str, _argument: &[u8]) -> Result<Vec<u8>, HostError> {
        self.foreign_calls.borrow_mut().push(name.to_owned());
        Ok(Vec::new())
    }
}

impl SharedData for MockHost {
    fn shared(&self, key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError> {
        self.check("proxy_get_shared_data")?;
        Ok(self.shared.borrow().get(key).cloned())
    }

    fn set_shared(&self, key: &[u8], value: &[u8], cas: u32) -> Result<(), HostError> {
        let call = "proxy_set_shared_data";
        self.check(call)?;
        let mut shared = self.shared.borrow_mut();
        let held = shared.get(key).map_or(0, |(_, held)| *held);
        if held != 0 && cas != 0 && cas != held {
            return Err(HostError::Status {
                call,
                status: Status::CAS_MISMATCH,
            });
        }
        shared.insert(key.into(), (value.into(), held.wrapping_add(1).max(1)));
        Ok(())
    }
}

impl Clock for MockHost {
    fn now(&self) -> Result<u64, HostError> {
        self.check("proxy_get_current_time_nanoseconds")?;
        Ok(self.time.get())
    }
}

impl Timer for MockHost {
    fn set_tick(&self, period: Duration) -> Result<(), HostError> {
        self.tick.set(period);
        Ok(())
    }
}

impl Random for MockHost {
    fn draw(&self) -> u64 {
        self.drawn.get()
    }
}

impl Log for MockHost {
    fn log(&self, level: LogLevel, message: &str) {
        self.logs.borrow_mut().push((level, message.to_owned()));
    }
}

impl Metrics for MockHost {
    fn define_metric(&self, _kind: MetricType, name: &str) -> Result<u32, HostError> {
        let mut metrics = self.metrics.borrow_mut();
        let at = metrics
            .iter()
            .position(|metric| metric.0 == name)
            .unwrap_or_else(|| {
                metrics.push((name.to_owned(), 0));
                metrics.len().saturating_sub(1)
            });
        Ok(u32::try_from(at).unwrap_or(u32::MAX))
    }

    fn increment_metric(&self, id: u32, by: i64) -> Result<(), HostError> {
        if let Some(metric) = self.metrics.borrow_mut().get_mut(id as usize) {
            metric.1 = metric.1.saturating_add(by);
        }
        Ok(())
    }

    fn record_metric(&self, id: u32, value: u64) -> Result<(), HostError> {
        if let Some(metric) = self.metrics.borrow_mut().get_mut(id as usize) {
            metric.1 = i64::try_from(value).unwrap_or(i64::MAX);
        }
        Ok(())
    }
}

impl MockHost {
    fn called(&self, cluster: &str, body: &[u8]) -> Result<u32, HostError> {
        let mut calls = self.calls.borrow_mut();
        calls.push((cluster.to_owned(), body.to_vec()));
        Ok(u32::try_from(calls.len().saturating_sub(1)).unwrap_or(u32::MAX))
    }
}

impl Callouts for MockHost {
    fn http_call(&self, call: &HttpCall) -> Result<u32, HostError> {
        self.called(call.cluster, call.body)
    }

    fn grpc_call(&self, call: &GrpcCall) -> Result<u32, HostError> {
        self.called(call.cluster, call.message)
    }
}

impl StreamControl for MockHost {
    fn send_reply(&self, reply: &Reply) -> Result<(), HostError> {
        // Envoy drops a second one without an error.
        self.reply.borrow_mut().get_or_insert_with(|| reply.clone());
        Ok(())
    }

    fn resume_request(&self) -> Result<(), HostError> {
        self.resumed.set(true);
        Ok(())
    }

    fn resume_response(&self) -> Result<(), HostError> {
        self.resumed.set(true);
        Ok(())
    }

    fn enter_stream(&self, _context: u32) -> Result<(), HostError> {
        Ok(())
    }
}
