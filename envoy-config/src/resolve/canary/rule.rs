//! A rule that may be split, and how a canary of a policy is referred to.

use crate::load::Object;
use crate::load::model::Route;
use gateway_filter_sdk::route::spec::{FilterKind, RuleSpec};
use gateway_filter_sdk::split::spec::RouteTargetSpec;

/// Index of an EnvoyExtensionPolicy and of a canary in it.
pub(super) type CanaryIndex = (usize, usize);

/// A rule of an attached route.
#[derive(Clone, Copy)]
pub(super) struct AttachedRule<'a> {
    pub(super) route: &'a Object<Route>,
    pub(super) index: usize,
    pub(super) spec: &'a RuleSpec,
}

impl AttachedRule<'_> {
    pub(super) fn path(&self) -> String {
        format!("spec.rules[{}]", self.index)
    }

    /// As Envoy Gateway names it: `httproute/<namespace>/<name>/rule/<index>`.
    pub(super) fn name(&self) -> String {
        format!("{}/rule/{}", self.route.document.route_name(), self.index)
    }

    pub(super) fn target(&self) -> RouteTargetSpec {
        RouteTargetSpec {
            route: Some(self.route.document.route_name()),
            rule: u32::try_from(self.index).ok(),
        }
    }

    /// No backend is asked.
    pub(super) fn answers_by_itself(&self) -> bool {
        let answers = [FilterKind::DirectResponse, FilterKind::RequestRedirect];
        let mut filters = self.spec.filters.iter();
        filters.any(|filter| answers.contains(&filter.kind))
    }
}
