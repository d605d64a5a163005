//! The `route-match` filter: HTTPRoute and GRPCRoute decided by the data plane.
//!
//! It finds the rule, applies its filters, chooses the backend and names both in headers; the route
//! is then matched anew, and a dispatch route takes the request to the named backend.

use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, Response, compiled_json, http_filter};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::route::spec::RouteMatchSpec;
use gateway_filter_sdk::router::{Found, Router};
use gateway_filter_sdk::stage::route::{self, RouteResponse};
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct RouteMatch {
    router: Rc<Router>,
    response: RouteResponse,
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
            response: RouteResponse::default(),
        }
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        let mut head = request.head()?;
        let decision = match route::find(&self.router, &mut head, request)? {
            Found::Rule(found) => self.router.serve(found, &head, || request.host().draw()),
            Found::Answered(decision) => decision,
        };
        self.response
            .carry_out(&self.router, decision, &head, request)
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        self.response.on_response_headers(&self.router, response)?;
        Ok(Flow::Continue)
    }
}
