//! Views of a request and a response, in bytes.

use crate::header::HeaderEdit;
use crate::host::{BufferType, GrpcCall, Host, HostError, HttpCall, MapType, Pairs};
use crate::request::RequestHead;
use std::cell::{Cell, OnceCell, RefCell};
use std::net::IpAddr;

/// A request in one of its callbacks. The headers are fetched once, with the first [`head`].
///
/// [`head`]: Request::head
pub struct Request<'h> {
    host: &'h dyn Host,
    map: MapType,
    pairs: OnceCell<Pairs>,
    calls: RefCell<Vec<u32>>,
    is_changed: Cell<bool>,
    end_of_stream: bool,
}

impl<'h> Request<'h> {
    /// A view of the request headers that a host has.
    pub fn new(host: &'h dyn Host, end_of_stream: bool) -> Self {
        let (pairs, calls) = (OnceCell::new(), RefCell::default());
        Request {
            host,
            map: MapType::RequestHeaders,
            pairs,
            calls,
            is_changed: Cell::new(false),
            end_of_stream,
        }
    }

    pub(super) fn trailers(host: &'h dyn Host) -> Self {
        Request {
            map: MapType::RequestTrailers,
            ..Request::new(host, true)
        }
    }

    /// The proxy.
    pub fn host(&self) -> &'h dyn Host {
        self.host
    }

    /// Whether no body follows.
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// The headers as they came in; later changes don't show.
    ///
    /// # Errors
    /// The host has no headers in this phase.
    pub fn head(&self) -> Result<RequestHead<'_>, HostError> {
        let pairs = match self.pairs.get() {
            Some(pairs) => pairs,
            None => {
                let pairs = self.host.pairs(self.map)?;
                self.pairs.get_or_init(|| pairs)
            }
        };
        Ok(RequestHead::new(pairs.iter()))
    }

    /// Replaces all values of a header.
    ///
    /// # Errors
    /// A bad name or value; no headers in this phase.
    pub fn set_header(
        &self,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), HostError> {
        self.changed(
            self.host
                .set_header(self.map, name.as_ref(), value.as_ref()),
        )
    }

    /// Adds a value to a header. See [`crate::host::Headers::add_header`].
    ///
    /// # Errors
    /// As [`Request::set_header`].
    pub fn add_header(
        &self,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), HostError> {
        self.changed(
            self.host
                .add_header(self.map, name.as_ref(), value.as_ref()),
        )
    }

    /// Removes a header.
    ///
    /// # Errors
    /// No headers in this phase.
    pub fn remove_header(&self, name: impl AsRef<[u8]>) -> Result<(), HostError> {
        self.changed(self.host.remove_header(self.map, name.as_ref()))
    }

    /// Changes a header.
    ///
    /// # Errors
    /// As [`Request::set_header`].
    pub fn edit(&self, edit: HeaderEdit) -> Result<(), HostError> {
        self.changed(apply(self.host, self.map, edit))
    }

    fn changed(&self, write: Result<(), HostError>) -> Result<(), HostError> {
        self.is_changed.set(self.is_changed.get() || write.is_ok());
        write
    }

    /// Sends a request to a cluster; its answer comes to [`on_http_call_response`] with the number
    /// that is returned here. Return [`Flow::Pause`] to wait for it.
    ///
    /// # Errors
    /// The cluster is unknown, or `:method`, `:path` or `:authority` is missing.
    ///
    /// [`on_http_call_response`]: super::HttpFilter::on_http_call_response
    /// [`Flow::Pause`]: super::Flow::Pause
    pub fn http_call(&self, call: &HttpCall) -> Result<u32, HostError> {
        let number = self.host.http_call(call)?;
        self.calls.borrow_mut().push(number);
        Ok(number)
    }

    /// Sends a unary gRPC request to a cluster; its answer comes to [`on_grpc_response`] with the
    /// number that is returned here. Return [`Flow::Pause`] to wait for it.
    ///
    /// # Errors
    /// The cluster is unknown.
    ///
    /// [`on_grpc_response`]: super::HttpFilter::on_grpc_response
    /// [`Flow::Pause`]: super::Flow::Pause
    pub fn grpc_call(&self, call: &GrpcCall) -> Result<u32, HostError> {
        let number = self.host.grpc_call(call)?;
        self.calls.borrow_mut().push(number);
        Ok(number)
    }

    /// Whether a header was written: with ABI 0.2.1 Envoy then matches the route anew
    /// (`Context::onHeadersModified` in source/extensions/common/wasm/context.cc).
    pub(super) fn reroutes_by_itself(&self) -> bool {
        self.is_changed.get() && self.map == MapType::RequestHeaders
    }

    pub(super) fn take_calls(&self) -> Vec<u32> {
        self.calls.take()
    }

    /// The address of the TCP peer, or of the client that Envoy detected behind proxies
    /// (`source.address`, which is `ip:port`, an IPv6 address in brackets).
    ///
    /// # Errors
    /// The host cannot answer.
    pub fn source_address(&self) -> Result<Option<IpAddr>, HostError> {
        crate::host::source_address(self.host)
    }
}

/// A response in one of its callbacks.
pub struct Response<'h> {
    host: &'h dyn Host,
    map: MapType,
    end_of_stream: bool,
}

impl<'h> Response<'h> {
    /// A view of the response headers that a host has.
    pub fn new(host: &'h dyn Host, end_of_stream: bool) -> Self {
        Response {
            host,
            map: MapType::ResponseHeaders,
            end_of_stream,
        }
    }

    pub(super) fn trailers(host: &'h dyn Host) -> Self {
        Response {
            map: MapType::ResponseTrailers,
            ..Response::new(host, true)
        }
    }

    /// The proxy.
    pub fn host(&self) -> &'h dyn Host {
        self.host
    }

    /// Whether no body follows.
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// Every header, `:status` among them.
    ///
    /// # Errors
    /// The host has no headers in this phase.
    pub fn headers(&self) -> Result<Pairs, HostError> {
        self.host.pairs(self.map)
    }

    /// Replaces all values of a header.
    ///
    /// # Errors
    /// A bad name or value; no headers in this phase.
    pub fn set_header(
        &self,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), HostError> {
        self.host
            .set_header(self.map, name.as_ref(), value.as_ref())
    }

    /// Adds a value to a header.
    ///
    /// # Errors
    /// As [`Response::set_header`].
    pub fn add_header(
        &self,
        name: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<(), HostError> {
        self.host
            .add_header(self.map, name.as_ref(), value.as_ref())
    }

    /// Removes a header.
    ///
    /// # Errors
    /// No headers in this phase.
    pub fn remove_header(&self, name: impl AsRef<[u8]>) -> Result<(), HostError> {
        self.host.remove_header(self.map, name.as_ref())
    }

    /// Changes a header.
    ///
    /// # Errors
    /// As [`Response::set_header`].
    pub fn edit(&self, edit: HeaderEdit) -> Result<(), HostError> {
        apply(self.host, self.map, edit)
    }
}

fn apply(host: &dyn Host, map: MapType, edit: HeaderEdit) -> Result<(), HostError> {
    match edit {
        HeaderEdit::Set(name, value) => host.set_header(map, name.as_bytes(), &value),
        HeaderEdit::Add(name, value) => host.add_header(map, name.as_bytes(), &value),
        HeaderEdit::Remove(name) => host.remove_header(map, name.as_bytes()),
    }
}

/// A part of a body. After a pause the next part is all that was held back.
pub struct Body<'h> {
    host: &'h dyn Host,
    kind: BufferType,
    size: usize,
    end_of_stream: bool,
}

impl<'h> Body<'h> {
    /// A view of a body buffer of `size` bytes.
    pub fn new(host: &'h dyn Host, kind: BufferType, size: usize, end_of_stream: bool) -> Self {
        Body {
            host,
            kind,
            size,
            end_of_stream,
        }
    }

    /// The proxy.
    pub fn host(&self) -> &'h dyn Host {
        self.host
    }

    /// The size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether this is the last part. Over HTTP/1.1 it is usually empty.
    pub fn end_of_stream(&self) -> bool {
        self.end_of_stream
    }

    /// The bytes.
    ///
    /// # Errors
    /// The host has no body in this phase.
    pub fn bytes(&self) -> Result<Vec<u8>, HostError> {
        self.host.buffer(self.kind, 0, self.size)
    }

    /// Replaces the bytes.
    ///
    /// # Errors
    /// As [`Body::bytes`].
    pub fn replace(&self, bytes: &[u8]) -> Result<(), HostError> {
        self.host.set_buffer(self.kind, 0, self.size, bytes)
    }
}

/// The answer to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallAnswer {
    /// The number that the call was given when it was made.
    pub call: u32,
    /// Size of the body or message in bytes; read it from the host's buffer
    /// ([`BufferType::HttpCallResponseBody`], [`BufferType::GrpcReceive`]).
    pub size: usize,
    /// gRPC: the status that the call ended with, 0 for an answer. HTTP: 0; a call that failed is
    /// answered by Envoy itself with 503 or 504.
    pub grpc_status: u32,
}

macro_rules! opaque_debug {
    ($($view:ident),+) => {$(
        impl std::fmt::Debug for $view<'_> {
            fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.debug_struct(stringify!($view)).finish_non_exhaustive()
            }
        }
    )+};
}
opaque_debug!(Request, Response, Body);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::mock::MockHost;

    #[test]
    fn the_source_address_is_read_with_any_port() {
        for (address, ip) in [
            ("192.0.2.1:1234", Some("192.0.2.1")),
            ("1.2.3.4:0", Some("1.2.3.4")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("2001:db8::1", None),
            ("", None),
        ] {
            let host = MockHost::default().attribute("source.address", address);
            let found = Request::new(&host, true).source_address().unwrap();
            assert_eq!(found, ip.map(|ip| ip.parse().unwrap()), "{address}");
        }
    }
}
