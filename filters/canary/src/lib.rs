//! The `canary` filter: splits that stick, ramp and back off by themselves.
//!
//! A header names the chosen backend, and the route is matched anew.

use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, Response, http_filter, json};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::split::spec::CanaryFilterSpec;
use gateway_filter_sdk::split::{Canaries, CanaryAction};
use gateway_filter_sdk::stage::canary::{self, CanaryResponse};
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct Canary {
    canaries: Rc<Canaries>,
    response: CanaryResponse,
}

#[http_filter]
impl HttpFilter for Canary {
    type Config = Canaries;

    fn configure(text: &[u8], host: &dyn Host) -> Result<Canaries, InvalidConfig> {
        Canaries::new(&json::<CanaryFilterSpec>(text)?, host)
    }

    fn new(canaries: Rc<Canaries>) -> Self {
        Canary {
            canaries,
            response: CanaryResponse::default(),
        }
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        let head = request.head()?;
        let route = self.canaries.read_route(&head, request.host())?;
        let selection = canary::select(&self.canaries, &route, &head, request.host());
        let mut flow = Flow::Continue;
        for edit in selection.request_edits() {
            request.edit(edit)?;
            flow = Flow::Reroute;
        }
        match selection.action {
            CanaryAction::Pass => {}
            CanaryAction::Reply(reply) => return Ok(Flow::Reply(reply)),
            CanaryAction::Forward { chosen, .. } => self.response = CanaryResponse::of(chosen),
        }
        Ok(flow)
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        self.response
            .on_response_headers(&self.canaries, response)?;
        Ok(Flow::Continue)
    }

    fn on_response_trailers(&mut self, response: &Response) -> Result<Flow, HostError> {
        self.response
            .on_response_trailers(&self.canaries, response)?;
        Ok(Flow::Continue)
    }

    fn on_tick(canaries: &Canaries, host: &dyn Host) {
        canaries.tick(host);
    }
}
