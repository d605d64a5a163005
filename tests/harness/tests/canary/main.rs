//! The compiled `canary` module in the embedded host: what scenarios cannot show, as it takes threads,
//! updates of the configuration, or requests that no client of a scenario could send.

#[cfg(test)]
#[path = "../embedded_host/mod.rs"]
mod embedded_host;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;
#[cfg(test)]
#[path = "../two_backends/mod.rs"]
mod two_backends;
#[cfg(test)]
mod updates;
#[cfg(test)]
mod workers;
