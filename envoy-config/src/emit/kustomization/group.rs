//! Dispatch rules that share an HTTPRoute, and so its policy.

use super::naming::folder;
use super::object::WrittenObject;
use crate::resolve::model::GatewayBundle;
use gateway_filter_sdk::route::spec::RouteKind;
use std::collections::BTreeMap;

/// What is in one HTTPRoute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) namespace: String,
    /// Backends of GRPCRoutes, which are spoken to as the client speaks.
    pub(super) grpc: bool,
    /// The route whose policy these rules have; absent is of all that have none.
    pub(super) route: Option<String>,
    /// The rule of that route, by its index, whose retries are that policy.
    pub(super) retried: Option<usize>,
}

impl Group {
    /// Of which kind the routes are.
    pub(super) fn kind(&self) -> RouteKind {
        match self.grpc {
            true => RouteKind::GRPCRoute,
            false => RouteKind::HTTPRoute,
        }
    }
}

/// By the name of a rule in the manifests, its names in an HTTPRoute.
pub(super) type RuleNames = Vec<(String, String)>;

/// What was written for the dispatch.
#[derive(Default)]
pub(super) struct Dispatched {
    pub(super) objects: Vec<WrittenObject>,
    /// The HTTPRoutes of each group.
    pub(super) routes: BTreeMap<Group, Vec<(String, RuleNames)>>,
}

/// Where the dispatch routes are.
pub(super) fn dispatch_file(gateway: &GatewayBundle) -> String {
    format!("{}/dispatch.yaml", folder(gateway))
}
