//! What the filters of a rule amount to together.

use crate::load::route_filter::RouteMatchFilter;
use crate::report::Condition;
use crate::resolve::backend::Resolved;
use crate::resolve::native::NativeSettings;
use gateway_filter_sdk::route::spec::{FilterKind, FilterSpec};

/// What the filters of a rule amount to.
#[derive(Debug, Default)]
pub(super) struct RuleFilters {
    pub(super) filters: Vec<FilterSpec>,
    /// Further conditions, ANDed with the matches of the rule.
    pub(super) matches: Vec<RouteMatchFilter>,
    /// What is left to Envoy.
    pub(super) native: NativeSettings,
    /// Where mirrors lead.
    pub(super) mirrors: Vec<Resolved>,
}

/// Why a filter cannot be: its rule must not be served without it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) condition: Condition,
    pub(super) message: String,
}

impl Refusal {
    /// "If a reference to a custom filter type cannot be resolved, the filter MUST NOT be skipped.
    /// Instead, requests that would have been processed by that filter MUST receive a HTTP error
    /// response." The reason is Envoy Gateway's.
    pub(super) fn unresolved(message: String) -> Self {
        Self {
            condition: Condition::resolved_refs("UnsupportedValue"),
            message,
        }
    }

    /// The filter asks for what is not offered.
    pub(super) fn unsupported(message: String) -> Self {
        Self {
            condition: Condition::accepted("UnsupportedValue"),
            message,
        }
    }
}

/// A host rewritten by one filter and a path by another are one rewrite.
pub(super) fn merge_rewrites(filters: &mut Vec<FilterSpec>) -> Result<(), Refusal> {
    let (rewrites, mut others): (Vec<_>, Vec<_>) = filters
        .drain(..)
        .partition(|filter| filter.kind == FilterKind::URLRewrite);
    let merged = rewrites
        .into_iter()
        .try_fold(None, |merged: Option<FilterSpec>, filter| {
            let Some(mut merged) = merged else {
                return Ok(Some(filter));
            };
            if let (Some(one), Some(other)) = (&mut merged.url_rewrite, filter.url_rewrite) {
                let twice = one.hostname.is_some() && other.hostname.is_some()
                    || one.path.is_some() && other.path.is_some();
                if twice {
                    let message = "a rule rewrites the host or the path once only".to_owned();
                    return Err(Refusal::unsupported(message));
                }
                one.hostname = one.hostname.take().or(other.hostname);
                one.path = one.path.take().or(other.path);
            }
            Ok(Some(merged))
        })?;
    others.extend(merged);
    *filters = others;
    Ok(())
}
