//! Limits: which requests count, under which key, and whether there is room.

pub mod bucket;
pub mod spec;
