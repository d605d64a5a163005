//! Envoy Gateway's own code (`just egctl`) on every manifest of the repository, and on what
//! `gwf bundle` writes for them: each object is valid, and translated it has the conditions that this
//! project's report says it has. Without egctl these tests are passed over and say so, unless
//! `GWF_REQUIRE_EGCTL=1`.

#[cfg(test)]
mod check;
#[cfg(test)]
mod conditions;
#[cfg(test)]
mod dispatch;
#[cfg(test)]
#[allow(dead_code, reason = "each target uses a part of it")]
#[path = "../e2e_gateway/dump.rs"]
mod dump;
#[cfg(test)]
mod excerpt;
#[cfg(test)]
mod known;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod objects;
#[cfg(test)]
mod planted;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod tool;
