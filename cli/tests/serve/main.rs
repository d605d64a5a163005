//! `gwf serve` with a real Envoy. Skipped where there is none, unless `GWF_REQUIRE_ENVOY=1`.

#[cfg(test)]
mod backends;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod load;
#[cfg(test)]
mod reload;
#[cfg(test)]
#[path = "../../../tests/harness/tests/required_envoy/mod.rs"]
mod required_envoy;
