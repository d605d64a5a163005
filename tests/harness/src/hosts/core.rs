//! The SDK's functions, natively: no module, no proxy.
//!
//! It tells whether a difference lies in the logic or in the glue, and says for the other hosts
//! what the logic decides.

use crate::chain::{Normalized, normalize};
use crate::exchange::{Answer, Exchange, Headers, Protocol, Seen};
use crate::host::{Host, HostError};
use crate::wasm_host::http_to_grpc_status;
use gateway_bundle::{Backend, GatewayBundle};
use gateway_filter_sdk::header::HeaderEdit;
use gateway_filter_sdk::reply::Reply;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::router::{Decision, Outcome, Router};
use std::net::IpAddr;

/// The routing core for one Gateway.
#[derive(Debug)]
pub struct Core {
    router: Router,
    backends: Vec<Backend>,
    random: fastrand::Rng,
}

impl Core {
    /// # Errors
    /// The configuration is refused.
    pub fn new(gateway: &GatewayBundle, seed: u64) -> Result<Self, HostError> {
        let router = Router::try_from(gateway.route_match.clone());
        Ok(Core {
            router: router.map_err(|error| HostError::new(&error))?,
            backends: gateway.backends.clone(),
            random: fastrand::Rng::with_seed(seed),
        })
    }

    /// One line: what is decided on a request, weights aside.
    pub fn explain(&self, exchange: &Exchange) -> String {
        let Normalized::Path(path) = normalize(&exchange.path) else {
            return "the path is answered before any filter runs".into();
        };
        let entries = entries(exchange, &path);
        let mut head = RequestHead::new(borrowed(&entries));
        head.source = Some(client(exchange));
        let Some(listener) = self.router.listener_for(Some(exchange.port), &head.host()) else {
            return format!("no listener on port {} takes the host", exchange.port);
        };
        let decision = self.router.decide(Some(listener), &head, || 0);
        let rule = decision
            .applied
            .map_or("no rule matches", |applied| self.router.route_name(applied));
        let outcome = match decision.outcome {
            Outcome::Reply(reply) => format!("answers {}", reply.status),
            Outcome::Forward { backend, .. } => {
                format!("forwards to {backend} or as the weights say")
            }
        };
        format!("listener {}, {rule}: {outcome}", listener.name())
    }

    fn echo(&self, exchange: &Exchange, head: &RequestHead, decision: &Decision) -> Answer {
        let stated = &exchange.backend_response.headers;
        let given = exchange.backend_response_headers.iter().chain(stated);
        let headers = given.map(|(name, value)| (name.to_lowercase().into(), value.clone().into()));
        let seen = self.seen(exchange, head, decision);
        let stated = seen
            .as_ref()
            .and_then(|seen| exchange.status_of(&seen.service));
        let (status, trailers) = match exchange.protocol {
            Protocol::Grpc => {
                let status = stated.unwrap_or(0).to_string();
                (200, vec![(b"grpc-status".into(), status.into_bytes())])
            }
            Protocol::Http | Protocol::H2c => (stated.unwrap_or(200), Headers::new()),
        };
        Answer {
            status,
            headers: headers.collect(),
            trailers,
            seen,
            body: exchange.backend_response.body.clone().unwrap_or_default(),
            ..Answer::default()
        }
    }

    /// The request as the backend sees it. Routing does not look at bodies.
    fn seen(&self, exchange: &Exchange, head: &RequestHead, decision: &Decision) -> Option<Seen> {
        let Outcome::Forward {
            backend,
            hostname,
            path,
        } = &decision.outcome
        else {
            return None;
        };
        let backend = self
            .backends
            .iter()
            .find(|candidate| candidate.id == *backend)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ordinary = head
            .entries()
            .iter()
            .filter(|entry| !entry.0.starts_with(b":"));
        let mut headers: Headers = ordinary
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect();
        let edits = self.router.request_edits(decision, head);
        let edits = edits.filter(|edit| edit.written().is_none_or(|(name, _)| name != ":path"));
        edits.for_each(|edit| apply(&mut headers, edit));
        Some(Seen {
            namespace: backend.namespace.clone(),
            service: backend.service.clone(),
            method: text(head.method()),
            authority: hostname.map_or_else(|| text(head.authority()), str::to_owned),
            path: text(path.as_deref().unwrap_or(head.target())),
            headers,
            trailers: exchange.trailers.clone(),
            ..Seen::default()
        })
        .map(|seen| seen.with_body(exchange.body.clone()))
    }
}

impl Host for Core {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        let path = match normalize(&exchange.path) {
            Normalized::Path(path) => path,
            Normalized::Redirect(path) => {
                let headers = vec![(b"location".to_vec(), path)];
                return Ok(Answer {
                    status: 307,
                    headers,
                    ..Answer::default()
                });
            }
            Normalized::Invalid => {
                return Ok(Answer {
                    status: 400,
                    ..Answer::default()
                });
            }
        };
        let draw = self.random.u64(..);
        let entries = entries(exchange, &path);
        let mut head = RequestHead::new(borrowed(&entries));
        head.source = Some(client(exchange));
        let listener = self.router.listener_for(Some(exchange.port), &head.host());
        let decision = self.router.decide(listener, &head, || draw);
        let mut answer = match &decision.outcome {
            Outcome::Reply(reply) => local_reply(exchange, reply),
            Outcome::Forward { .. } => self.echo(exchange, &head, &decision),
        };
        for edit in &decision.cors {
            apply(&mut answer.headers, edit.clone());
        }
        for edit in decision
            .applied
            .into_iter()
            .flat_map(|applied| self.router.response_edits(applied))
        {
            apply(&mut answer.headers, edit);
        }
        answer.why = vec![self.explain(exchange)];
        Ok(answer)
    }
}

/// A gRPC caller gets status 200 and what Envoy makes of the HTTP status
/// (`source/common/grpc/status.cc`).
fn local_reply(exchange: &Exchange, reply: &Reply) -> Answer {
    let mut headers: Headers = Headers::new();
    headers.extend(
        reply
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.clone())),
    );
    if exchange.protocol == Protocol::Grpc {
        let status = reply
            .grpc_status
            .map_or_else(|| http_to_grpc_status(reply.status.into()), u32::from);
        headers.push((b"grpc-status".into(), status.to_string().into_bytes()));
        return Answer {
            status: 200,
            headers,
            ..Answer::default()
        };
    }
    let content_type = reply.content_type.as_deref();
    let content_type = content_type.or((!reply.body.is_empty()).then_some("text/plain"));
    headers.extend(content_type.map(|value| (b"content-type".to_vec(), value.into())));
    Answer {
        status: reply.status,
        headers,
        body: reply.body.clone(),
        ..Answer::default()
    }
}

/// The header block as Envoy hands it to filters: pseudo-headers first, names in lower case.
fn entries(exchange: &Exchange, path: &[u8]) -> Headers {
    let mut entries: Headers = vec![
        (b":authority".into(), exchange.authority.clone().into()),
        (b":path".into(), path.to_vec()),
        (b":method".into(), exchange.method.clone().into()),
        (b":scheme".into(), b"http".into()),
    ];
    entries.extend(
        exchange
            .headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone())),
    );
    entries
}

fn borrowed(entries: &Headers) -> impl Iterator<Item = (&[u8], &[u8])> {
    entries
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()))
}

fn client(exchange: &Exchange) -> IpAddr {
    exchange.client.unwrap_or(IpAddr::from([127, 0, 0, 1]))
}

fn apply(headers: &mut Headers, edit: HeaderEdit) {
    if let HeaderEdit::Set(name, _) | HeaderEdit::Remove(name) = &edit {
        headers.retain(|header| header.0 != name.as_bytes());
    }
    if let Some((name, value)) = edit.written() {
        headers.push((name.into(), value.to_vec()));
    }
}
