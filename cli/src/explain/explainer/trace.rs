//! Why the filters did what they did, from what was seen between them.

use std::net::SocketAddr;

use gateway_bundle::ServedRule;
use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::router::BACKEND_HEADER;

use super::{Explainer, LOOPBACK, lock};
use crate::explain::backend::{self, Instead};
use crate::explain::facts::text_of;
use crate::explain::facts::{Explanation, RouteFilter};
use crate::explain::matches::{Found, Matches, Ranked};
use crate::explain::request::Request;
use crate::explain::source_location::RuleSource;
use crate::explain::{canary, filters, limits};
use gateway_harness::exchange::{Answer, Direction, Headers, Passage};

/// The filter that a bundle loads.
const FILTER: &str = "gateway";

/// One request on its way, as far as it has been explained.
pub(super) struct Trip<'a> {
    pub(super) request: &'a Request,
    pub(super) answer: &'a Answer,
    pub(super) listener: &'a str,
}

impl Explainer<'_> {
    /// Why the filters did what they did.
    pub(super) fn trace(&self, trip: &Trip, explanation: &mut Explanation) {
        let passages = &trip.answer.passages;
        let Some(first) = passages.first() else {
            explanation.before_filters = trip.answer.why.last().cloned();
            return;
        };
        let head = head(&first.before);
        let Some(listener) = self
            .router
            .listener_for(Some(trip.request.exchange.port), &head.host())
        else {
            return;
        };
        let matches = Matches::new(listener, &self.gateway.route_match, self.sources);
        let Ranked {
            found,
            winner,
            runners_up,
            near_misses,
        } = matches.rank(&head);
        explanation.winner = winner;
        explanation.runners_up = runners_up;
        explanation.near_misses = near_misses;
        explanation.shadowed = matches.shadowed();
        let place = found.as_ref().and_then(|found| matches.place(found));
        if let Some(found) = &found {
            self.trace_rule(trip, found, place, explanation);
        }
        let preflight = explanation.winner.as_ref();
        let preflight = preflight.is_some_and(|winner| winner.preflight_for.is_some());
        let of_route = self.route_filters(place, trip.answer, preflight);
        explanation.filters = filters::facts(passages, of_route);
        if let Some(found) = found.as_ref().filter(|_| !preflight) {
            self.trace_limits(trip, found, explanation);
        }
        let calls = lock(&self.calls);
        explanation.asked_of_service = calls.iter().filter_map(limits::question).collect();
    }

    fn trace_rule(
        &self,
        trip: &Trip,
        found: &Found,
        place: Option<RuleSource>,
        explanation: &mut Explanation,
    ) {
        let seed = self.options.seed;
        explanation.left_to_envoy = self.left_to_envoy(found);
        explanation.conditions = place.map_or(Vec::new(), |place| self.sources.conditions(place));

        let chosen = backend_of(trip.answer);
        let decided = self.decided(trip, found, chosen.as_deref());
        let canary = self.gateway.canary.as_ref().zip(decided.as_ref());
        let canary = canary.and_then(|(spec, decided)| canary::find(spec, decided));
        if let Some((found, decided)) = canary.as_ref().zip(decided.as_ref()) {
            let mut facts = canary::facts(found, decided, seed, self.sources);
            // One that no policy asks for is the rule's own session.
            facts.place = facts.place.or_else(|| Some(place?.place()));
            explanation.canary = Some(facts);
        }
        let replied = trip.answer.passages.iter().find(|one| one.replied);
        let instead = Instead {
            filter: replied.map(|passage| passage.filter.as_str()),
            status: trip.answer.status,
        };
        let chosen = chosen.as_deref().ok_or(instead);
        let facts = backend::facts(
            found.rule,
            place,
            self.sources,
            canary.as_ref(),
            chosen,
            seed,
        );
        if facts.chosen.is_none() && explanation.conditions.is_empty() {
            let refused_whole = found.rule.backend_refs.is_empty()
                && place.is_some_and(|place| !place.backend_refs().is_empty());
            if refused_whole && facts.shares.is_empty() {
                explanation.conditions = self.sources.refused_policies();
            }
        }
        explanation.backend = Some(facts);
    }

    /// The features of a rule that are Envoy's work.
    fn left_to_envoy(&self, found: &Found) -> Vec<String> {
        let is_here = |rule: &&ServedRule| {
            let start = format!("{}/", rule.full_name());
            found.name().starts_with(&start)
        };
        let rules = self.gateway.rules.iter().filter(is_here);
        let features = rules.flat_map(|rule| rule.native.features());
        features.map(str::to_owned).collect()
    }

    fn trace_limits(&self, trip: &Trip, found: &Found, explanation: &mut Explanation) {
        let passage = passage(trip.answer);
        if let (Some(spec), Some(passage)) = (&self.gateway.rate_limit, passage) {
            let seen = limits::Seen {
                head: head(&passage.before),
                host: self.mock(trip, &passage.before),
                route: found.name(),
                listener: trip.listener,
            };
            explanation.limits = limits::local(spec, &seen, self.sources);
        }
    }

    /// What a canary had before it, if the request came so far: the rule and the limits answer first.
    fn decided<'a>(
        &self,
        trip: &Trip<'a>,
        found: &'a Found,
        backend: Option<&'a str>,
    ) -> Option<canary::Decided<'a>> {
        let passage = passage(trip.answer)?;
        let own_answer = backend::answers(found.rule);
        let asked = !passage.replied || (trip.answer.status == 500 && !own_answer);
        asked.then(|| canary::Decided {
            head: head(&passage.before),
            host: self.mock(trip, &passage.before),
            route: found.name(),
            backend,
            response: &trip.answer.headers,
        })
    }

    /// The filters of the rule, and of the backendRef that was chosen. Of them a preflight meets the
    /// CORS filter alone.
    fn route_filters(
        &self,
        place: Option<RuleSource>,
        answer: &Answer,
        preflight: bool,
    ) -> Vec<RouteFilter> {
        let Some(place) = place else {
            return Vec::new();
        };
        let chosen = backend_of(answer);
        let chosen = chosen.and_then(|chosen| place.backend_of(&chosen));
        let filters = place.filters(chosen).into_iter();
        let met = filters.filter(|(kind, _)| !preflight || kind == "CORS");
        met.map(|(kind, place)| RouteFilter {
            r#type: kind,
            place,
        })
        .collect()
    }

    /// A host that shows what a filter saw: the time, the listener, the client, and shared data.
    fn mock(&self, trip: &Trip, headers: &Headers) -> MockHost {
        let client = head(headers).source.unwrap_or(LOOPBACK);
        let host = MockHost::default()
            .attribute("source.address", SocketAddr::new(client, 0).to_string())
            .attribute("xds.virtual_host_name", format!("{}/*", trip.listener));
        host.time.set(self.envoy.process().clock().nanoseconds());
        host.shared.replace(self.envoy.shared_data(FILTER));
        host
    }
}

/// The request as a filter found it. Envoy writes the client's address into a header.
fn head(headers: &Headers) -> RequestHead<'_> {
    let entries = headers
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()));
    let mut head = RequestHead::new(entries);
    let client = head.header(b"x-envoy-external-address");
    head.source = client.and_then(|client| text_of(&client).parse().ok());
    head
}

fn passage(answer: &Answer) -> Option<&Passage> {
    let mut passages = answer.passages.iter();
    passages.find(|one| one.filter == FILTER && one.of == Direction::Request)
}

/// The backend that a request was sent to.
pub(super) fn backend_of(answer: &Answer) -> Option<String> {
    let seen = answer.seen.as_ref()?;
    let mut headers = seen.headers.iter();
    let named = headers.find(|(name, _)| name == BACKEND_HEADER.as_bytes());
    named.map(|(_, value)| text_of(value))
}
