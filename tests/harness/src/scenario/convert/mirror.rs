//! Copies of requests, from the file's layer to the model.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::super::format::{self, Entry};
use super::super::model::{Copies, MirroredTo, Mirrors};
use super::{Defaults, Wrong, single, wrong};

/// `mirrorDistribution`. Counts for each backend may be a list or a map by name; where there are
/// none, those at the top are for each backend of `mirroredTo`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Distribution {
    requests: u32,
    #[serde(default = "one")]
    attempts: u32,
    request: Option<format::Request>,
    response: Option<format::Response>,
    #[serde(
        alias = "expected",
        alias = "mirroredTo",
        alias = "mirrors",
        alias = "counts"
    )]
    backends: Option<Value>,
    min_count: Option<f64>,
    max_count: Option<f64>,
    #[serde(alias = "backend")]
    name: Option<String>,
    namespace: Option<String>,

    #[serde(rename = "percent")]
    _percent: Option<IgnoredAny>,
    #[serde(rename = "fraction")]
    _fraction: Option<IgnoredAny>,
    #[serde(rename = "tolerance")]
    _tolerance: Option<IgnoredAny>,
    #[serde(rename = "tolerancePercent", alias = "tolerancePercentage")]
    _tolerance_percent: Option<IgnoredAny>,
    #[serde(rename = "concurrency")]
    _concurrency: Option<IgnoredAny>,
    #[serde(rename = "notes")]
    _notes: Option<IgnoredAny>,
}

/// The counts of one backend.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Count {
    #[serde(alias = "backend")]
    name: Option<String>,
    namespace: Option<String>,
    #[serde(alias = "min")]
    min_count: f64,
    #[serde(alias = "max")]
    max_count: f64,

    #[serde(rename = "percent")]
    _percent: Option<IgnoredAny>,
    #[serde(rename = "fraction")]
    _fraction: Option<IgnoredAny>,
    #[serde(rename = "expected", alias = "expectedCount")]
    _expected: Option<IgnoredAny>,
}

fn one() -> u32 {
    1
}

pub(super) fn distribution(
    stated: Value,
    mut entry: Entry,
    defaults: &Defaults<'_>,
) -> Result<Mirrors, Wrong> {
    let field = "mirrorDistribution";
    let stated: Distribution =
        serde_json::from_value(stated).or_else(|error| wrong(field, error.to_string()))?;
    if stated.requests == 0 || stated.attempts == 0 {
        return wrong(field, "requests and attempts must be at least 1");
    }
    let copies = match stated.backends {
        Some(counts) => counted(counts, stated.namespace.as_ref(), &entry)?,
        None => {
            let (Some(min), Some(max)) = (stated.min_count, stated.max_count) else {
                return wrong(field, "needs minCount and maxCount");
            };
            let to = match stated.name {
                Some(name) => vec![backend(name, stated.namespace, &entry)?],
                None => backends(entry.mirrored_to.clone(), &entry)?,
            };
            to.into_iter().map(|to| Copies { to, min, max }).collect()
        }
    };
    if copies.is_empty() {
        return wrong(field, "neither it nor mirroredTo names a backend");
    }
    entry.mirrored_to.clear();
    entry.request = entry.request.or(stated.request);
    entry.response = entry.response.or(stated.response);
    Ok(Mirrors {
        trial: single(entry, defaults)?,
        requests: stated.requests,
        copies,
        attempts: stated.attempts,
    })
}

fn counted(counts: Value, namespace: Option<&String>, entry: &Entry) -> Result<Vec<Copies>, Wrong> {
    let named: Vec<(Option<String>, Value)> = match counts {
        Value::Array(list) => list.into_iter().map(|count| (None, count)).collect(),
        Value::Object(map) => map
            .into_iter()
            .map(|(name, count)| (Some(name), count))
            .collect(),
        _ => return wrong("mirrorDistribution.backends", "is neither a list nor a map"),
    };
    let copies = named
        .into_iter()
        .enumerate()
        .map(|(number, (name, count))| {
            let field = format!("mirrorDistribution.backends[{number}]");
            let count: Count =
                serde_json::from_value(count).or_else(|error| wrong(&field, error.to_string()))?;
            let Some(name) = name.or(count.name) else {
                return wrong(&field, "needs a name");
            };
            let namespace = count.namespace.or_else(|| namespace.cloned());
            Ok(Copies {
                to: backend(name, namespace, entry)?,
                min: count.min_count,
                max: count.max_count,
            })
        });
    copies.collect()
}

pub(super) fn backends(
    stated: Vec<format::MirroredTo>,
    entry: &Entry,
) -> Result<Vec<MirroredTo>, Wrong> {
    let all = stated.into_iter();
    all.map(|one| backend(one.name, one.namespace, entry))
        .collect()
}

/// Where none is stated, its namespace is that of the backend that answers.
fn backend(name: String, namespace: Option<String>, entry: &Entry) -> Result<MirroredTo, Wrong> {
    match namespace.or_else(|| entry.namespace.clone()) {
        Some(namespace) => Ok(MirroredTo { namespace, name }),
        None => wrong(
            "mirroredTo",
            format!("the namespace of {name} is not stated"),
        ),
    }
}
