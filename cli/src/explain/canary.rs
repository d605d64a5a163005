//! How a canary came to its choice.
//!
//! The choice itself is the filter's. What decided is found by asking the SDK's canaries again, with all
//! but one thing taken away.

use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::split::spec::{
    CanaryFilterSpec, CanarySpec, Finish, OverrideSpec, RampMode, RampSpec, SessionType,
};
use gateway_filter_sdk::split::{Canaries, CanaryAction};

use super::facts::text_of;
use super::facts::{CanaryFacts, DecidedBy};
use super::limits::key_text;
use super::source_location::SourceMap;
use gateway_harness::exchange::Headers;

/// A request that a canary may have decided on.
pub(super) struct Decided<'a> {
    /// As the filter saw it.
    pub(super) head: RequestHead<'a>,
    /// With the time, and what the filter keeps.
    pub(super) host: MockHost,
    /// The name of the match that won.
    pub(super) route: &'a str,
    /// The backend that was named.
    pub(super) backend: Option<&'a str>,
    /// Headers of the response.
    pub(super) response: &'a Headers,
}

/// The canary that decided on a request, and its share at that time in per cent.
pub(super) struct Found<'s> {
    pub(super) spec: &'s CanarySpec,
    pub(super) percent: Option<f64>,
}

/// The first canary that is for the request.
pub(super) fn find<'s>(spec: &'s CanaryFilterSpec, decided: &Decided) -> Option<Found<'s>> {
    let alone = |canary: &CanarySpec| {
        let alone = CanaryFilterSpec {
            canaries: vec![canary.clone()],
            ..spec.clone()
        };
        Canaries::new(&alone, &decided.host).ok()
    };
    let mut canaries = spec.canaries.iter();
    canaries.find_map(|canary| {
        let canaries = alone(canary)?;
        let selection = canaries
            .decide(decided.route, &decided.head, &decided.host)
            .ok()?;
        if matches!(selection.action, CanaryAction::Pass) {
            return None;
        }
        canaries.tick(&decided.host);
        let share = format!("canary.{}.share_ppm", canary.name);
        let metrics = decided.host.metrics.borrow();
        let share = metrics.iter().find(|(name, _)| *name == share);
        Some(Found {
            spec: canary,
            percent: share.map(|(_, share)| *share as f64 / 10_000.0),
        })
    })
}

pub(super) fn facts(
    found: &Found,
    decided: &Decided,
    seed: u64,
    sources: SourceMap,
) -> CanaryFacts {
    let spec = found.spec;
    let (decided_by, because) = reason(spec, decided, seed);
    let canary = match spec.backends.is_empty() {
        true => Some("canary"),
        false => spec.canary.as_deref(),
    };
    let side = canary.zip(decided.backend).map(|(canary, backend)| {
        let side = if canary == backend {
            "canary"
        } else {
            "stable"
        };
        side.to_owned()
    });
    CanaryFacts {
        name: spec.name.clone(),
        place: sources.policy("canaries", &spec.name),
        percent: found.percent,
        plan: plan(spec),
        decided_by,
        because,
        side,
    }
}

/// Where the share comes from.
fn plan(spec: &CanarySpec) -> String {
    let total = spec.weight_total.unwrap_or(100);
    match (&spec.ramp, spec.weight) {
        (Some(ramp), _) => ramp_text(ramp, total),
        (None, Some(weight)) => format!("weight {weight} of {total}"),
        (None, None) => "weights of the backendRefs".into(),
    }
}

fn ramp_text(ramp: &RampSpec, total: u32) -> String {
    match ramp.finish {
        Some(Finish::Promote) => return "ramp finished: Promote".into(),
        Some(Finish::Abort) => return "ramp finished: Abort".into(),
        None => {}
    }
    let steps = ramp.steps.iter().map(|step| match &step.duration {
        Some(duration) => format!("{} for {duration}", step.weight),
        None => step.weight.to_string(),
    });
    let steps: Vec<String> = steps.collect();
    let (mode, start) = (&ramp.mode, &ramp.start);
    let mode = match mode {
        RampMode::Stepwise => "ramp",
        RampMode::Linear => "linear ramp",
    };
    let pauses = match ramp.pauses.len() {
        0 => String::new(),
        count => format!(", {count} pause(s)"),
    };
    format!(
        "{mode} from {start}: {} of {total}{pauses}",
        steps.join(", then ")
    )
}

/// What decided, in the order of the filter.
fn reason(spec: &CanarySpec, decided: &Decided, seed: u64) -> (DecidedBy, String) {
    let text = |value: Vec<u8>| text_of(&value);
    let value = |key: &gateway_filter_sdk::key::KeySpec| {
        let value = key.value(&decided.head, &decided.host);
        value.map(text).unwrap_or_default()
    };
    for (at, one) in spec.overrides.iter().enumerate() {
        if forced(one, decided) {
            let (key, value) = (key_text(&one.key), value(&one.key));
            return (
                DecidedBy::Override,
                format!("override {at}: {key} is {value}"),
            );
        }
    }
    if let Some(name) = session(spec, decided) {
        return (DecidedBy::Session, format!("the session {name}"));
    }
    let sticky = spec.sticky.iter();
    let sticky: Vec<String> = sticky
        .flat_map(|sticky| &sticky.keys)
        .filter(|key| key.value(&decided.head, &decided.host).is_some())
        .map(|key| format!("{} is {}", key_text(key), value(key)))
        .collect();
    if !sticky.is_empty() {
        return (
            DecidedBy::Sticky,
            format!("the client's key: {}", sticky.join(", ")),
        );
    }
    let cookie = spec
        .sticky
        .as_ref()
        .and_then(|sticky| sticky.cookie.as_ref());
    if let Some(cookie) = cookie {
        let name = &cookie.name;
        let held = decided.head.cookie(name.as_bytes());
        return match held.filter(|value| !value.is_empty()) {
            Some(held) => (
                DecidedBy::Sticky,
                format!("the client's key: cookie {name} is {}", text_of(held)),
            ),
            None => (
                DecidedBy::Chance,
                format!("chance, seed {seed}: a new client, which gets the cookie {name}"),
            ),
        };
    }
    (DecidedBy::Chance, format!("chance, seed {seed}"))
}

/// Whether an override decides: it sends the request to one side whatever the weight.
fn forced(one: &OverrideSpec, decided: &Decided) -> bool {
    let sent_with = |weight: u32| {
        let spec = CanarySpec {
            name: "override".into(),
            overrides: vec![one.clone()],
            weight: Some(weight),
            ..CanarySpec::default()
        };
        let spec = CanaryFilterSpec {
            canaries: vec![spec],
            ..CanaryFilterSpec::default()
        };
        let canaries = Canaries::new(&spec, &decided.host).ok()?;
        let selection = canaries.decide("", &decided.head, &decided.host).ok()?;
        match selection.action {
            CanaryAction::Forward { backend, .. } => Some(backend == "canary"),
            CanaryAction::Pass | CanaryAction::Reply(_) => None,
        }
    };
    sent_with(0).is_some() && sent_with(0) == sent_with(100)
}

/// The session that decided: the request brought it along, and the response does not begin another.
fn session(spec: &CanarySpec, decided: &Decided) -> Option<String> {
    let session = spec.session_persistence.as_ref()?;
    let name = session.name(&spec.name);
    let is_header = session.kind == Some(SessionType::Header);
    let held = match is_header {
        true => decided.head.header(name.to_ascii_lowercase().as_bytes())?,
        false => decided.head.cookie(name.as_bytes())?.into(),
    };
    let carrier = match is_header {
        true => name.to_ascii_lowercase(),
        false => "set-cookie".into(),
    };
    let lines = decided
        .response
        .iter()
        .filter(|(line, _)| *line == carrier.as_bytes());
    let given = lines.filter_map(|(_, value)| match is_header {
        true => Some(text_of(value)),
        false => cookie(&text_of(value), &name),
    });
    // One that goes on keeps its backend and its beginning; of one that is not timed nothing is sent.
    let goes_on = |given: &String| same_session(given, &text_of(&held));
    given
        .into_iter()
        .next()
        .is_none_or(|given| goes_on(&given))
        .then_some(name)
}

/// Backend and beginning of two tokens, `<backend>.<begun>.<last seen>`, are the same.
fn same_session(one: &str, other: &str) -> bool {
    let begin = |token: &str| token.rsplit_once('.').map(|(begin, _)| begin.to_owned());
    begin(one).is_some() && begin(one) == begin(other)
}

/// The value in a `set-cookie` line of that name.
fn cookie(line: &str, name: &str) -> Option<String> {
    let value = line.strip_prefix(name)?.strip_prefix('=')?;
    let value = value.split(';').next().unwrap_or_default();
    Some(value.trim_matches('"').to_owned())
}
