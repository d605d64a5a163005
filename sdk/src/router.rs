//! From a request to a decision: which listener, which rule, which answer or backend.
//!
//! A [`Router`] is a [`RouteMatchSpec`](crate::route::spec::RouteMatchSpec) that cannot be wrong any more. Its decisions are values;
//! the `route-match` filter carries them out.

mod build;
mod decision;

pub use decision::{Applied, Decision, Found, FoundRule, Outcome};

use crate::action::Actions;
use crate::header::HeaderEdit;
use crate::route::host_index::HostIndex;
use crate::route::{Entry, RouteTable};
use crate::split::Split;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Names the match that matched as Envoy Gateway names its own routes:
/// `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`.
pub const ROUTE_HEADER: &str = "x-gateway-route";
/// Names the chosen backend, `<namespace>/<name>:<port>`; the dispatch routes match on it.
pub const BACKEND_HEADER: &str = "x-gateway-backend";
/// The Host that the backend is to see, for `host_rewrite_header` of the dispatch routes: a write
/// of `:authority` would lead to another virtual host.
pub const HOST_HEADER: &str = "x-gateway-host";

/// The compiled configuration of one Gateway.
#[derive(Debug)]
pub struct Router {
    listeners: Vec<Listener>,
    names: HashMap<Box<str>, u32, FxBuildHasher>,
    ports: Vec<(u16, HostIndex)>,
    rules: Vec<Rule>,
    needs_source: bool,
}

/// One listener and its routes.
#[derive(Debug)]
pub struct Listener {
    name: Box<str>,
    port: u16,
    table: RouteTable<Matched>,
}

/// What a match leads to.
#[derive(Debug)]
pub struct Matched {
    rule: u32,
    /// For [`ROUTE_HEADER`]: to put it together for each request would double the time of a decision.
    name: Box<str>,
}

impl Matched {
    /// What [`ROUTE_HEADER`] says of a request that this match wins.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// One rule: what its matches share.
#[derive(Debug)]
struct Rule {
    route: Box<str>,
    grpc: bool,
    actions: Actions,
    backends: Vec<Backend>,
    split: Split<u32>,
}

#[derive(Debug)]
struct Backend {
    /// `None` for one that cannot be used: its share of the requests is answered 500.
    id: Option<Box<str>>,
    actions: Actions,
}

impl Router {
    /// Whether the listener cannot be told from the host alone, so that [`Router::listener_of`]
    /// has to be asked.
    pub fn has_several_ports(&self) -> bool {
        self.ports.len() > 1
    }

    /// Whether a match asks for the client's address, so that it has to be read.
    pub fn needs_source(&self) -> bool {
        self.needs_source
    }

    /// The listener of a virtual host that Envoy Gateway named
    /// `<namespace>/<Gateway>/<listener>/<host>`.
    pub fn listener_of(&self, virtual_host: &str) -> Option<&Listener> {
        let (listener, _host) = virtual_host.rsplit_once('/')?;
        self.listeners.get(*self.names.get(listener)? as usize)
    }

    /// The listener of a port that takes a host: the one with the most specific hostname, and no
    /// other. "Requests SHOULD match at most one Listener. For example, if Listeners are defined
    /// for foo.example.com and *.example.com, a request to foo.example.com SHOULD only be routed
    /// using routes attached to the foo.example.com Listener." Without a port: of the only port.
    pub fn listener_for(&self, port: Option<u16>, host: &[u8]) -> Option<&Listener> {
        let (_, hosts) = self
            .ports
            .iter()
            .find(|entry| port.is_none_or(|port| entry.0 == port))?;
        self.listeners.get(hosts.covering(host).next()? as usize)
    }

    /// `httproute/<namespace>/<name>/rule/<i>` of a decision's rule.
    pub fn route_name(&self, applied: Applied) -> &str {
        self.rule(applied).map_or("", |rule| &rule.route)
    }

    /// The header changes for the response: those of the rule, then those of the backendRef.
    pub fn response_edits(&self, applied: Applied) -> impl Iterator<Item = HeaderEdit<'_>> {
        let actions = self.actions(applied);
        actions
            .flat_map(|actions| &actions.response_headers)
            .flat_map(|modifier| modifier.edits())
    }

    fn rule(&self, applied: Applied) -> Option<&Rule> {
        self.rules.get(applied.rule as usize)
    }

    fn actions(&self, applied: Applied) -> impl Iterator<Item = &Actions> {
        let rule = self.rule(applied);
        let backend = rule
            .zip(applied.backend)
            .and_then(|(rule, at)| rule.backends.get(at as usize));
        rule.map(|rule| &rule.actions)
            .into_iter()
            .chain(backend.map(|backend| &backend.actions))
    }
}

impl Listener {
    /// `<namespace>/<Gateway>/<listener>`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port in the Gateway.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every match of every route on the listener, once for each hostname, the highest rank first.
    pub fn entries(&self) -> &[Entry<Matched>] {
        self.table.entries()
    }
}

#[cfg(test)]
mod tests;
