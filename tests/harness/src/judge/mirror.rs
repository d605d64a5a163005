//! Copies of requests at mirror backends.

use crate::exchange::Seen;
use crate::scenario::Backends;
use crate::scenario::model::{Copies, MirroredTo, Trial};

use super::{ABSENT, Findings, Mismatch};

/// Each mirror must have got a request with the path and query that the backend must see. `received`
/// is what all backends saw of the one that was sent.
pub(crate) fn copied(trial: &Trial, received: &[Seen], backends: &Backends) -> Vec<Mismatch> {
    let stated = trial.expected.request.as_ref();
    let path = stated.and_then(|seen| seen.path.as_ref());
    let path = path.unwrap_or(&trial.request.path);
    let mut found = Findings::default();
    for mirror in &trial.mirrored_to {
        let mut got: Vec<_> = at(mirror, received, backends)
            .map(|seen| seen.path.as_str())
            .collect();
        if got.contains(&path.as_str()) {
            continue;
        }
        if got.is_empty() {
            got.push(ABSENT);
        }
        found.add(format!("mirroredTo.{mirror}"), path, got.join(", "));
    }
    found.0
}

/// Each mirror must have got as many copies as are due.
pub(crate) fn copies(wanted: &[Copies], received: &[Seen], backends: &Backends) -> Vec<Mismatch> {
    let mut found = Findings::default();
    for Copies { to, min, max } in wanted {
        let got = at(to, received, backends).count();
        let count = u32::try_from(got).map_or(f64::MAX, f64::from);
        if !(*min..=*max).contains(&count) {
            let field = format!("mirrorDistribution.{to}");
            found.add(field, format!("{min} to {max} copies"), got.to_string());
        }
    }
    found.0
}

fn at<'a>(
    mirror: &'a MirroredTo,
    received: &'a [Seen],
    backends: &'a Backends,
) -> impl Iterator<Item = &'a Seen> {
    received.iter().filter(|seen| {
        let name = backends.behind(&seen.namespace, &seen.service);
        seen.namespace == mirror.namespace && name == mirror.name
    })
}
