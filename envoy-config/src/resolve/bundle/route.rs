//! A route of a Gateway as the route-match filter reads it.

use crate::resolve::attach::{AttachedListener, Attachment};
use crate::resolve::backend::Resolved;
use crate::resolve::canary;
use crate::resolve::convert::{self, Converted, ConvertedRule};
use crate::resolve::model::ServedRule;
use gateway_filter_sdk::route::spec::{Metadata, RouteSpec};
use std::collections::{BTreeMap, BTreeSet};

/// The route, once for all listeners on which the same rules are `refused`. Of the rules that are
/// `decided` by the canary filter no backend is chosen here.
pub(super) fn specs(
    attachment: &Attachment,
    listeners: &[AttachedListener],
    converted: &Converted,
    refused: impl Fn(usize) -> BTreeSet<usize>,
    decided: impl Fn(usize) -> bool,
) -> Vec<RouteSpec> {
    let mut parts: BTreeMap<BTreeSet<usize>, Vec<String>> = BTreeMap::new();
    for index in &attachment.listeners {
        if let Some(listener) = listeners.get(*index) {
            let names = parts.entry(refused(*index)).or_default();
            names.push(listener.name.clone());
        }
    }
    let document = &attachment.route.document;
    let part = |(refused, names): (BTreeSet<usize>, Vec<String>)| {
        let mut spec = converted.spec.clone();
        for (index, rule) in spec.rules.iter_mut().enumerate() {
            if refused.contains(&index) {
                *rule = convert::refusing(std::mem::take(rule));
            } else if decided(index) {
                canary::hand_over(rule);
            }
        }
        RouteSpec {
            api_version: None,
            kind: attachment.route.value.kind,
            metadata: Metadata {
                namespace: document.namespace().to_owned(),
                name: document.name().to_owned(),
                creation_timestamp: document.creation_timestamp(),
            },
            listeners: Some(names),
            spec,
        }
    };
    parts.into_iter().map(part).collect()
}

/// The rules and what they need of Envoy. A session is the canary filter's where that decides.
pub(super) fn served(
    attachment: &Attachment,
    listeners: &[AttachedListener],
    converted: &Converted,
    decided: impl Fn(usize) -> bool,
) -> Vec<ServedRule> {
    let document = &attachment.route.document;
    let on = attachment.listeners.iter();
    let on = on.filter_map(|index| listeners.get(*index));
    let on: Vec<String> = on.map(|listener| listener.name.clone()).collect();
    let rule = |(rule, needs): (usize, &ConvertedRule)| {
        let mut backends: Vec<String> = needs.backends.iter().map(Resolved::id).collect();
        backends.sort_unstable();
        backends.dedup();
        let mut native = needs.native.clone();
        native.session_persistence &= !decided(rule);
        ServedRule {
            kind: attachment.route.value.kind,
            namespace: document.namespace().to_owned(),
            name: document.name().to_owned(),
            rule,
            rule_name: converted
                .spec
                .rules
                .get(rule)
                .and_then(|spec| spec.name.clone()),
            hostnames: converted.spec.hostnames.clone(),
            listeners: on.clone(),
            backends,
            native,
        }
    };
    converted.rules.iter().enumerate().map(rule).collect()
}
