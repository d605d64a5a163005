//! The `route-match` filter: HTTPRoute and GRPCRoute decided by the data plane.
//!
//! It finds the rule, applies its filters, chooses the backend and names both in headers; the route
//! is then matched anew, and a dispatch route takes the request to the named backend.

use gateway_filter_sdk::action::{CorsHeaders, HeaderEdit};
use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, Response, compiled_json, http_filter};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::route::spec::RouteMatchSpec;
use gateway_filter_sdk::router::{Applied, Listener, Outcome, Router};
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct RouteMatch {
    router: Rc<Router>,
    applied: Option<Applied>,
    cors: CorsHeaders,
}

#[http_filter]
impl HttpFilter for RouteMatch {
    type Config = Router;

    fn configure(text: &[u8], _host: &dyn Host) -> Result<Router, InvalidConfig> {
        compiled_json::<RouteMatchSpec, Router>(text)
    }

    fn new(router: Rc<Router>) -> Self {
        RouteMatch {
            router,
            applied: None,
            cors: CorsHeaders::new(),
        }
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        let mut head = request.head()?;
        if self.router.needs_source() {
            head.source = request.source_address()?;
        }
        let router = self.router.clone();
        let listener = listener(&router, request, &head)?;
        let decision = router.decide(listener, &head, || request.host().draw());
        if let Outcome::Forward { .. } = decision.outcome {
            let edits = decision
                .applied
                .map(|applied| router.request_edits(applied));
            for edit in edits
                .into_iter()
                .flatten()
                .chain(decision.dispatch_edits(&head))
            {
                edit_request(request, edit)?;
            }
        }
        self.applied = decision.applied;
        self.cors = decision.cors;
        match decision.outcome {
            Outcome::Reply(reply) => return Ok(Flow::Reply(reply)),
            Outcome::Forward {
                path: Some(mut path),
                ..
            } => {
                if let Some(query) = head.query() {
                    path.push(b'?');
                    path.extend_from_slice(query);
                }
                request.set_header(":path", path)?;
            }
            Outcome::Forward { path: None, .. } => {}
        }
        Ok(Flow::Reroute)
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        for (name, value) in self.cors.drain(..) {
            match name {
                "vary" => response.add_header(name, value)?,
                _ => response.set_header(name, value)?,
            }
        }
        let edits = self
            .applied
            .map(|applied| self.router.response_edits(applied));
        for edit in edits.into_iter().flatten() {
            match edit {
                HeaderEdit::Set(name, value) => response.set_header(name, value)?,
                HeaderEdit::Add(name, value) => response.add_header(name, value)?,
                HeaderEdit::Remove(name) => response.remove_header(name)?,
            }
        }
        Ok(Flow::Continue)
    }
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
    let name = request
        .host()
        .property(&["xds", "virtual_host_name"])?
        .unwrap_or_default();
    Ok(std::str::from_utf8(&name)
        .ok()
        .and_then(|name| router.listener_of(name)))
}

fn edit_request(request: &Request, edit: HeaderEdit) -> Result<(), HostError> {
    match edit {
        HeaderEdit::Set(name, value) => request.set_header(name, value),
        HeaderEdit::Add(name, value) => request.add_header(name, value),
        HeaderEdit::Remove(name) => request.remove_header(name),
    }
}
