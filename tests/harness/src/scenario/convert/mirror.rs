//! Copies of requests, from the file's layer to the model.

use super::super::format::{self, Trial as Stated};
use super::super::model::{Copies, MirroredTo, Mirrors};
use super::{Defaults, Wrong, single, wrong};

/// Backends have counts of their own, or all of `mirroredTo` the same.
pub(super) fn distribution(
    stated: format::MirrorDistribution,
    mut case: Stated,
    defaults: &Defaults<'_>,
) -> Result<Mirrors, Wrong> {
    let field = "mirrorDistribution";
    if stated.requests == 0 || stated.attempts == 0 {
        return wrong(field, "requests and attempts must be at least 1");
    }
    let common = stated.min_count.zip(stated.max_count);
    let copies: Vec<_> = match (stated.backends, common) {
        (Some(counts), None) if stated.min_count.or(stated.max_count).is_none() => {
            let counts = counts.into_iter().map(|count| {
                Ok(Copies {
                    to: backend(count.name, count.namespace, &case)?,
                    min: count.min_count,
                    max: count.max_count,
                })
            });
            counts.collect::<Result<_, Wrong>>()?
        }
        (None, Some((min, max))) => {
            let to = backends(case.mirrored_to.clone(), &case)?.into_iter();
            to.map(|to| Copies { to, min, max }).collect()
        }
        _ => return wrong(field, "needs either minCount and maxCount, or backends"),
    };
    if copies.is_empty() {
        return wrong(field, "neither it nor mirroredTo names a backend");
    }
    case.mirrored_to.clear();
    Ok(Mirrors {
        trial: single(case, defaults)?,
        requests: stated.requests,
        copies,
        attempts: stated.attempts,
    })
}

pub(super) fn backends(
    stated: Vec<format::MirroredTo>,
    case: &Stated,
) -> Result<Vec<MirroredTo>, Wrong> {
    let all = stated.into_iter();
    all.map(|one| backend(one.name, one.namespace, case))
        .collect()
}

/// Where none is stated, its namespace is that of the backend that answers.
fn backend(name: String, namespace: Option<String>, case: &Stated) -> Result<MirroredTo, Wrong> {
    match namespace.or_else(|| case.namespace.clone()) {
        Some(namespace) => Ok(MirroredTo { namespace, name }),
        None => wrong(
            "mirroredTo",
            format!("the namespace of {name} is not stated"),
        ),
    }
}
