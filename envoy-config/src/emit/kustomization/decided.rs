//! Which routes the filters decide for: all that Gateways serve, or those of them that are chosen.

use super::options::KustomizeOptions;
use crate::resolve::model::{Bundle, ServedRule};
use crate::resolve::target::Scope;
use gateway_filter_sdk::route::spec::{RouteKind, RouteSpec};
use std::collections::BTreeSet;

/// Routes by kind, namespace and name.
#[derive(Debug, Clone, Default)]
pub(super) struct Decided {
    routes: BTreeSet<(String, String, String)>,
    partial: bool,
}

impl Decided {
    pub(super) fn new(bundle: &Bundle, options: &KustomizeOptions) -> Self {
        let partial = !options.routes.is_empty();
        let chosen = |rule: &&ServedRule| {
            let full_name = format!("{}/{}", rule.namespace, rule.name);
            !partial || options.routes.contains(&full_name)
        };
        let rules = bundle.gateways.iter().flat_map(|gateway| &gateway.rules);
        let name = |rule: &ServedRule| named(kind_name(rule.kind), &rule.namespace, &rule.name);
        Self {
            routes: rules.filter(chosen).map(name).collect(),
            partial,
        }
    }

    /// Single routes are chosen, and all others stay as they are.
    pub(super) fn is_partial(&self) -> bool {
        self.partial
    }

    /// Whether it is such a route, or a rule of one.
    pub(super) fn has(&self, scope: &Scope) -> bool {
        self.contains(scope.kind(), scope.namespace(), scope.name())
    }

    /// Whether it is such a route, as the `route-match` filter reads it.
    pub(super) fn has_spec(&self, route: &RouteSpec) -> bool {
        let metadata = &route.metadata;
        self.contains(kind_name(route.kind), &metadata.namespace, &metadata.name)
    }

    /// Whether it is a rule of such a route.
    pub(super) fn has_rule(&self, rule: &ServedRule) -> bool {
        self.contains(kind_name(rule.kind), &rule.namespace, &rule.name)
    }

    pub(super) fn contains(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.routes.contains(&named(kind, namespace, name))
    }
}

fn kind_name(kind: RouteKind) -> &'static str {
    match kind {
        RouteKind::HTTPRoute => "HTTPRoute",
        RouteKind::GRPCRoute => "GRPCRoute",
    }
}

fn named(kind: &str, namespace: &str, name: &str) -> (String, String, String) {
    (kind.to_owned(), namespace.to_owned(), name.to_owned())
}
