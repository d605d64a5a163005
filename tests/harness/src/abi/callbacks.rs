//! The callbacks of a stream, its end, calls' answers, ticks and queues (proxy-wasm-cpp-host
//! `src/context.cc`).

use std::sync::Arc;
use std::time::Duration;

use super::callout::{Callout, CalloutAnswer, CalloutKind};
use super::error::Failed;
use super::header_map::{HeaderMap, MapKind};
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
        let create = self.exports.on_context_create.clone();
        // The failure is kept by the VM.
        let _ = self.on_stream(
            id,
            stream,
            |_| {},
            |vm| vm.call("proxy_on_context_create", create.as_ref(), id, (id, root)),
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
        let callback = self.exports.on_request_headers.clone();
        let old = self.exports.on_request_headers_0_1_0.clone();
        let open = |access: &mut Access| {
            access.request_headers = true;
            access.request_ended = end_of_stream;
        };
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_request_headers";
            if old.is_some() {
                return vm.call(name, old.as_ref(), context, (context, count));
            }
            let parameters = (context, count, end_of_stream.into());
            vm.call(name, callback.as_ref(), context, parameters)
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
        let callback = self.exports.on_request_body.clone();
        let open = |access: &mut Access| {
            access.request_body = true;
            access.request_ended = end_of_stream;
        };
        let status = self.on_stream(context, stream, open, |vm| {
            let parameters = (context, size, end_of_stream.into());
            vm.call(
                "proxy_on_request_body",
                callback.as_ref(),
                context,
                parameters,
            )
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
        let callback = self.exports.on_request_trailers.clone();
        let open = |access: &mut Access| access.request_trailers = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_request_trailers";
            vm.call(name, callback.as_ref(), context, (context, count))
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
        let callback = self.exports.on_response_headers.clone();
        let old = self.exports.on_response_headers_0_1_0.clone();
        let open = |access: &mut Access| access.response_headers = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_response_headers";
            if old.is_some() {
                return vm.call(name, old.as_ref(), context, (context, count));
            }
            let parameters = (context, count, end_of_stream.into());
            vm.call(name, callback.as_ref(), context, parameters)
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
        let callback = self.exports.on_response_body.clone();
        let open = |access: &mut Access| access.response_body = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let parameters = (context, size, end_of_stream.into());
            vm.call(
                "proxy_on_response_body",
                callback.as_ref(),
                context,
                parameters,
            )
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
        let callback = self.exports.on_response_trailers.clone();
        let open = |access: &mut Access| access.response_trailers = true;
        let status = self.on_stream(context, stream, open, |vm| {
            let name = "proxy_on_response_trailers";
            vm.call(name, callback.as_ref(), context, (context, count))
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
        let callback = self.exports.on_log.clone();
        let open = |access: &mut Access| {
            *access = Access {
                log: true,
                ..Access::default()
            };
        };
        let logged = self.on_stream(context, stream, open, |vm| {
            vm.call("proxy_on_log", callback.as_ref(), context, context)
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
        let done = self.exports.on_done.clone();
        let delete = self.exports.on_delete.clone();
        let ended = self.on_stream(
            context,
            stream,
            |_| {},
            |vm| {
                // Envoy deletes a stream whatever `on_done` answers.
                vm.call("proxy_on_done", done.as_ref(), context, context)?;
                vm.call("proxy_on_delete", delete.as_ref(), context, context)
            },
        );
        self.store.data_mut().deferred.clear();
        self.remove_context(context);
        ended.map(|_| ())
    }

    /// Calls made since the last call of this; each must be answered by [`Vm::deliver`].
    pub fn take_callouts(&mut self) -> Vec<Callout> {
        std::mem::take(&mut self.store.data_mut().callouts)
    }

    /// Calls the root context back with what came of a call, and returns what it asked for.
    ///
    /// A call that could not be made, or was not answered in time, comes back as the response that
    /// Envoy makes up for it, and a gRPC call as a status.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn deliver(
        &mut self,
        call: &Callout,
        answer: CalloutAnswer,
        stream: &mut Box<Stream>,
    ) -> Result<Vec<Deferred>, Failed> {
        let delivered = self.on_stream(
            call.root,
            stream,
            |_| {},
            |vm| match &call.kind {
                CalloutKind::Http { .. } => vm.deliver_http(call, answer),
                CalloutKind::Grpc { .. } => vm.deliver_grpc(call, answer),
            },
        );
        self.store.data_mut().call = Default::default();
        delivered.map(|()| std::mem::take(&mut self.store.data_mut().deferred))
    }

    fn deliver_http(&mut self, call: &Callout, answer: CalloutAnswer) -> Result<(), Failed> {
        let (headers, body, trailers) = match answer {
            CalloutAnswer::Http {
                headers,
                body,
                trailers,
            } => (map(MapKind::Response, &headers), body, trailers),
            CalloutAnswer::Silence => made_up(504, "upstream request timeout"),
            _ => made_up(
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: \
                 remote connection failure",
            ),
        };
        let trailers = map(MapKind::Trailers, &trailers);
        let parameters = (
            call.root,
            call.token,
            word(headers.len()),
            word(body.len()),
            word(trailers.len()),
        );
        let data = &mut self.store.data_mut().call;
        data.http_headers = Some(headers);
        data.http_body = Some(body);
        data.http_trailers = (!trailers.is_empty()).then_some(trailers);
        let callback = self.exports.on_http_call_response.clone();
        let name = "proxy_on_http_call_response";
        self.call(name, callback.as_ref(), call.root, parameters)
            .map(|_| ())
    }

    fn deliver_grpc(&mut self, call: &Callout, answer: CalloutAnswer) -> Result<(), Failed> {
        let (code, text) = match answer {
            CalloutAnswer::Grpc(message) => {
                let parameters = (call.root, call.token, word(message.len()));
                self.store.data_mut().call.grpc_message = message;
                let callback = self.exports.on_grpc_receive.clone();
                let name = "proxy_on_grpc_receive";
                return self
                    .call(name, callback.as_ref(), call.root, parameters)
                    .map(|_| ());
            }
            CalloutAnswer::GrpcStatus { code, message } => (code, message),
            CalloutAnswer::Silence => (4, "upstream request timeout".to_owned()),
            CalloutAnswer::Unreachable => (
                14,
                "upstream connect error or disconnect/reset before headers".to_owned(),
            ),
            CalloutAnswer::Http { .. } => (13, "not a gRPC response".to_owned()),
        };
        self.store.data_mut().status = (code, text.into_bytes());
        let callback = self.exports.on_grpc_close.clone();
        let parameters = (call.root, call.token, code);
        self.call(
            "proxy_on_grpc_close",
            callback.as_ref(),
            call.root,
            parameters,
        )
        .map(|_| ())
    }

    /// When the next tick is due, as time since the Unix epoch.
    pub fn next_tick(&self) -> Option<Duration> {
        let contexts = self.store.data().contexts.iter();
        contexts.filter_map(|c| c.tick.map(|(_, due)| due)).min()
    }

    /// Calls `proxy_on_tick` once for each root context whose tick is due, and returns what they
    /// asked of the stream. The timer starts anew when the callback is over.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn tick(&mut self, stream: &mut Box<Stream>) -> Result<Vec<Deferred>, Failed> {
        let process = Arc::clone(&self.store.data().process);
        let now = process.clock().now();
        let contexts = self.store.data().contexts.iter();
        let due = contexts.filter(|c| c.tick.is_some_and(|(_, due)| due <= now));
        let roots: Vec<u32> = due.map(|c| c.id).collect();
        let callback = self.exports.on_tick.clone();
        for root in roots {
            self.on_stream(
                root,
                stream,
                |_| {},
                |vm| vm.call("proxy_on_tick", callback.as_ref(), root, root),
            )?;
            let now = process.clock().now();
            if let Some(context) = self.store.data_mut().context_mut(root) {
                context.tick = context.tick.map(|(period, _)| (period, now + period));
            }
        }
        Ok(std::mem::take(&mut self.store.data_mut().deferred))
    }

    /// Calls `proxy_on_queue_ready` for every item that was put in this VM's queues.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn drain_queues(&mut self) -> Result<(), Failed> {
        let callback = self.exports.on_queue_ready.clone();
        let number = self.store.data().number;
        loop {
            let ready = self.store.data().process.queues().take_ready(number);
            let Some((root, token)) = ready else {
                return Ok(());
            };
            let name = "proxy_on_queue_ready";
            self.call(name, callback.as_ref(), root, (root, token))?;
        }
    }

    /// Runs with the stream in the store, as the one that hostcalls of `context` act on.
    fn on_stream<T>(
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

fn word(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

fn map(kind: MapKind, headers: &crate::exchange::Headers) -> HeaderMap {
    HeaderMap::from_pairs(kind, headers.iter().map(|(n, v)| (&n[..], &v[..])))
}

/// The response that Envoy's async client makes up for a call that failed.
fn made_up(status: u16, text: &str) -> (HeaderMap, Vec<u8>, crate::exchange::Headers) {
    let mut headers = HeaderMap::new(MapKind::Response);
    headers.add(b":status", status.to_string().as_bytes());
    headers.add(b"content-length", text.len().to_string().as_bytes());
    headers.add(b"content-type", b"text/plain");
    (headers, text.into(), Vec::new())
}
