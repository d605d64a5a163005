//! Envoy Gateway's policies to the configuration of the rate-limit filter.
//!
//! Every rule of a route on every listener is looked at by itself: what is attached to the rule, to
//! its route, to the listener, to the Gateway decides, the most specific first, and what nothing
//! tells apart is put together again ([`gateway`]).

mod gateway;
mod merge;
mod policies;
mod validate;

pub(crate) use gateway::GatewayLimits;
pub(crate) use policies::{Limits, Traffic};
