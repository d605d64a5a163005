//! The `canary` filter: splits that stick, ramp and back off by themselves.

use gateway_filter_sdk::filter::{HttpFilter, http_filter, json};
use gateway_filter_sdk::host::Host;
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::split::spec::CanaryFilterSpec;
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct Canary;

#[http_filter]
impl HttpFilter for Canary {
    type Config = CanaryFilterSpec;

    fn configure(text: &[u8], _host: &dyn Host) -> Result<CanaryFilterSpec, InvalidConfig> {
        json(text)
    }

    fn new(_config: Rc<CanaryFilterSpec>) -> Self {
        Canary
    }
}
