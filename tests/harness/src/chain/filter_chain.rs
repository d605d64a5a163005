//! One request through the filters, the router and the backend (Envoy
//! `source/common/http/filter_manager.cc`, `source/common/router/router.cc`).

use std::collections::VecDeque;
use std::sync::Arc;

use crate::exchange::{
    Answer, Direction, Exchange, Headers, Passage, Protocol, Seen, may_have_body,
};
use crate::model::RouteAction;
use crate::wasm_host::{Callout, HeaderMap, LocalReply, MapKind, Stream};

use super::connection::accept;
use super::echo;
use super::envoy::{Config, Error, Worker};
use super::local_reply::{self, ReplyTo, plain};
use super::response::Response;
use super::response_path::Passed;
use super::router::{Match, Router};
use super::waiting::{Step, Way};

/// A request and what has become of it so far.
pub(super) struct Run<'a> {
    pub(super) worker: &'a mut Worker,
    pub(super) config: &'a Config,
    router: &'a Router,
    pub(super) exchange: &'a Exchange,
    pub(super) stream: Box<Stream>,
    route: Option<Match<'a>>,
    /// The stream context of each filter that runs; `None` until its first callback.
    pub(super) contexts: Vec<Option<u32>>,
    /// Calls that are not answered yet, with the filter that made them.
    pub(super) calls: VecDeque<(usize, Callout)>,
    /// Filters that failed on this stream: each answers for it once.
    pub(super) failed: Vec<usize>,
    pub(super) why: Vec<String>,
    pub(super) seen: Option<Seen>,
    pub(super) passages: Vec<Passage>,
}

pub(super) fn run(worker: &mut Worker, exchange: &Exchange) -> Result<Answer, Error> {
    let config = Arc::clone(&worker.config);
    let router = config.routers.get(&exchange.port);
    let router = router.ok_or(Error::NoListener(exchange.port))?;
    worker.connections += 1;
    let id = request_id(&mut worker.random);
    let mut incoming = accept(exchange, config.admission, router, worker.connections, &id);
    for name in &router.removed_request_headers {
        let name = name.to_ascii_lowercase();
        incoming.stream.request_headers.remove(name.as_bytes());
    }
    incoming.stream.info.start = worker.process.clock().now();
    let mut run = Run {
        worker,
        config: &config,
        router,
        exchange,
        stream: incoming.stream,
        route: None,
        contexts: Vec::new(),
        calls: VecDeque::new(),
        failed: Vec::new(),
        why: Vec::new(),
        seen: None,
        passages: Vec::new(),
    };
    run.drain_queues();
    let body = run.both_ways(incoming.refused, incoming.chunks);
    // A stream that a filter left without answer ends too.
    run.finish();
    Ok(run.answer(body?))
}

impl<'a> Run<'a> {
    fn both_ways(
        &mut self,
        refused: Option<LocalReply>,
        chunks: Vec<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let response = match refused {
            Some(reply) => self.local(&reply),
            None => self.request(chunks)?,
        };
        self.response(response)
    }

    /// Everything up to the response.
    fn request(&mut self, chunks: Vec<Vec<u8>>) -> Result<Response, Error> {
        self.resolve_route("first match");
        // Runs for requests without a route too, and before any Wasm filter exists for the stream.
        let (now, headers) = (self.stream.info.start, &mut self.stream.request_headers);
        if let Some(reply) = self.config.jwt.request_headers(headers, now) {
            return Ok(self.local(&reply));
        }
        let Some(first) = self.route else {
            return Ok(self.local(&plain(404, "route_not_found")));
        };
        if first.route.filters_enabled {
            self.contexts = vec![None; self.worker.vms.len()];
        }
        let end_of_stream = chunks.is_empty() && self.stream.request_trailers.is_none();
        if let Some(reply) = self.request_headers(end_of_stream)? {
            return Ok(self.local(&reply));
        }
        if self.stream.route_cleared {
            self.resolve_route("re-match");
        }
        let cluster = match self.forward() {
            Ok(cluster) => cluster,
            Err(reply) => return Ok(self.local(&reply)),
        };
        // What goes upstream is fixed here: body callbacks cannot reach the headers.
        let Some(cluster) = self.config.clusters.get(cluster) else {
            return Ok(self.local(&plain(503, "cluster_not_found")));
        };
        let chunks = match self.request_body(chunks)? {
            Ok(chunks) => chunks,
            Err(reply) => return Ok(self.local(&reply)),
        };
        self.settle_calls();
        let stream = &self.stream;
        let (headers, trailers) = (&stream.request_headers, stream.request_trailers.as_ref());
        let seen = echo::see(cluster, headers, &chunks, trailers, self.exchange);
        let response = echo::answer(&seen, cluster, self.exchange);
        self.stream.info.upstream = self.stream.info.destination;
        self.why.push(format!("forwarded to {}", cluster.name));
        self.seen = Some(seen);
        Ok(response)
    }

    /// Matches the request anew. Until then attributes show the old route.
    fn resolve_route(&mut self, what: &str) {
        self.stream.route_cleared = false;
        self.route = self.router.find(&self.stream.request_headers);
        self.stream.info.route = self.route.map(|found| found.info());
        let name = self.route.map_or("none", |found| &found.route.name);
        self.why.push(format!("{what}: route {name}"));
    }

    fn request_headers(&mut self, end_of_stream: bool) -> Result<Option<LocalReply>, Error> {
        for filter in 0..self.contexts.len() {
            let context = self.create(filter);
            let before = self.watched(Direction::Request);
            let verdict = self.call(filter, |vm, stream| {
                vm.on_request_headers(context, stream, end_of_stream)
            });
            let step = self.settle(filter, Way::Request, verdict)?;
            self.passed(filter, Direction::Request, before, &step);
            if let Step::Reply(reply) = step {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    /// The headers as they are now, if anybody watches.
    pub(super) fn watched(&self, of: Direction) -> Option<Headers> {
        let headers = match of {
            Direction::Request => &self.stream.request_headers,
            Direction::Response => &self.stream.response_headers,
        };
        let owned = |(name, value): (&[u8], &[u8])| (name.to_vec(), value.to_vec());
        self.config
            .watch
            .then(|| headers.iter().map(owned).collect())
    }

    /// Keeps what a filter did to headers that were `before` it, if anybody watches.
    pub(super) fn passed(
        &mut self,
        filter: usize,
        of: Direction,
        before: Option<Headers>,
        step: &Step,
    ) {
        if let Some((before, after)) = before.zip(self.watched(of)) {
            self.passages.push(Passage {
                filter: self.name(filter).to_owned(),
                of,
                before,
                after,
                replied: matches!(step, Step::Reply(_)),
            });
        }
    }

    /// The cluster that the route forwards to, or what is answered instead.
    fn forward(&mut self) -> Result<&'a str, LocalReply> {
        let found = self.route.ok_or_else(|| plain(404, "route_not_found"))?;
        let (cluster, rewrite) = match &found.route.action {
            RouteAction::DirectResponse(status) => {
                return Err(plain((*status).into(), "direct_response"));
            }
            RouteAction::Forward(forward) => (&forward.cluster, &forward.host_rewrite_header),
        };
        let headers = &mut self.stream.request_headers;
        if let Some(name) = rewrite
            && let Some(host) = headers.get(name.as_bytes()).map(<[u8]>::to_vec)
        {
            append_forwarded_host(headers);
            headers.set(b":authority", &host);
        }
        match unsendable(headers) {
            None => Ok(cluster),
            Some(what) => Err(plain(
                503,
                &format!("filter_removed_required_request_headers{{{what}}}"),
            )),
        }
    }

    /// Passes body and trailers through the filters, one after the other.
    fn request_body(&mut self, chunks: Vec<Vec<u8>>) -> Result<Passed, Error> {
        let mut chunks = chunks;
        self.stream.info.bytes_received = chunks.iter().map(Vec::len).sum();
        for filter in 0..self.contexts.len() {
            match self.pass_body(filter, Way::Request, chunks)? {
                Ok(passed) => chunks = passed,
                Err(reply) => return Ok(Err(reply)),
            }
            if self.stream.request_trailers.is_some()
                && let Some(reply) = self.pass_trailers(filter, Way::Request)?
            {
                return Ok(Err(reply));
            }
        }
        Ok(Ok(chunks))
    }

    /// A response made here.
    pub(super) fn local(&mut self, reply: &LocalReply) -> Response {
        self.why
            .push(format!("local reply {} ({})", reply.status, reply.details));
        let headers = &self.stream.request_headers;
        let content_type = headers.get(b"content-type").unwrap_or_default();
        let to = ReplyTo {
            grpc: self.exchange.protocol == Protocol::Grpc
                || content_type.starts_with(b"application/grpc"),
            head: self.exchange.method == "HEAD",
        };
        local_reply::response(reply, to)
    }

    /// What the client gets; `None` is a body that was cut off.
    fn answer(mut self, body: Option<Vec<u8>>) -> Answer {
        let headers = &mut self.stream.response_headers;
        let status = headers.get(b":status").unwrap_or_default();
        let status = String::from_utf8_lossy(status).parse().unwrap_or_default();
        let empty = body.as_ref().is_none_or(Vec::is_empty);
        if self.exchange.protocol == Protocol::Http
            && empty
            && may_have_body(&self.exchange.method, status)
            && headers.get(b"content-length").is_none()
        {
            // The HTTP/1.1 codec frames a response without body by this.
            headers.add(b"content-length", b"0");
        }
        let none = HeaderMap::new(MapKind::Trailers);
        let trailers = self.stream.response_trailers.take().unwrap_or(none);
        Answer {
            status,
            headers: self.stream.response_headers.regular(),
            trailers: trailers.regular(),
            body: body.unwrap_or_default(),
            messages: Vec::new(),
            seen: self.seen,
            why: self.why,
            passages: self.passages,
        }
    }
}

/// `append_x_forwarded_host`: the host before it is rewritten, unless it is the last one there
/// (`Utility::updateAuthority` in `source/common/http/utility.cc`).
fn append_forwarded_host(headers: &mut HeaderMap) {
    let host = headers.get(b":authority").unwrap_or_default().to_vec();
    let present = headers.joined(b"x-forwarded-host");
    let value = match present.as_deref() {
        None | Some(b"") => host,
        Some(present) => {
            let mut hosts = present.split(|byte| *byte == b',');
            if hosts.next_back() == Some(&host) {
                return;
            }
            [present, b",", &host].concat()
        }
    };
    headers.set(b"x-forwarded-host", &value);
}

/// What makes the router refuse request headers that filters left behind.
fn unsendable(headers: &HeaderMap) -> Option<String> {
    for name in [":method", ":path", ":authority"] {
        if headers.get(name.as_bytes()).is_none_or(<[u8]>::is_empty) {
            return Some(name.to_owned());
        }
    }
    let wrong = |(name, value): &(&[u8], &[u8])| {
        let name = name.strip_prefix(b":").unwrap_or(name);
        let token = |b: &u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b);
        name.is_empty() || !name.iter().all(token) || value.iter().any(|b| b"\0\r\n".contains(b))
    };
    let (name, _) = headers.iter().find(wrong)?;
    Some(name.escape_ascii().to_string())
}

/// A version 4 UUID, as Envoy makes them.
fn request_id(random: &mut fastrand::Rng) -> String {
    let bits = (random.u128(..) & !(0xf << 76) & !(0xc << 60)) | (4 << 76) | (8 << 60);
    let hex = format!("{bits:032x}");
    let mut id = String::with_capacity(36);
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    id
}
