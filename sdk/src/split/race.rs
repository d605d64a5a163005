//! A draw among weighted backends that changes as little as it can when the weights do.
//!
//! Each backend runs a race that takes an exponentially distributed time whose rate is its weight; the
//! first one wins. It wins with the probability weight/(sum of all weights), since that is what the
//! smallest of exponential times does. The times follow from the client's key and the backend's name,
//! so the same client has the same winner, in every Envoy and after every restart.
//!
//! Where one backend's weight grows beside the others', its time shortens and nobody else's does: it
//! wins some clients and no other backend wins any. So a canary that is raised from 10 to 20 %
//! takes clients from stable only, and gives them back only to stable. For n backends and any
//! change of weights nothing that draws clients one by one moves less: the method is maximally
//! consistent (Moulton and Jiang, *Maximally Consistent Sampling and the Jaccard Index of Probability
//! Distributions*, 2018), and with three or more backends even that is up to twice what
//! an omniscient mover would need (Bavarian et al., *Optimality of Correlated Sampling
//! Strategies*, 2020).
//!
//! Names count and positions don't: a list in another order moves nobody.

use crate::split_mix::{STEP, mixed};
use siphasher::sip::SipHasher13;

/// Turns clients' keys into draws: SipHash-1-3 (Aumasson and Bernstein, 2012), keyed with a salt, so
/// that canaries with different salts draw independently.
#[derive(Debug, Clone)]
pub(super) struct Salt(SipHasher13);

impl Salt {
    /// The 16 bytes of SipHash's key are two hashes of the salt.
    pub(super) fn new(salt: &[u8]) -> Self {
        let half = |number| SipHasher13::new_with_keys(number, 0).hash(salt);
        Salt(SipHasher13::new_with_keys(half(1), half(2)))
    }

    /// The draw of a client whose key has this part at this position, and that of the parts before.
    pub(super) fn draw(&self, before: Option<u64>, at: usize, part: &[u8]) -> u64 {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        let hash = self.0.hash(part).wrapping_add(at.wrapping_mul(STEP));
        mixed(before.unwrap_or(0) ^ hash)
    }
}

/// What a backend's name comes to: the same in every Envoy and for every canary.
pub(super) fn name_hash(name: &str) -> u64 {
    SipHasher13::new_with_keys(0, 0).hash(name.as_bytes())
}

/// Which of the runners, each with the hash of its name and its weight, wins for this draw; none if
/// no weight is more than 0.
pub(super) fn winner(draw: u64, runners: impl Iterator<Item = (u64, f64)>) -> Option<usize> {
    let time = |(at, (name, weight)): (usize, (u64, f64))| {
        // The middle of one of 2⁵³ equal parts of the unit interval: never 0 and never 1.
        let even = ((mixed(draw ^ name) >> 11) as f64 + 0.5) * (1.0 / (1u64 << 53) as f64);
        (weight > 0.0).then(|| (at, -even.ln() / weight))
    };
    let first = runners.enumerate().filter_map(time);
    first.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests;
