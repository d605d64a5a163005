//! A host that calls back in the middle of every hostcall.

use crate::host::mock::MockHost;
use crate::host::{
    BufferType, Buffers, Callouts, Clock, GrpcCall, Headers, Host, HostError, HttpCall, Log,
    LogLevel, MapType, MetricType, Metrics, Pairs, Properties, Random, SharedData, StreamControl,
    Timer,
};
use crate::reply::Reply;
use std::cell::Cell;
use std::time::Duration;

/// What happens in the middle of the hostcall of that name.
type Meanwhile<'a> = dyn Fn(&str, &dyn Host) + 'a;

/// A [`MockHost`] that does something before each hostcall, but not within what it does there.
pub(super) struct Reentrant<'a> {
    mock: &'a MockHost,
    meanwhile: &'a Meanwhile<'a>,
    within: Cell<bool>,
}

impl<'a> Reentrant<'a> {
    pub(super) fn new(mock: &'a MockHost, meanwhile: &'a Meanwhile<'a>) -> Self {
        let within = Cell::new(false);
        Self {
            mock,
            meanwhile,
            within,
        }
    }

    fn enter(&self, hostcall: &str) {
        if !self.within.replace(true) {
            (self.meanwhile)(hostcall, self);
            self.within.set(false);
        }
    }
}

type Done = Result<(), HostError>;

macro_rules! hostcalls {
    ($($set:ident { $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)* })*) => {$(
        impl $set for Reentrant<'_> {$(
            fn $name(&self, $($argument: $type),*) -> $answer {
                self.enter(stringify!($name));
                self.mock.$name($($argument),*)
            }
        )*}
    )*};
}

hostcalls! {
    Headers {
        pairs(map: MapType) -> Result<Pairs, HostError>;
        set_header(map: MapType, name: &[u8], value: &[u8]) -> Done;
        add_header(map: MapType, name: &[u8], value: &[u8]) -> Done;
        remove_header(map: MapType, name: &[u8]) -> Done;
    }
    Buffers {
        buffer(kind: BufferType, start: usize, length: usize) -> Result<Vec<u8>, HostError>;
        set_buffer(kind: BufferType, start: usize, length: usize, value: &[u8]) -> Done;
    }
    Properties {
        property(path: &[&str]) -> Result<Option<Vec<u8>>, HostError>;
        set_property(name: &str, value: &[u8]) -> Done;
        call_foreign(name: &str, argument: &[u8]) -> Result<Vec<u8>, HostError>;
    }
    SharedData {
        shared(key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError>;
        set_shared(key: &[u8], value: &[u8], cas: u32) -> Done;
    }
    Clock {
        now() -> Result<u64, HostError>;
    }
    Timer {
        set_tick(period: Duration) -> Result<(), HostError>;
    }
    Random {
        draw() -> u64;
    }
    Log {
        log(level: LogLevel, message: &str) -> ();
    }
    Metrics {
        define_metric(kind: MetricType, name: &str) -> Result<u32, HostError>;
        increment_metric(id: u32, by: i64) -> Done;
        record_metric(id: u32, value: u64) -> Done;
    }
    Callouts {
        http_call(call: &HttpCall) -> Result<u32, HostError>;
        grpc_call(call: &GrpcCall) -> Result<u32, HostError>;
    }
    StreamControl {
        send_reply(reply: &Reply) -> Done;
        resume_request() -> Done;
        resume_response() -> Done;
        enter_stream(context: u32) -> Done;
    }
}
