//! Which backend a request goes to: shares, stickiness, overrides, ramps, and a guard.

pub mod guard;
mod shares;
pub mod spec;

pub use shares::Split;
