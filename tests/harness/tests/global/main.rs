//! Tests against a real rate limit service on a real Redis (`just ratelimit-tools`). Without them
//! these tests are passed over and say so, unless `GWF_REQUIRE_RATELIMIT=1`.

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod service;
