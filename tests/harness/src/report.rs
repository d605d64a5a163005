//! What a run says about itself: for people, for programs, for CI.

pub mod agreement;
pub mod json;
pub mod junit;
pub mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::host::HostKind;
use crate::runner::{Outcome, Verdict};

/// A case and its outcomes, one for each host that it met.
#[derive(Debug)]
pub struct Row<'a> {
    /// The outcomes, in the order of the hosts; never empty.
    pub outcomes: Vec<&'a Outcome>,
}

impl Row<'_> {
    /// Whether some host passes what another one fails.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.any(is_failure) && self.any(|verdict| matches!(verdict, Verdict::Passed))
    }

    fn any(&self, fits: impl Fn(&Verdict) -> bool) -> bool {
        self.outcomes.iter().any(|outcome| fits(&outcome.verdict))
    }
}

/// Groups the outcomes of several hosts by case, in the order of the first host.
#[must_use]
pub fn rows<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut places = BTreeMap::new();
    for outcome in outcomes {
        let key = (&outcome.file, outcome.line, &outcome.case);
        let place = *places.entry(key).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(row) => row.outcomes.push(outcome),
            None => rows.push(Row {
                outcomes: vec![outcome],
            }),
        }
    }
    rows
}

/// What of a scenario's manifests was refused or ignored, by the path of its `cases.yaml`: a line
/// with file, line and condition for each.
pub type Conditions = BTreeMap<PathBuf, Vec<String>>;

/// How many cases passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Passed on at least one host and failed on none.
    pub passed: usize,
    /// Failed, or without an answer, on at least one host.
    pub failed: usize,
    /// Run on no host.
    pub skipped: usize,
}

impl Tally {
    /// Counts cases; one that ran on several hosts is one case.
    #[must_use]
    pub fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Self {
        let mut tally = Self::default();
        for row in rows(outcomes) {
            let count = if row.any(is_failure) {
                &mut tally.failed
            } else if row.any(|verdict| matches!(verdict, Verdict::Passed)) {
                &mut tally.passed
            } else {
                &mut tally.skipped
            };
            *count += 1;
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            skipped,
        } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

fn is_failure(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Failed(_) | Verdict::Error { .. })
}

/// The hosts of the outcomes, in order.
fn hosts(outcomes: &[Outcome]) -> Vec<HostKind> {
    let mut hosts = Vec::new();
    for outcome in outcomes {
        if !hosts.contains(&outcome.host) {
            hosts.push(outcome.host);
        }
    }
    hosts
}

/// Bytes as text, whatever they are.
fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
