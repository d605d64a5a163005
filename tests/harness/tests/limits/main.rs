//! The compiled `rate-limit` module, counting in the embedded host: what scenarios cannot show, as it
//! takes threads, very many requests, or requests that no client of a scenario could send.

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod bucket;
#[cfg(test)]
#[path = "../embedded_host/mod.rs"]
mod embedded_host;
#[cfg(test)]
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../filter_bench/mod.rs"]
mod filter_bench;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod keys;
#[cfg(test)]
#[path = "../rate_limited/mod.rs"]
mod rate_limited;
#[cfg(test)]
mod workers;
