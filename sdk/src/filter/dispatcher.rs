//! From a callback of the host to the filter of that request.

use super::{Body, CallAnswer, Flow, HttpFilter, Request, Response};
use crate::host::{BufferType, Host, HostError, LogLevel};
use crate::reply::Reply;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;
use std::cell::RefCell;
use std::rc::Rc;

type Map<V> = RefCell<HashMap<u32, V, FxBuildHasher>>;

/// The contexts of one module. A filter is taken out of its place while it runs, so that a host
/// that calls back in the middle of a hostcall finds nothing borrowed; a callback for a context
/// that is not there is passed over.
pub struct Dispatcher<F: HttpFilter> {
    roots: Map<Option<Rc<F::Config>>>,
    streams: Map<F>,
    calls: Map<u32>,
}

/// `Action` of the ABI.
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

/// Which half of the stream a callback belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Request,
    Response,
}

impl<F: HttpFilter> Default for Dispatcher<F> {
    fn default() -> Self {
        Dispatcher {
            roots: Map::default(),
            streams: Map::default(),
            calls: Map::default(),
        }
    }
}

impl<F: HttpFilter> Dispatcher<F> {
    /// `proxy_on_context_create`: a root context has no parent.
    pub fn on_context_create(&self, context: u32, parent: u32) {
        if parent == 0 {
            self.roots.borrow_mut().insert(context, None);
            return;
        }
        let config = self.roots.borrow().get(&parent).and_then(Clone::clone);
        if let Some(config) = config {
            let filter = F::new(config);
            self.streams.borrow_mut().insert(context, filter);
        }
    }

    /// `proxy_on_configure`: false refuses the configuration.
    pub fn on_configure(&self, host: &dyn Host, root: u32, size: usize) -> bool {
        let text = host
            .buffer(BufferType::PluginConfiguration, 0, size)
            .unwrap_or_default();
        match F::configure(&text, host) {
            Ok(config) => {
                self.roots.borrow_mut().insert(root, Some(Rc::new(config)));
                true
            }
            Err(error) => {
                host.log(LogLevel::Error, &format!("configuration refused: {error}"));
                false
            }
        }
    }

    /// `proxy_on_request_headers`.
    pub fn on_request_headers(&self, host: &dyn Host, context: u32, end_of_stream: bool) -> u32 {
        let request = Request::new(host, end_of_stream);
        self.run_request(context, &request, |filter| {
            filter.on_request_headers(&request)
        })
    }

    /// `proxy_on_request_body`.
    pub fn on_request_body(
        &self,
        host: &dyn Host,
        context: u32,
        size: usize,
        end_of_stream: bool,
    ) -> u32 {
        self.run(host, context, Phase::Request, |filter| {
            filter.on_request_body(&Body::new(
                host,
                BufferType::RequestBody,
                size,
                end_of_stream,
            ))
        })
    }

    /// `proxy_on_request_trailers`.
    pub fn on_request_trailers(&self, host: &dyn Host, context: u32) -> u32 {
        let request = Request::trailers(host);
        self.run_request(context, &request, |filter| {
            filter.on_request_trailers(&request)
        })
    }

    /// `proxy_on_response_headers`.
    pub fn on_response_headers(&self, host: &dyn Host, context: u32, end_of_stream: bool) -> u32 {
        self.run(host, context, Phase::Response, |filter| {
            filter.on_response_headers(&Response::new(host, end_of_stream))
        })
    }

    /// `proxy_on_response_body`.
    pub fn on_response_body(
        &self,
        host: &dyn Host,
        context: u32,
        size: usize,
        end_of_stream: bool,
    ) -> u32 {
        self.run(host, context, Phase::Response, |filter| {
            filter.on_response_body(&Body::new(
                host,
                BufferType::ResponseBody,
                size,
                end_of_stream,
            ))
        })
    }

    /// `proxy_on_response_trailers`.
    pub fn on_response_trailers(&self, host: &dyn Host, context: u32) -> u32 {
        self.run(host, context, Phase::Response, |filter| {
            filter.on_response_trailers(&Response::trailers(host))
        })
    }

    /// `proxy_on_http_call_response`.
    pub fn on_http_call_response(&self, host: &dyn Host, call: u32, size: usize) {
        let answer = CallAnswer {
            call,
            size,
            grpc_status: 0,
        };
        self.answered(host, answer, F::on_http_call_response);
    }

    /// `proxy_on_grpc_receive` and `proxy_on_grpc_close`: a unary call gets one of them.
    pub fn on_grpc_response(&self, host: &dyn Host, call: u32, size: usize, grpc_status: u32) {
        let answer = CallAnswer {
            call,
            size,
            grpc_status,
        };
        self.answered(host, answer, F::on_grpc_response);
    }

    /// `proxy_on_tick`.
    pub fn on_tick(&self, host: &dyn Host, root: u32) {
        let config = self.roots.borrow().get(&root).and_then(Clone::clone);
        if let Some(config) = config {
            F::on_tick(&config, host);
        }
    }

    /// `proxy_on_log`.
    pub fn on_log(&self, host: &dyn Host, context: u32) {
        if let Some(mut filter) = self.take(context) {
            filter.on_log(&Request::new(host, true));
            self.streams.borrow_mut().insert(context, filter);
        }
    }

    /// `proxy_on_delete`.
    pub fn on_delete(&self, context: u32) {
        self.streams.borrow_mut().remove(&context);
        self.roots.borrow_mut().remove(&context);
        self.calls
            .borrow_mut()
            .retain(|_, stream| *stream != context);
    }

    fn take(&self, context: u32) -> Option<F> {
        self.streams.borrow_mut().remove(&context)
    }

    /// Runs a callback that may make calls, and remembers whose they are.
    fn run_request(
        &self,
        context: u32,
        request: &Request,
        callback: impl FnOnce(&mut F) -> Result<Flow, HostError>,
    ) -> u32 {
        let callback = |filter: &mut F| match callback(filter)? {
            Flow::Reroute if request.reroutes_by_itself() => Ok(Flow::Continue),
            flow => Ok(flow),
        };
        let action = self.run(request.host(), context, Phase::Request, callback);
        self.calls
            .borrow_mut()
            .extend(request.take_calls().into_iter().map(|call| (call, context)));
        action
    }

    fn run(
        &self,
        host: &dyn Host,
        context: u32,
        phase: Phase,
        callback: impl FnOnce(&mut F) -> Result<Flow, HostError>,
    ) -> u32 {
        let Some(mut filter) = self.take(context) else {
            return CONTINUE;
        };
        let flow = callback(&mut filter);
        self.streams.borrow_mut().insert(context, filter);
        carry_out(host, flow, phase)
    }

    /// A call's answer comes to the root context. The request goes on unless the filter pauses it
    /// again.
    fn answered(
        &self,
        host: &dyn Host,
        answer: CallAnswer,
        callback: fn(&mut F, &CallAnswer, &Request) -> Result<Flow, HostError>,
    ) {
        let Some(context) = self.calls.borrow_mut().remove(&answer.call) else {
            return;
        };
        if host.enter_stream(context).is_err() || !self.streams.borrow().contains_key(&context) {
            return;
        }
        let request = Request::new(host, true);
        let action = self.run_request(context, &request, |filter| {
            callback(filter, &answer, &request)
        });
        if action == CONTINUE
            && let Err(error) = host.resume_request()
        {
            host.log(LogLevel::Error, &error.to_string());
        }
    }
}

fn carry_out(host: &dyn Host, flow: Result<Flow, HostError>, phase: Phase) -> u32 {
    match flow.and_then(|flow| act(host, flow)) {
        Ok(action) => action,
        Err(error) => {
            host.log(LogLevel::Error, &error.to_string());
            match phase {
                // Closed: a request that was half changed must not go on.
                Phase::Request => act(host, Flow::Reply(Reply::new(500))).unwrap_or(PAUSE),
                Phase::Response => CONTINUE,
            }
        }
    }
}

fn act(host: &dyn Host, flow: Flow) -> Result<u32, HostError> {
    match flow {
        Flow::Continue => Ok(CONTINUE),
        Flow::Pause => Ok(PAUSE),
        Flow::Reroute => {
            // Hosts older than the function answer NotFound.
            let _ = host.call_foreign("clear_route_cache", &[]);
            Ok(CONTINUE)
        }
        Flow::Reply(reply) => host.send_reply(&reply).map(|()| PAUSE),
    }
}

impl<F: HttpFilter> std::fmt::Debug for Dispatcher<F> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.debug_struct("Dispatcher").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
