//! Limits: which requests count, under which key, and whether there is room.

mod answer;
mod bucket;
mod hand_over;
mod headers;
mod key_table;
mod lease;
mod limiter;
mod metrics;
mod policy;
mod protobuf;
mod refusal;
pub mod rls;
mod rule;
mod selector;
mod service;
mod sets;
pub mod spec;

pub use bucket::{InvalidLimit, Rate, Spent};
pub use hand_over::HandOver;
pub use key_table::{Charged, KeyTable};
pub use limiter::{Asked, Limiter, Pass, Verdict};
pub use policy::RequestScope;
pub use sets::Seed;
