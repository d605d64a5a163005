//! Which backend a request goes to: shares, stickiness, overrides, ramps, and a guard.

mod backends;
mod canaries;
mod canary;
mod cookie;
pub mod guard;
mod metrics;
mod overrides;
mod race;
mod ramp;
mod session;
mod shares;
pub mod spec;
mod sticky;

pub use canaries::{Canaries, CanaryAction, Chosen, Observation, Selection};
pub use shares::Split;
