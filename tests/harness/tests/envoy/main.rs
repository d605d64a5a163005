//! The `envoy` host against a real Envoy. Skipped where there is none, unless `GWF_REQUIRE_ENVOY=1`.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod native;
#[cfg(test)]
mod protocols;
#[cfg(test)]
#[path = "../required_envoy/mod.rs"]
mod required_envoy;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod tokens;
#[cfg(test)]
#[path = "../two_backends/mod.rs"]
mod two_backends;
