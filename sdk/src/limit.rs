//! Limits: which requests count, under which key, and whether there is room.

mod key;
mod selector;
pub mod spec;
