//! One decision: first the rule, then what it does with the request.
//!
//! What lies between both (limits, a canary's choice) sees the request as the client sent it.

use super::{BACKEND_HEADER, HOST_HEADER, Listener, Matched, ROUTE_HEADER, Router, Rule};
use crate::action::{Actions, Cors, OwnAnswer};
use crate::header::HeaderEdit;
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::Entry;

/// What a request is found to be for.
#[derive(Debug)]
pub enum Found<'r> {
    /// A rule, which [`Router::serve`] carries out.
    Rule(FoundRule<'r>),
    /// No rule, or a preflight: it is answered at once.
    Answered(Decision<'r>),
}

/// The rule of a request.
#[derive(Debug, Clone, Copy)]
pub struct FoundRule<'r> {
    rule: &'r Rule,
    listener: &'r Listener,
    entry: &'r Entry<Matched>,
}

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
    pub cors: Vec<HeaderEdit<'static>>,
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
        /// The new `:path`, with its query, if it is rewritten.
        path: Option<Vec<u8>>,
    },
}

impl<'r> FoundRule<'r> {
    /// What [`ROUTE_HEADER`] says of such a request.
    pub fn route(&self) -> &'r str {
        &self.entry.policy.name
    }

    /// The listener that the request came in at: `<namespace>/<Gateway>/<listener>`.
    pub fn listener(&self) -> &'r str {
        self.listener.name()
    }

    /// What the response needs if something else than the rule answers.
    pub fn applied(&self) -> Applied {
        Applied {
            rule: self.entry.policy.rule,
            backend: None,
        }
    }

    /// The cross-origin headers of the rule's own filter.
    pub fn cors(&self, head: &RequestHead) -> Vec<HeaderEdit<'static>> {
        let cors = self.rule.actions.cors.as_ref();
        cors.map(|cors| cors.response_edits(head))
            .unwrap_or_default()
    }
}

impl Router {
    /// Finds the rule of a request that came in at a listener. No listener or no match is 404.
    pub fn find<'r>(&'r self, listener: Option<&'r Listener>, head: &RequestHead) -> Found<'r> {
        let Some(listener) = listener else {
            return Found::Answered(Decision::no_match());
        };
        if let Some(decision) = self.preflight(listener, head) {
            return Found::Answered(decision);
        }
        let entry = listener.table.find(head);
        let found =
            entry.and_then(|entry| Some((entry, self.rules.get(entry.policy.rule as usize)?)));
        match found {
            Some((entry, rule)) => Found::Rule(FoundRule {
                rule,
                listener,
                entry,
            }),
            None => Found::Answered(Decision::no_match()),
        }
    }

    /// Decides on a request: [`Router::find`], then [`Router::serve`].
    pub fn decide<'r>(
        &'r self,
        listener: Option<&'r Listener>,
        head: &RequestHead,
        draw: impl FnOnce() -> u64,
    ) -> Decision<'r> {
        match self.find(listener, head) {
            Found::Rule(found) => self.serve(found, head, draw),
            Found::Answered(decision) => decision,
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
                cors: Vec::new(),
            })
        })
    }

    /// What a found rule does with the request. `draw` gives a number evenly drawn from all `u64`;
    /// it is called where there are several backends to choose from. A rule without a usable
    /// backend answers 500.
    pub fn serve<'r>(
        &'r self,
        found: FoundRule<'r>,
        head: &RequestHead,
        draw: impl FnOnce() -> u64,
    ) -> Decision<'r> {
        let FoundRule {
            rule,
            listener,
            entry,
        } = found;
        let prefix = entry.path.prefix();
        let decision = |backend: Option<u32>, cors: Option<&Cors>, outcome| Decision {
            applied: Some(Applied {
                rule: entry.policy.rule,
                backend,
            }),
            route: match outcome {
                Outcome::Reply(_) => "",
                Outcome::Forward { .. } => found.route(),
            },
            outcome,
            cors: cors
                .map(|cors| cors.response_edits(head))
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

    /// Everything that a decision to forward writes into the request: what the rule and the
    /// backendRef say, `:path`, and the headers that lead to the dispatch route, which replace what
    /// the client wrote into them.
    pub fn request_edits<'e>(
        &'e self,
        decision: &'e Decision,
        head: &RequestHead,
    ) -> impl Iterator<Item = HeaderEdit<'e>> {
        let applied = decision.applied.filter(|_| decision.is_forward());
        let own = applied.into_iter().flat_map(|applied| self.edits(applied));
        own.chain(decision.dispatch_edits(head))
    }

    fn edits(&self, applied: Applied) -> impl Iterator<Item = HeaderEdit<'_>> {
        let actions = self.actions(applied);
        actions
            .flat_map(|actions| &actions.request_headers)
            .flat_map(|modifier| modifier.edits())
    }
}

impl Decision<'_> {
    fn is_forward(&self) -> bool {
        matches!(self.outcome, Outcome::Forward { .. })
    }

    fn dispatch_edits<'e>(&'e self, head: &RequestHead) -> impl Iterator<Item = HeaderEdit<'e>> {
        let edits = match &self.outcome {
            Outcome::Reply(_) => [const { None }; 4],
            Outcome::Forward {
                backend,
                hostname,
                path,
            } => {
                let mut forged = head.values(HOST_HEADER.as_bytes());
                let forged = forged.next().map(|_| HeaderEdit::remove(HOST_HEADER));
                let host = hostname.map(|host| HeaderEdit::set(HOST_HEADER, host.as_bytes()));
                let path = path.as_deref();
                [
                    path.map(|path| HeaderEdit::set(":path", path)),
                    host.or(forged),
                    Some(HeaderEdit::set(ROUTE_HEADER, self.route.as_bytes())),
                    Some(HeaderEdit::set(BACKEND_HEADER, backend.as_bytes())),
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
            cors: Vec::new(),
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
    let path = rewrites().find_map(|rewrite| rewrite.path.as_ref());
    Outcome::Forward {
        backend,
        hostname: rewrites().find_map(|rewrite| rewrite.hostname.as_deref()),
        path: path.map(|path| {
            let mut path = path.apply(head.path(), prefix);
            if let Some(query) = head.query() {
                path.push(b'?');
                path.extend_from_slice(query);
            }
            path
        }),
    }
}
