//! HTTPRoute and GRPCRoute: what matches a request, and which match wins.

mod cidr;
pub(crate) mod condition;
mod error;
pub(crate) mod host_index;
mod hostname;
pub(crate) mod jwt;
mod path;
mod pattern;
mod rank;
pub mod spec;
mod table;

pub use cidr::Cidr;
pub use condition::Conditions;
pub use error::{InvalidConfig, InvalidHostname, InvalidMatch};
pub use hostname::Hostname;
pub use path::{GrpcMatch, PathMatch, PathRegex, grpc_method, under_prefix};
pub use pattern::Pattern;
pub use rank::{PathRank, Rank, Timestamp};
pub use table::{Entry, RouteTable, Tie};
