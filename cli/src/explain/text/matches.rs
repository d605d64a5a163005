//! Which match wins, and which don't.

use super::{DIM, RED, YELLOW, placed};
use crate::explain::facts::{Explanation, MatchName, NearMiss, RunnerUp, Shadowed};

/// Runners-up and shadowed matches that are written out.
const SHOWN: usize = 10;

pub(super) fn winner(explanation: &Explanation) -> Vec<String> {
    if let Some(why) = &explanation.before_filters {
        return vec![format!(
            "none is looked for: Envoy answers before any filter runs, {why}"
        )];
    }
    let Some(winner) = &explanation.winner else {
        return vec![format!("{RED}none{RED:#}")];
    };
    let mut lines = match_lines(&winner.r#match);
    lines.extend(
        winner
            .preflight_for
            .as_ref()
            .map(|method| format!("as the CORS preflight of a request with method {method}")),
    );
    lines
}

fn match_lines(one: &MatchName) -> Vec<String> {
    vec![
        format!("{}{}", match_text(one), placed(one.place.as_ref())),
        format!("{DIM}{}{DIM:#}", conditions(one)),
    ]
}

/// `HTTPRoute default/app rule 0 (name), match 1`.
fn match_text(one: &MatchName) -> String {
    let MatchName {
        kind,
        route,
        rule,
        r#match,
        ..
    } = one;
    let name = one.rule_name.as_ref().map(|name| format!(" ({name})"));
    let name = name.unwrap_or_default();
    format!("{kind} {route} rule {rule}{name}, match {}", r#match)
}

fn conditions(one: &MatchName) -> String {
    let hostname = match one.hostname.as_str() {
        "*" => "every host".to_owned(),
        name => format!("host {name}"),
    };
    let conditions = one.conditions.iter().cloned();
    let all: Vec<String> = std::iter::once(hostname).chain(conditions).collect();
    all.join(", ")
}

pub(super) fn runner_up(one: &RunnerUp) -> Vec<String> {
    let mut lines = match_lines(&one.r#match);
    lines.push(format!("  loses by {}", one.because));
    lines
}

pub(super) fn near_miss(miss: &NearMiss) -> Vec<String> {
    let one = &miss.r#match;
    let mut lines = vec![format!("{}{}", match_text(one), placed(one.place.as_ref()))];
    lines.extend(miss.failed.iter().map(|failed| {
        let got = failed.got.as_deref().unwrap_or("nothing");
        format!("  {}: wanted {}, got {got}", failed.what, failed.wanted)
    }));
    lines
}

pub(super) fn shadowed(one: &Shadowed) -> Vec<String> {
    let (name, by) = (&one.r#match, &one.by);
    let place = placed(name.place.as_ref());
    vec![
        format!("{YELLOW}{}{YELLOW:#}{place}", match_text(name)),
        format!("{DIM}{}{DIM:#}", conditions(name)),
        format!(
            "  can never win: {}{} asks for the same and ranks first",
            match_text(by),
            placed(by.place.as_ref())
        ),
        format!("  by {}", one.because),
    ]
}

/// The first of them, and how many more there are.
pub(super) fn first(all: Vec<Vec<String>>) -> Vec<String> {
    let more = all.len().saturating_sub(SHOWN);
    let shown = all.into_iter().take(SHOWN).flatten();
    let more = (more > 0).then(|| format!("and {more} more"));
    shown.chain(more).collect()
}
