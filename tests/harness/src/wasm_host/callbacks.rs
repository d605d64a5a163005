//! The callbacks of a stream and its end (proxy-wasm-cpp-host `src/context.cc`).

use std::sync::Arc;

use super::error::Failed;
use super::header_map::HeaderMap;
use super::state::{Access, Deferred};
use super::stream::Stream;
use super::vm::Vm;

/// Whether a filter lets headers, data or trailers pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// On to the next filter.
    Continue,
    /// Nothing passes until the stream is continued.
    Stop,
    /// Data only: what came is kept, and the next data callback sees all of it.
    Buffer,
    /// Data only: what came is dropped.
    Discard,
}

/// What a callback came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Its return value, as Envoy takes it.
    pub flow: Flow,
    /// What it asked for, in order.
    pub actions: Vec<Deferred>,
}

impl Vm {
    /// Makes a stream context of the configuration in force and calls `proxy_on_context_create`.
    ///
    /// A trap there shows in the next callback.
    pub fn create_stream(&mut self, stream: &mut Box<Stream>) -> u32 {
        let root = self.root();
        let plugin = self
            .store
            .data()
            .context(root)
            .map(|c| Arc::clone(&c.plugin));
        let plugin = plugin.unwrap_or_else(|| Arc::clone(&self.store.data().plugin));
        let id = self.add_context(root, plugin);
        let exports = Arc::clone(&self.exports);
        let create = exports.on_context_create.as_ref();
        // The failure is kept by the VM.
        let _ = self.on_stream(
            id,
            stream,
            |_| {},
            |vm| vm.call("proxy_on_context_create", create, id, (id, root)),
        );
        id
    }

    /// `proxy_on_request_headers`.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn on_request_headers(
        &mut self,
        context: u32,
        stream: &mut Box<Stream>,
        end_of_stream: bool,
    ) -> Result<Verdict, Failed> {
        let count = word(stream.request_headers.len());
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_request_headers.as_ref();
        let old = exports.on_request_headers_0_1_0.as_ref();
        let open = |access: &mut Access| {
            access.request_headers = true;
            access.request_ended = end_of_stream;
        };
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_request_headers";
            if old.is_some() {
                return vm.call(name, old, context, (context, count));
            }
            let parameters = (context, count, end_of_stream.into());
            vm.call(name, callback, context, parameters)
        })?;
        let flow = self.headers_flow(status);
        Ok(self.verdict(context, flow, |access| access.request_headers = false))
    }

    /// `proxy_on_request_body`; `stream.request_body` is what it sees.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn on_request_body(
        &mut self,
        context: u32,
        stream: &mut Box<Stream>,
        end_of_stream: bool,
    ) -> Result<Verdict, Failed> {
        let size = word(stream.request_body.len());
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_request_body.as_ref();
        let open = |access: &mut Access| {
            access.request_body = true;
            access.request_ended = end_of_stream;
        };
        let status = self.on_stream(context, stream, open, |vm| {
            let parameters = (context, size, end_of_stream.into());
            vm.call("proxy_on_request_body", callback, context, parameters)
        })?;
        let flow = self.data_flow(status);
        Ok(self.verdict(context, flow, |access| access.request_body = false))
    }

    /// `proxy_on_request_trailers`.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn on_request_trailers(
        &mut self,
        context: u32,
        stream: &mut Box<Stream>,
    ) -> Result<Verdict, Failed> {
        let count = word(stream.request_trailers.as_ref().map_or(0, HeaderMap::len));
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_request_trailers.as_ref();
        let open = |access: &mut Access| access.request_trailers = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_request_trailers";
            vm.call(name, callback, context, (context, count))
        })?;
        let flow = self.trailers_flow(status);
        Ok(self.verdict(context, flow, |access| access.request_trailers = false))
    }

    /// `proxy_on_response_headers`.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn on_response_headers(
        &mut self,
        context: u32,
        stream: &mut Box<Stream>,
        end_of_stream: bool,
    ) -> Result<Verdict, Failed> {
        let count = word(stream.response_headers.len());
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_response_headers.as_ref();
        let old = exports.on_response_headers_0_1_0.as_ref();
        let open = |access: &mut Access| access.response_headers = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_response_headers";
            if old.is_some() {
                return vm.call(name, old, context, (context, count));
            }
            let parameters = (context, count, end_of_stream.into());
            vm.call(name, callback, context, parameters)
        })?;
        let flow = self.headers_flow(status);
        Ok(self.verdict(context, flow, |access| access.response_headers = false))
    }

    /// `proxy_on_response_body`; `stream.response_body` is what it sees.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn on_response_body(
        &mut self,
        context: u32,
        stream: &mut Box<Stream>,
        end_of_stream: bool,
    ) -> Result<Verdict, Failed> {
        let size = word(stream.response_body.len());
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_response_body.as_ref();
        let open = |access: &mut Access| access.response_body = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let parameters = (context, size, end_of_stream.into());
            vm.call("proxy_on_response_body", callback, context, parameters)
        })?;
        let flow = self.data_flow(status);
        Ok(self.verdict(context, flow, |access| access.response_body = false))
    }

    /// `proxy_on_response_trailers`.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn on_response_trailers(
        &mut self,
        context: u32,
        stream: &mut Box<Stream>,
    ) -> Result<Verdict, Failed> {
        let count = word(stream.response_trailers.as_ref().map_or(0, HeaderMap::len));
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_response_trailers.as_ref();
        let open = |access: &mut Access| access.response_trailers = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_response_trailers";
            vm.call(name, callback, context, (context, count))
        })?;
        let flow = self.trailers_flow(status);
        Ok(self.verdict(context, flow, |access| access.response_trailers = false))
    }

    /// `proxy_on_log`, in which all maps can be read.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn on_log(&mut self, context: u32, stream: &mut Box<Stream>) -> Result<(), Failed> {
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_log.as_ref();
        let open = |access: &mut Access| {
            *access = Access {
                log: true,
                ..Access::default()
            };
        };
        let logged = self.on_stream(context, stream, open, |vm| {
            vm.call("proxy_on_log", callback, context, context)
        });
        self.access(context, |access| *access = Access::default());
        logged.map(|_| ())
    }

    /// `proxy_on_done` and `proxy_on_delete`; the context is gone afterwards.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn end_stream(&mut self, context: u32, stream: &mut Box<Stream>) -> Result<(), Failed> {
        let exports = Arc::clone(&self.exports);
        let done = exports.on_done.as_ref();
        let delete = exports.on_delete.as_ref();
        let ended = self.on_stream(
            context,
            stream,
            |_| {},
            |vm| {
                // Envoy deletes a stream whatever `on_done` answers.
                vm.call("proxy_on_done", done, context, context)?;
                vm.call("proxy_on_delete", delete, context, context)
            },
        );
        self.store.data_mut().deferred.clear();
        self.remove_context(context);
        ended.map(|_| ())
    }

    /// Runs with the stream in the store, as the one that hostcalls of `context` act on.
    pub(crate) fn on_stream<T>(
        &mut self,
        context: u32,
        stream: &mut Box<Stream>,
        open: impl FnOnce(&mut Access),
        run: impl FnOnce(&mut Self) -> T,
    ) -> T {
        std::mem::swap(&mut self.store.data_mut().stream, stream);
        self.access(context, open);
        let result = run(self);
        std::mem::swap(&mut self.store.data_mut().stream, stream);
        result
    }

    fn access(&mut self, context: u32, change: impl FnOnce(&mut Access)) {
        if let Some(context) = self.store.data_mut().context_mut(context) {
            change(&mut context.access);
        }
    }

    /// `convertVmCallResultToFilterHeadersStatus`: `StopIteration` stops everything, and
    /// `ContinueAndEndStream` (2) is not mapped.
    fn headers_flow(&self, status: Option<u32>) -> Flow {
        match status.unwrap_or(0) {
            _ if self.store.data().stop_iteration => Flow::Stop,
            0 | 2 => Flow::Continue,
            _ => Flow::Stop,
        }
    }

    fn data_flow(&self, status: Option<u32>) -> Flow {
        match status.unwrap_or(0) {
            _ if self.store.data().stop_iteration => Flow::Discard,
            0 => Flow::Continue,
            1 => Flow::Buffer,
            2 => Flow::Stop,
            _ => Flow::Discard,
        }
    }

    fn trailers_flow(&self, status: Option<u32>) -> Flow {
        match status.unwrap_or(0) {
            0 if !self.store.data().stop_iteration => Flow::Continue,
            _ => Flow::Stop,
        }
    }

    /// What passed on can no longer be reached.
    fn verdict(&mut self, context: u32, flow: Flow, close: impl FnOnce(&mut Access)) -> Verdict {
        if flow == Flow::Continue {
            self.access(context, close);
        }
        Verdict {
            flow,
            actions: std::mem::take(&mut self.store.data_mut().deferred),
        }
    }
}

pub(crate) fn word(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}
