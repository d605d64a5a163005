//! The stages that the filters are made of.
//!
//! A stage decides on the request as the client sent it, and gives its decision as a value. Only when
//! all stages of a filter have decided are the effects carried out on the request, and later on the
//! response. `route-match`, `rate-limit` and `canary` have one stage each, `gateway` has all three.

pub mod canary;
pub mod limit;
pub mod route;
pub mod spec;
