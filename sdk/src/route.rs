//! HTTPRoute and GRPCRoute: what matches a request, and which match wins.

pub mod spec;
