//! Callbacks of the root contexts: answers of calls, ticks and queues (proxy-wasm-cpp-host
//! `src/context.cc`, Envoy `onHttpCallSuccess` and below).

use std::sync::Arc;
use std::time::Duration;

use super::callbacks::word;
use super::callout::{Callout, CalloutAnswer, CalloutKind};
use super::error::Failed;
use super::header_map::{HeaderMap, MapKind};
use super::state::{CallData, Deferred};
use super::stream::Stream;
use super::vm::Vm;
use crate::exchange::Headers;

impl Vm {
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
        self.store.data_mut().call = CallData::default();
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
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_http_call_response.as_ref();
        let name = "proxy_on_http_call_response";
        self.call(name, callback, call.root, parameters).map(|_| ())
    }

    fn deliver_grpc(&mut self, call: &Callout, answer: CalloutAnswer) -> Result<(), Failed> {
        let exports = Arc::clone(&self.exports);
        let (code, text) = match answer {
            CalloutAnswer::Grpc(message) => {
                let parameters = (call.root, call.token, word(message.len()));
                self.store.data_mut().call.grpc_message = message;
                let callback = exports.on_grpc_receive.as_ref();
                let name = "proxy_on_grpc_receive";
                return self.call(name, callback, call.root, parameters).map(|_| ());
            }
            CalloutAnswer::GrpcStatus { code, message } => (code, message),
            // The 504 that Envoy makes up becomes this status.
            CalloutAnswer::Silence => (14, "upstream request timeout".to_owned()),
            CalloutAnswer::Unreachable => (
                14,
                "upstream connect error or disconnect/reset before headers".to_owned(),
            ),
            CalloutAnswer::Http { .. } => (13, "not a gRPC response".to_owned()),
        };
        self.store.data_mut().status = (code, text.into_bytes());
        let callback = exports.on_grpc_close.as_ref();
        let parameters = (call.root, call.token, code);
        self.call("proxy_on_grpc_close", callback, call.root, parameters)
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
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_tick.as_ref();
        for root in roots {
            self.on_stream(
                root,
                stream,
                |_| {},
                |vm| vm.call("proxy_on_tick", callback, root, root),
            )?;
            let now = process.clock().now();
            if let Some(context) = self.store.data_mut().context_mut(root) {
                context.tick = context.tick.map(|(period, _)| (period, now + period));
            }
        }
        Ok(std::mem::take(&mut self.store.data_mut().deferred))
    }

    /// Makes every tick due now.
    pub fn make_ticks_due(&mut self) {
        let data = self.store.data_mut();
        let now = data.process.clock().now();
        for context in data.contexts.iter_mut() {
            context.tick = context.tick.map(|(period, _)| (period, now));
        }
    }

    /// Calls `proxy_on_queue_ready` for every item that was put in this VM's queues.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn drain_queues(&mut self) -> Result<(), Failed> {
        let exports = Arc::clone(&self.exports);
        let callback = exports.on_queue_ready.as_ref();
        let number = self.store.data().number;
        loop {
            let ready = self.store.data().process.queues().take_ready(number);
            let Some((root, token)) = ready else {
                return Ok(());
            };
            let name = "proxy_on_queue_ready";
            self.call(name, callback, root, (root, token))?;
        }
    }

    /// Ends the root contexts that [`Vm::configure`] replaced, as Envoy does once the old listener
    /// is drained: `proxy_on_done` and delete. One that answers false is kept until it has called
    /// `proxy_done`, and ended by a later call of this.
    ///
    /// # Errors
    ///
    /// When the VM has failed.
    pub fn drain(&mut self) -> Result<(), Failed> {
        let in_force = self.root();
        let contexts = self.store.data().contexts.iter();
        let old = contexts.filter(|c| c.root == 0 && c.id != in_force);
        let roots: Vec<u32> = old.map(|c| c.id).collect();
        let exports = Arc::clone(&self.exports);
        for root in roots {
            let state = self.store.data();
            if state.pending_done.contains(&root) {
                continue;
            }
            if !state.done.contains(&root) {
                let done = exports.on_done.as_ref();
                if self.call("proxy_on_done", done, root, root)? == Some(0) {
                    self.store.data_mut().pending_done.push(root);
                    continue;
                }
            }
            let delete = exports.on_delete.as_ref();
            self.call("proxy_on_delete", delete, root, root)?;
            self.store.data_mut().done.retain(|id| *id != root);
            self.remove_context(root);
        }
        Ok(())
    }
}

fn map(kind: MapKind, headers: &Headers) -> HeaderMap {
    HeaderMap::from_pairs(kind, headers.iter().map(|(n, v)| (&n[..], &v[..])))
}

/// The response that Envoy's async client makes up for a call that failed.
fn made_up(status: u16, text: &str) -> (HeaderMap, Vec<u8>, Headers) {
    let mut headers = HeaderMap::new(MapKind::Response);
    headers.add(b":status", status.to_string().as_bytes());
    headers.add(b"content-length", text.len().to_string().as_bytes());
    headers.add(b"content-type", b"text/plain");
    (headers, text.into(), Vec::new())
}
