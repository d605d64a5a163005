//! The requests that backends remember.

use std::sync::{Mutex, PoisonError};

use super::Report;
use crate::exchange::{REQUEST_ID, Seen};

/// What backends saw of the requests with a [`REQUEST_ID`]; of all others, such as those of a load,
/// nothing is kept.
#[derive(Debug, Default)]
pub struct Journal(Mutex<Vec<Seen>>);

impl Journal {
    pub(super) fn note(&self, report: &Report) {
        if report.path.contains(REQUEST_ID) {
            let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            entries.push(report.clone().into());
        }
    }

    /// What backends saw of the requests with this id, in the order in which they came.
    pub(in crate::envoy) fn of(&self, id: &str) -> Vec<Seen> {
        let wanted = format!("{REQUEST_ID}={id}");
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = entries.iter().filter(|seen| seen.path.contains(&wanted));
        found.cloned().collect()
    }
}
