//! The route stage: which rule a request is for, and what that rule does.

use crate::filter::{Flow, Request, Response};
use crate::header::HeaderEdit;
use crate::host::HostError;
use crate::request::RequestHead;
use crate::router::{Applied, Decision, Found, FoundRule, Listener, Outcome, Router};

/// Finds the rule of a request, after reading what its listener or a match has to know.
///
/// # Errors
/// The host cannot tell where the request comes from or came in at.
pub fn find<'r>(
    router: &'r Router,
    head: &mut RequestHead,
    request: &Request,
) -> Result<Found<'r>, HostError> {
    if router.needs_source() {
        head.source = request.source_address()?;
    }
    Ok(router.find(listener(router, request, head)?, head))
}

/// Several listeners on one port are told apart by the host; only where there are several ports
/// does Envoy have to be asked. Envoy Gateway shifts the ports of its sockets, so the virtual
/// host's name says it and not `destination.port`.
fn listener<'r>(
    router: &'r Router,
    request: &Request,
    head: &RequestHead,
) -> Result<Option<&'r Listener>, HostError> {
    if !router.has_several_ports() {
        return Ok(router.listener_for(None, &head.host()));
    }
    let name = request.host().property(&["xds", "virtual_host_name"])?;
    let name = name.unwrap_or_default();
    let name = std::str::from_utf8(&name).ok();
    Ok(name.and_then(|name| router.listener_of(name)))
}

/// What the route stage does to the response.
#[derive(Debug, Default)]
pub struct RouteResponse {
    applied: Option<Applied>,
    cors: Vec<HeaderEdit<'static>>,
}

impl RouteResponse {
    /// Of a request that another stage answers in place of its rule.
    pub fn answered(found: &FoundRule, head: &RequestHead) -> Self {
        RouteResponse {
            applied: Some(found.applied()),
            cors: found.cors(head),
        }
    }

    /// Carries a decision out on the request.
    ///
    /// # Errors
    /// The host refuses a header.
    pub fn carry_out(
        &mut self,
        router: &Router,
        mut decision: Decision,
        head: &RequestHead,
        request: &Request,
    ) -> Result<Flow, HostError> {
        for edit in router.request_edits(&decision, head) {
            request.edit(edit)?;
        }
        self.applied = decision.applied;
        self.cors = std::mem::take(&mut decision.cors);
        Ok(match decision.outcome {
            Outcome::Reply(reply) => Flow::Reply(reply),
            Outcome::Forward { .. } => Flow::Reroute,
        })
    }

    /// Changes the response.
    ///
    /// # Errors
    /// The host refuses a header.
    pub fn on_response_headers(
        &mut self,
        router: &Router,
        response: &Response,
    ) -> Result<(), HostError> {
        for edit in self.cors.drain(..) {
            response.edit(edit)?;
        }
        let applied = self.applied.into_iter();
        let mut edits = applied.flat_map(|applied| router.response_edits(applied));
        edits.try_for_each(|edit| response.edit(edit))
    }
}
