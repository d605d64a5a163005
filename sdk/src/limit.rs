//! Limits: which requests count, under which key, and whether there is room.

pub mod bucket;
pub mod key_table;
pub mod lease;
mod protobuf;
pub mod rls;
pub mod sets;
pub mod spec;
