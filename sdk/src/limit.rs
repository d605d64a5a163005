//! Limits: which requests count, under which key, and whether there is room.

mod bucket;
mod key;
mod key_table;
mod selector;
mod sets;
pub mod spec;

pub use bucket::{InvalidLimit, Rate, Spent};
pub use key_table::{Charged, KeyTable};
pub use sets::Seed;
