//! A response back through the filters, bodies and trailers of either direction, and the end.

use crate::exchange::Direction;
use crate::wasm_host::{Flow, LocalReply};

use super::envoy::Error;
use super::filter_chain::Run;
use super::local_reply::plain;
use super::response::Response;
use super::waiting::{Step, Way};

/// Envoy Gateway's connection buffer limit: what a filter may hold of a body.
const BUFFER_LIMIT: usize = 32 * 1024;

/// What a filter let through of a body, or its reply.
pub(super) type Passed = Result<Vec<Vec<u8>>, LocalReply>;

impl Run<'_> {
    /// Passes the response through the filters that saw the request, last first, and returns the
    /// body for the client, or `None` if it was cut off.
    pub(super) fn response(&mut self, response: Response) -> Result<Option<Vec<u8>>, Error> {
        let filters = self.reverse();
        let mut chunks = self.show(response);
        let end_of_stream = chunks.is_empty() && self.stream.response_trailers.is_none();
        for (filter, context) in filters.iter().copied() {
            let before = self.watched(Direction::Response);
            let verdict = self.call(filter, |vm, stream| {
                vm.on_response_headers(context, stream, end_of_stream)
            });
            let step = self.settle(filter, Way::Response, verdict)?;
            self.passed(filter, Direction::Response, before, &step);
            if let Step::Reply(reply) = step {
                // Sent directly: no filter sees this one.
                let direct = self.local(&reply);
                return Ok(Some(self.show(direct).concat()));
            }
        }
        self.stream.info.bytes_sent = chunks.iter().map(Vec::len).sum();
        for (filter, _) in filters {
            match self.pass_body(filter, Way::Response, chunks)? {
                Ok(passed) => chunks = passed,
                Err(_) => return Ok(self.cut_off(filter)),
            }
            if self.stream.response_trailers.is_some()
                && self.pass_trailers(filter, Way::Response)?.is_some()
            {
                return Ok(self.cut_off(filter));
            }
        }
        let body = chunks.concat();
        self.stream.info.bytes_sent = body.len();
        Ok(Some(body))
    }

    /// The headers are with the client already, so all that is left is to reset.
    fn cut_off(&mut self, filter: usize) -> Option<Vec<u8>> {
        let filter = self.name(filter).to_owned();
        self.why
            .push(format!("{filter} replied after the headers: reset"));
        None
    }

    /// Makes a response the one that filters see; returns its body.
    fn show(&mut self, response: Response) -> Vec<Vec<u8>> {
        self.stream.response_headers = response.headers;
        self.stream.response_trailers = response.trailers;
        self.stream.info.response = Some(response.info);
        response.chunks
    }

    /// Filters with a context, last first.
    fn reverse(&self) -> Vec<(usize, u32)> {
        let contexts = self.contexts.iter().enumerate().rev();
        contexts
            .filter_map(|(filter, context)| Some((filter, (*context)?)))
            .collect()
    }

    /// Passes a body through one filter: what it lets through, or its reply.
    pub(super) fn pass_body(
        &mut self,
        filter: usize,
        way: Way,
        chunks: Vec<Vec<u8>>,
    ) -> Result<Passed, Error> {
        let trailers = match way {
            Way::Request => self.stream.request_trailers.is_some(),
            Way::Response => self.stream.response_trailers.is_some(),
        };
        let mut held = Vec::new();
        let mut passed = Vec::new();
        let count = chunks.len();
        for (place, chunk) in chunks.into_iter().enumerate() {
            let last = place + 1 == count;
            held.extend(chunk);
            let step = self.body_callback(filter, way, &mut held, last && !trailers)?;
            let step = match step {
                Step::Held(Flow::Discard) => {
                    held.clear();
                    Step::Held(Flow::Discard)
                }
                Step::Held(Flow::Buffer) if held.len() > BUFFER_LIMIT => {
                    Step::Reply(too_large(way))
                }
                step => step,
            };
            let step = match step {
                Step::Held(_) if last && !trailers => self.wait(filter, way)?,
                step => step,
            };
            match step {
                Step::Reply(reply) => return Ok(Err(reply)),
                Step::Next => passed.push(std::mem::take(&mut held)),
                Step::Held(_) => {}
            }
        }
        if !held.is_empty() {
            // Trailers end the body of a filter that holds it.
            passed.push(held);
        }
        Ok(Ok(passed))
    }

    /// Lends `body` to the filter for one data callback.
    fn body_callback(
        &mut self,
        filter: usize,
        way: Way,
        body: &mut Vec<u8>,
        end_of_stream: bool,
    ) -> Result<Step, Error> {
        let context = self.create(filter);
        let lent = std::mem::take(body);
        let verdict = match way {
            Way::Request => {
                self.stream.request_body = lent;
                self.call(filter, |vm, stream| {
                    vm.on_request_body(context, stream, end_of_stream)
                })
            }
            Way::Response => {
                self.stream.response_body = lent;
                self.call(filter, |vm, stream| {
                    vm.on_response_body(context, stream, end_of_stream)
                })
            }
        };
        *body = match way {
            Way::Request => std::mem::take(&mut self.stream.request_body),
            Way::Response => std::mem::take(&mut self.stream.response_body),
        };
        self.judge(filter, way, verdict)
    }

    /// Passes trailers through one filter; its reply, if it makes one.
    pub(super) fn pass_trailers(
        &mut self,
        filter: usize,
        way: Way,
    ) -> Result<Option<LocalReply>, Error> {
        let context = self.create(filter);
        let verdict = self.call(filter, |vm, stream| match way {
            Way::Request => vm.on_request_trailers(context, stream),
            Way::Response => vm.on_response_trailers(context, stream),
        });
        match self.settle(filter, way, verdict)? {
            Step::Reply(reply) => Ok(Some(reply)),
            Step::Next | Step::Held(_) => Ok(None),
        }
    }

    /// `on_log` for every filter of the chain, in order and with a fresh context where a filter
    /// never ran; then `on_done` and delete; then what is left of calls.
    pub(super) fn finish(&mut self) {
        for filter in 0..self.contexts.len() {
            let context = self.create(filter);
            // A VM that fails here is dead from the next request on.
            let _ = self.call(filter, |vm, stream| vm.on_log(context, stream));
        }
        for filter in 0..self.contexts.len() {
            let context = self.create(filter);
            let _ = self.call(filter, |vm, stream| vm.end_stream(context, stream));
        }
        self.contexts.clear();
        self.settle_calls();
    }
}

/// What Envoy answers when a filter holds more than the buffer limit.
fn too_large(way: Way) -> LocalReply {
    let (status, text, details) = match way {
        Way::Request => (413, "Payload Too Large", "request_payload_too_large"),
        Way::Response => (500, "Internal Server Error", "response_payload_too_large"),
    };
    LocalReply {
        body: text.into(),
        ..plain(status, details)
    }
}
