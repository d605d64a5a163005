//! A filter that reads nothing and changes nothing: what the SDK itself costs.

use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, http_filter};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::route::InvalidConfig;
use std::rc::Rc;

/// One request.
#[derive(Debug)]
pub struct DoNothing;

#[http_filter]
impl HttpFilter for DoNothing {
    type Config = ();

    fn configure(_text: &[u8], _host: &dyn Host) -> Result<(), InvalidConfig> {
        Ok(())
    }

    fn new(_config: Rc<()>) -> Self {
        DoNothing
    }

    fn on_request_headers(&mut self, _request: &Request) -> Result<Flow, HostError> {
        Ok(Flow::Continue)
    }
}
