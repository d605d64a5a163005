//! The configuration of the `gateway` filter as it is written.

use crate::limit::spec::RateLimitFilterSpec;
use crate::route::InvalidConfig;
use crate::route::spec::RouteMatchSpec;
use crate::split::spec::CanaryFilterSpec;
use crate::target::RouteFrom;
use serde::{Deserialize, Serialize};

/// The configuration of the `gateway` filter: those of its three stages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayFilterSpec {
    /// Listeners and routes.
    pub routes: RouteMatchSpec,
    /// Limits. Their `routeFrom` has to stay out: the filter has found the rule itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<RateLimitFilterSpec>,
    /// Canaries. Their `routeFrom` has to stay out, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canaries: Option<CanaryFilterSpec>,
}

impl GatewayFilterSpec {
    /// Refuses what only a filter of one stage can do.
    ///
    /// # Errors
    /// A `routeFrom`.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        let limits = self.limits.as_ref().map(|limits| limits.route_from);
        let canaries = self.canaries.as_ref().map(|canaries| canaries.route_from);
        for (field, from) in [("limits", limits), ("canaries", canaries)] {
            if from.is_some_and(|from| from != RouteFrom::default()) {
                let reason = "the filter finds the rule itself; leave it out";
                return Err(InvalidConfig::new("routeFrom", reason).within(field));
            }
        }
        Ok(())
    }
}
