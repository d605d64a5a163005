//! The matches of a listener: which wins, against which others, which nearly matched, and which never
//! can win.

use std::cmp::Reverse;
use std::collections::HashMap;

use gateway_filter_sdk::action::Cors;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::Entry;
use gateway_filter_sdk::route::spec::{
    FilterKind, FilterSpec, MatchSpec, RouteMatchSpec, RouteSpec, RuleSpec,
};
use gateway_filter_sdk::router::{Listener, Matched};

use super::condition::{PATH, Part, parts};
use super::criterion;
use super::facts::{Failed, MatchName, NearMiss, RunnerUp, Shadowed, Winner};
use super::source_location::{RuleSource, SourceMap, kind_name};

/// Near misses that are told.
const NEAR_MISSES: usize = 5;

/// The matches of one listener, as the router has them and as they are written.
pub(super) struct Matches<'a> {
    listener: &'a Listener,
    /// By `httproute/<namespace>/<name>`.
    routes: HashMap<String, &'a RouteSpec>,
    sources: SourceMap<'a>,
}

/// A match that is for a request.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    entry: &'a Entry<Matched>,
    route: &'a RouteSpec,
    pub(super) rule: &'a RuleSpec,
}

/// A match that failed.
struct Miss {
    near: NearMiss,
    /// Another of its conditions holds that not every request fulfils.
    fulfilled: bool,
}

impl Miss {
    /// Something of it holds, or the request has something else in its place: another path in the
    /// same folder, another value of the header.
    fn is_close(&self) -> bool {
        let folder = |path: &str| path.split(['/', ' ']).nth(1).map(str::to_owned);
        let is_near = |failed: &Failed| match (failed.what.as_str(), &failed.got) {
            (PATH, Some(got)) => folder(got) == folder(&failed.wanted),
            (HOSTNAME | "method" | "service", _) | (_, None) => false,
            (_, Some(_)) => true,
        };
        self.fulfilled || self.near.failed.iter().any(is_near)
    }
}

/// What becomes of a request among the matches.
pub(super) struct Ranked<'a> {
    /// The match that wins.
    pub(super) found: Option<Found<'a>>,
    pub(super) winner: Option<Winner>,
    pub(super) runners_up: Vec<RunnerUp>,
    pub(super) near_misses: Vec<NearMiss>,
}

impl<'a> Matches<'a> {
    pub(super) fn new(
        listener: &'a Listener,
        spec: &'a RouteMatchSpec,
        sources: SourceMap<'a>,
    ) -> Self {
        let is_here = |route: &&RouteSpec| {
            let names = route.listeners.as_ref();
            names.is_none_or(|names| names.iter().any(|name| name == listener.name()))
        };
        let name = |route: &'a RouteSpec| {
            let kind = kind_name(route.kind).to_lowercase();
            let name = format!("{kind}/{}", full_name(route));
            (name, route)
        };
        Matches {
            listener,
            routes: spec.routes.iter().filter(is_here).map(name).collect(),
            sources,
        }
    }

    /// What becomes of a request. A preflight is tried with the method that it asks for, then as it
    /// is, and answered by the first of these matches that has a CORS filter.
    pub(super) fn rank(&self, head: &RequestHead) -> Ranked<'a> {
        if let Some(asked) = Cors::preflight_method(head) {
            for head in [&head.with_method(asked), head] {
                let found = self.matching(head);
                if found.first().is_some_and(has_cors) {
                    let method = Some(text(head.method()));
                    return self.ranked(&found, method, head);
                }
            }
        }
        self.ranked(&self.matching(head), None, head)
    }

    fn ranked(
        &self,
        found: &[Found<'a>],
        preflight_for: Option<String>,
        head: &RequestHead,
    ) -> Ranked<'a> {
        let (first, others) = match found.split_first() {
            Some((first, others)) => (Some(first), others),
            None => (None, found),
        };
        let runner_up = |one: &Found<'a>| {
            let (criterion, because) = criterion::between(&first?.entry.rank(), &one.entry.rank());
            Some(RunnerUp {
                r#match: self.name(one),
                criterion,
                because,
            })
        };
        Ranked {
            found: first.copied(),
            winner: first.map(|found| Winner {
                r#match: self.name(found),
                preflight_for,
            }),
            runners_up: others.iter().filter_map(runner_up).collect(),
            near_misses: self.near(head, first.is_some()),
        }
    }

    /// Where the rule of a match is written.
    pub(super) fn place(&self, found: &Found<'a>) -> Option<RuleSource<'a>> {
        let (rule, _) = found.entry.tie.order;
        let route = full_name(found.route);
        self.sources.rule(found.route.kind, &route, rule)
    }

    /// All that match, the highest rank first.
    fn matching(&self, head: &RequestHead) -> Vec<Found<'a>> {
        let host = head.host();
        let entries = self.listener.entries().iter();
        let matching = entries.filter(|one| one.hostname.matches(&host) && one.matches(head));
        matching.filter_map(|entry| self.written(entry)).collect()
    }

    fn written(&self, entry: &'a Entry<Matched>) -> Option<Found<'a>> {
        let (route, _) = entry.policy.name().split_once("/rule/")?;
        let route = *self.routes.get(route)?;
        let rule = route.spec.rules.get(entry.tie.order.0)?;
        Some(Found { entry, route, rule })
    }

    /// The matches that failed, the most similar first: those that fail in the fewest conditions, and
    /// of these those whose values are the most alike. Where another match wins, only those that have
    /// something in common with the request.
    fn near(&self, head: &RequestHead, has_winner: bool) -> Vec<NearMiss> {
        let by_match = self.by_match();
        let misses = by_match.iter().filter_map(|group| self.miss(group, head));
        let mut misses: Vec<Miss> = misses
            .filter(|miss| !has_winner || miss.is_close())
            .collect();
        misses.sort_by_key(|miss| {
            let alike: usize = miss.near.failed.iter().map(alike).sum();
            (miss.near.failed.len(), Reverse(alike))
        });
        misses.truncate(NEAR_MISSES);
        misses.into_iter().map(|miss| miss.near).collect()
    }

    /// What fails of a match that has these hostnames, if it does for each of them.
    fn miss(&self, hostnames: &[Found<'a>], head: &RequestHead) -> Option<Miss> {
        let host = head.host();
        let covering = hostnames
            .iter()
            .find(|one| one.entry.hostname.matches(&host));
        let found = covering.or(hostnames.first())?;
        let mut failed = Vec::new();
        if covering.is_none() {
            let names = hostnames.iter().map(|one| one.entry.hostname.to_string());
            failed.push(Failed {
                what: HOSTNAME.into(),
                wanted: names.collect::<Vec<_>>().join(" or "),
                got: Some(text(&host)),
            });
        }
        let mut fulfilled = false;
        for part in found.parts() {
            match part.failed(head) {
                Some(one) => failed.push(one),
                None => fulfilled |= !part.is_trivial(),
            }
        }
        let r#match = self.name(found);
        (!failed.is_empty()).then_some(Miss {
            near: NearMiss { r#match, failed },
            fulfilled,
        })
    }

    /// The entries of each match together, one for each of its hostnames.
    fn by_match(&self) -> Vec<Vec<Found<'a>>> {
        let mut groups: Vec<Vec<Found<'a>>> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for entry in self.listener.entries() {
            let name = entry.policy.name().rsplit_once('/').map(|(name, _)| name);
            let place = *places
                .entry(name.unwrap_or_default())
                .or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.extend(self.written(entry)),
                None => groups.push(self.written(entry).into_iter().collect()),
            }
        }
        groups
    }

    /// The matches that others with the same hostname and conditions always rank before.
    pub(super) fn shadowed(&self) -> Vec<Shadowed> {
        let mut first: HashMap<(String, Vec<String>), Found<'a>> = HashMap::new();
        let mut shadowed = Vec::new();
        for entry in self.listener.entries() {
            let Some(found) = self.written(entry) else {
                continue;
            };
            let mut conditions: Vec<String> = found.parts().iter().map(Part::canonical).collect();
            conditions.sort_unstable();
            let key = (entry.hostname.to_string(), conditions);
            match first.get(&key) {
                Some(by) => shadowed.push(Shadowed {
                    r#match: self.name(&found),
                    by: self.name(by),
                    because: criterion::between(&by.entry.rank(), &entry.rank()).1,
                }),
                None => {
                    first.insert(key, found);
                }
            }
        }
        shadowed
    }

    fn name(&self, found: &Found<'a>) -> MatchName {
        let (rule, index) = found.entry.tie.order;
        let place = self.place(found);
        MatchName {
            name: found.entry.policy.name().to_owned(),
            kind: kind_name(found.route.kind).to_owned(),
            route: full_name(found.route),
            rule,
            rule_name: found.rule.name.clone(),
            r#match: index,
            hostname: found.entry.hostname.to_string(),
            conditions: found.parts().iter().map(Part::text).collect(),
            place: place.map(|place| place.of_match(index, found.rule.matches.len())),
        }
    }
}

impl Found<'_> {
    /// `httproute/<namespace>/<name>/rule/<i>/match/<j>/<host>`.
    pub(super) fn name(&self) -> &str {
        self.entry.policy.name()
    }

    fn parts(&self) -> Vec<Part> {
        let everything = MatchSpec::default();
        let spec = self.rule.matches.get(self.entry.tie.order.1);
        parts(self.route.kind, spec.unwrap_or(&everything))
    }
}

/// A rule that can answer a preflight.
fn has_cors(found: &Found) -> bool {
    let is_cors = |filter: &FilterSpec| filter.kind == FilterKind::CORS;
    let mut backends = found.rule.backend_refs.iter();
    found.rule.filters.iter().any(is_cors)
        || backends.any(|backend| backend.filters.iter().any(is_cors))
}

/// How many characters two values have in common: hosts at the end, others at the beginning.
fn alike(failed: &Failed) -> usize {
    let got = failed.got.as_deref().unwrap_or_default();
    let common = |wanted: &mut dyn Iterator<Item = char>, got: &mut dyn Iterator<Item = char>| {
        wanted.zip(got).take_while(|(a, b)| a == b).count()
    };
    match failed.what.as_str() {
        HOSTNAME => common(&mut failed.wanted.chars().rev(), &mut got.chars().rev()),
        _ => common(&mut failed.wanted.chars(), &mut got.chars()),
    }
}

/// What a near miss calls the hostname of listener and route.
const HOSTNAME: &str = "hostname";

fn full_name(route: &RouteSpec) -> String {
    format!("{}/{}", route.metadata.namespace, route.metadata.name)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
