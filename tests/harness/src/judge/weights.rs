//! How requests spread over backends.

use std::collections::BTreeMap;

use crate::exchange::Seen;
use crate::scenario::Backends;
use crate::scenario::model::Weights;

use super::{Findings, Mismatch};

/// Requests counted by the backend that answered.
#[derive(Default)]
pub(crate) struct Distribution(BTreeMap<String, u32>);

impl Distribution {
    /// Counts an answer, if a backend gave it.
    pub(crate) fn count(&mut self, seen: Option<&Seen>, backends: &Backends) {
        let Some(seen) = seen else { return };
        let name = backends.behind(&seen.namespace, &seen.service);
        *self.0.entry(name.to_owned()).or_default() += 1;
    }

    /// Compares the shares: within the tolerance, and none at all where none is due.
    pub(crate) fn judge(&self, wanted: &Weights) -> Vec<Mismatch> {
        let mut found = Findings::default();
        for (name, share) in &wanted.shares {
            let count = self.0.get(name).copied().unwrap_or(0);
            let got = f64::from(count) / f64::from(wanted.requests);
            let fits = if *share > 0.0 {
                (got - share).abs() <= wanted.tolerance
            } else {
                count == 0
            };
            if !fits {
                let tolerance = wanted.tolerance;
                found.add(
                    format!("weights.expected.{name}"),
                    if *share > 0.0 {
                        format!("{share} ± {tolerance}")
                    } else {
                        "0".to_owned()
                    },
                    format!("{got:.3} ({count} of {})", wanted.requests),
                );
            }
        }
        found.0
    }
}
