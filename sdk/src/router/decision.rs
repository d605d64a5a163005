//! One decision.

use super::{BACKEND_HEADER, HOST_HEADER, Listener, Matched, ROUTE_HEADER, Router, Rule};
use crate::action::{Actions, Cors, CorsHeaders, HeaderEdit, OwnAnswer};
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::Entry;

/// What is done with a request.
#[derive(Debug)]
pub struct Decision<'r> {
    /// The rule and the backend that were chosen, if a rule matched.
    pub applied: Option<Applied>,
    /// What [`ROUTE_HEADER`] says of a forwarded request; empty otherwise.
    pub route: &'r str,
    /// Answer or forward.
    pub outcome: Outcome<'r>,
    /// Cross-origin headers for the response.
    pub cors: CorsHeaders,
}

/// A chosen rule and backendRef: small enough to be kept for the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    pub(super) rule: u32,
    pub(super) backend: Option<u32>,
}

/// Answer or forward.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<'r> {
    /// The gateway answers.
    Reply(Reply),
    /// The request goes to a backend.
    Forward {
        /// `<namespace>/<name>:<port>`.
        backend: &'r str,
        /// The Host that the backend is to see, if it is rewritten.
        hostname: Option<&'r str>,
        /// The new path, without query, if it is rewritten.
        path: Option<Vec<u8>>,
    },
}

impl Router {
    /// Decides on a request that came in at a listener. `draw` gives a number evenly drawn from all
    /// `u64`; it is called where there are several backends to choose from.
    ///
    /// No listener or no match is 404; a matched rule without a usable backend is 500.
    pub fn decide<'r>(
        &'r self,
        listener: Option<&'r Listener>,
        head: &RequestHead,
        draw: impl FnOnce() -> u64,
    ) -> Decision<'r> {
        let Some(listener) = listener else {
            return Decision::no_match();
        };
        if let Some(decision) = self.preflight(listener, head) {
            return decision;
        }
        match listener.table.find(head) {
            Some(entry) => self.serve(entry, listener, head, draw),
            None => Decision::no_match(),
        }
    }

    /// A preflight asks on behalf of another request: the rule is that of the asked-for method
    /// first, so that a rule which matches only PUT can answer the OPTIONS for it. It is answered
    /// before a backend is chosen, so by the rule's filter or that of the first backendRef with one.
    fn preflight(&self, listener: &Listener, head: &RequestHead) -> Option<Decision<'_>> {
        let method = Cors::preflight_method(head)?;
        let asked = head.with_method(method);
        [&asked, head].into_iter().find_map(|head| {
            let rule = listener.table.find(head)?.policy.rule;
            let cors = self.rules.get(rule as usize)?.cors()?;
            Some(Decision {
                applied: Some(Applied {
                    rule,
                    backend: None,
                }),
                route: "",
                outcome: Outcome::Reply(cors.preflight(head)),
                cors: CorsHeaders::new(),
            })
        })
    }

    fn serve<'r>(
        &'r self,
        entry: &'r Entry<Matched>,
        listener: &Listener,
        head: &RequestHead,
        draw: impl FnOnce() -> u64,
    ) -> Decision<'r> {
        let Some(rule) = self.rules.get(entry.policy.rule as usize) else {
            return Decision::no_match();
        };
        let prefix = entry.path.prefix();
        let decision = |backend: Option<u32>, cors: Option<&Cors>, outcome| Decision {
            applied: Some(Applied {
                rule: entry.policy.rule,
                backend,
            }),
            route: match outcome {
                Outcome::Reply(_) => "",
                Outcome::Forward { .. } => &entry.policy.name,
            },
            outcome,
            cors: cors
                .map(|cors| cors.response_headers(head))
                .unwrap_or_default(),
        };
        let cors = rule.actions.cors.as_ref();
        if let Some(reply) = own_answer(&rule.actions, head, prefix, listener.port) {
            return decision(None, cors, Outcome::Reply(reply));
        }
        let number = if rule.split.is_choice() { draw() } else { 0 };
        let chosen = rule.split.pick(number).copied();
        let backend = chosen.and_then(|at| rule.backends.get(at as usize));
        let Some((id, own)) = backend.and_then(|own| Some((own.id.as_deref()?, &own.actions)))
        else {
            return decision(None, cors, Outcome::Reply(no_backend(rule)));
        };
        let outcome = match own_answer(own, head, prefix, listener.port) {
            Some(reply) => Outcome::Reply(reply),
            None => forward(id, [&rule.actions, own], head, prefix),
        };
        decision(chosen, cors.or(own.cors.as_ref()), outcome)
    }
}

impl Decision<'_> {
    /// The headers that lead a forwarded request to its dispatch route. What the client wrote into
    /// them is overwritten or removed.
    pub fn dispatch_edits<'e>(
        &'e self,
        head: &RequestHead,
    ) -> impl Iterator<Item = HeaderEdit<'e>> {
        let edits = match &self.outcome {
            Outcome::Reply(_) => [None; 3],
            Outcome::Forward {
                backend, hostname, ..
            } => {
                let name = HOST_HEADER.as_bytes();
                let forged = head.values(name).next().map(|_| HeaderEdit::Remove(name));
                let host = hostname.map(|host| HeaderEdit::Set(name, host.as_bytes()));
                let route = self.route.as_bytes();
                [
                    host.or(forged),
                    Some(HeaderEdit::Set(ROUTE_HEADER.as_bytes(), route)),
                    Some(HeaderEdit::Set(
                        BACKEND_HEADER.as_bytes(),
                        backend.as_bytes(),
                    )),
                ]
            }
        };
        edits.into_iter().flatten()
    }

    /// "If no matches are found […], HTTP 404 status code MUST be returned"; Envoy tells a gRPC
    /// caller UNIMPLEMENTED.
    fn no_match() -> Self {
        Decision {
            applied: None,
            route: "",
            outcome: Outcome::Reply(Reply::new(404)),
            cors: CorsHeaders::new(),
        }
    }
}

impl Rule {
    fn cors(&self) -> Option<&Cors> {
        let own = self.backends.iter().map(|backend| &backend.actions);
        std::iter::once(&self.actions)
            .chain(own)
            .find_map(|actions| actions.cors.as_ref())
    }
}

fn own_answer(
    actions: &Actions,
    head: &RequestHead,
    prefix: Option<&str>,
    port: u16,
) -> Option<Reply> {
    actions.answer.as_ref().map(|answer| match answer {
        OwnAnswer::Redirect(redirect) => redirect.reply(head, prefix, port),
        OwnAnswer::Direct(direct) => direct.reply(head),
    })
}

/// "All traffic which matches this rule MUST receive a 500 status code"; for a GRPCRoute, "MUST
/// receive an UNAVAILABLE status".
fn no_backend(rule: &Rule) -> Reply {
    Reply {
        grpc_status: rule.grpc.then_some(14),
        ..Reply::new(500)
    }
}

/// The rewrite of the backendRef goes before that of the rule, which is the less specific one.
fn forward<'r>(
    backend: &'r str,
    [rule, own]: [&'r Actions; 2],
    head: &RequestHead,
    prefix: Option<&str>,
) -> Outcome<'r> {
    let rewrites = || [&own.rewrite, &rule.rewrite].into_iter().flatten();
    Outcome::Forward {
        backend,
        hostname: rewrites().find_map(|rewrite| rewrite.hostname.as_deref()),
        path: rewrites()
            .find_map(|rewrite| rewrite.path.as_ref())
            .map(|path| path.apply(head.path(), prefix)),
    }
}
