//! Scenarios: manifests, and requests with what each must get.
//!
//! A scenario is a folder with `cases.yaml` and `manifests.yaml`, or with the name of another folder
//! whose YAML files are its manifests. The cases are either independent
//! (`cases:`, as in the conformance suite of the Gateway API) or steps in order (`steps:`, as in
//! Envoy Gateway's end-to-end tests, where each step may use what earlier ones left).
//! docs/scenarios.md describes the format, [`schema`] is its JSON Schema.
//!
//! The forms differ in one thing: of a step that names a backend, the backend must see what was sent
//! unless the step says otherwise; of a case, a request that is not stated is not compared.

mod backends;
mod convert;
mod error;
mod format;
mod jwt;
pub mod model;
pub mod skip;
mod variables;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use self::backends::Backends;
use self::convert::Defaults;
pub use self::error::{InvalidFile, LoadError};
pub use self::format::schema;
use self::model::SecretCertificate;
pub use self::model::{Case, GatewayRef, Scenario};
use self::skip::Feature;
pub(crate) use self::variables::{Captured, fill, numbered, uuid, variables_of};
use self::yaml::YamlFile;
use crate::manifest_files;
use crate::model::JwtRequirement;

const CASES: &str = "cases.yaml";
const MANIFESTS: &str = "manifests.yaml";
const DEPTH: usize = 2;

/// Reads all scenarios at a path: the folder itself, or those up to two folders below, sorted.
///
/// # Errors
///
/// If there is none, or the first of them that cannot be read.
pub fn load(path: &Path) -> Result<Vec<Scenario>, LoadError> {
    let mut folders = Vec::new();
    find(path, DEPTH, &mut folders)?;
    if folders.is_empty() {
        return Err(LoadError::NoScenario(path.to_owned()));
    }
    folders.into_iter().map(read).collect()
}

/// Keeps the cases whose `SCENARIO/CASE` contains the text. Steps need one another: a scenario of
/// steps is kept or dropped as a whole.
pub fn retain_named(scenarios: &mut Vec<Scenario>, text: &str) {
    for scenario in scenarios.iter_mut() {
        let fits = |case: &Case| format!("{}/{}", scenario.name, case.name).contains(text);
        if scenario.ordered && scenario.cases.iter().any(fits) {
            continue;
        }
        let name = scenario.name.clone();
        scenario
            .cases
            .retain(|case| format!("{name}/{}", case.name).contains(text));
    }
    scenarios.retain(|scenario| !scenario.cases.is_empty());
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    if folder.join(CASES).is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    let below = entries(folder)?.into_iter().filter(|path| path.is_dir());
    for folder in below.filter(|_| depth > 0) {
        find(&folder, depth - 1, found)?;
    }
    Ok(())
}

fn read(dir: PathBuf) -> Result<Scenario, LoadError> {
    let cases_file = YamlFile::read(dir.join(CASES))?;
    let file: format::File = cases_file.document()?;
    let manifests = manifests(&dir, file.manifest_folder.as_deref())?;
    let documents = documents(&manifests)?;
    let mut features = backends::features(&documents);
    features.extend(group_feature(file.group.as_deref()));
    let jwt = jwt_requirements(&documents, &file.files, &dir, &mut features);
    let ordered = file.steps.is_some();
    let defaults = Defaults {
        gateway: file.gateway.as_ref(),
        steps: ordered,
    };
    let (list, entries) = match (file.cases, file.steps) {
        (Some(cases), None) => ("cases", cases),
        (None, Some(steps)) => ("steps", steps),
        _ => return Err(cases_file.wrong_at_top("needs either cases or steps")),
    };
    let mut cases = Vec::with_capacity(entries.len());
    for (number, entry) in entries.into_iter().enumerate() {
        let place = entry.referenced;
        let case = convert::case(entry.value, number, place.line(), &defaults)
            .and_then(|case| variables::check(case, &cases));
        match case {
            Ok(case) => cases.push(case),
            Err((field, problem)) => {
                let field = format!("{list}[{number}].{field}");
                return Err(cases_file.wrong(place, field, problem));
            }
        }
    }
    mark_virtual_time(&mut cases);
    let Ok(workers) = NonZero::try_from(file.workers.unwrap_or(1)) else {
        return Err(cases_file.wrong_at_top("workers: must be at least 1"));
    };
    Ok(Scenario {
        name: file.name,
        description: file.description,
        notes: file.notes,
        certificates: certificates(file.certificates, &cases_file)?,
        manifests,
        file: cases_file.path().to_owned(),
        dir,
        ordered,
        cases,
        backends: Backends::of(&documents),
        features,
        skip: file.skip,
        jwt,
        workers,
    })
}

/// The objects of the manifests.
fn documents(manifests: &[PathBuf]) -> Result<Vec<Value>, LoadError> {
    let mut documents = Vec::new();
    for path in manifests {
        let file = YamlFile::read(path.clone())?;
        let read = file.documents::<Value>();
        documents.extend(read.map_err(|error| in_manifests(&file, error))?);
    }
    Ok(documents)
}

fn certificates(
    stated: Vec<format::Certificate>,
    file: &YamlFile,
) -> Result<Vec<SecretCertificate>, LoadError> {
    let numbered = stated.into_iter().enumerate();
    let certificates = numbered.map(|(number, stated)| match stated.self_signed {
        true => Ok(SecretCertificate {
            namespace: stated.namespace,
            secret: stated.secret,
            dns_names: stated.dns_names,
        }),
        false => {
            let problem = format!("certificates[{number}].selfSigned: there is no other kind");
            Err(file.wrong_at_top(&problem))
        }
    });
    certificates.collect()
}

/// `manifests.yaml`, or the manifests of another folder.
fn manifests(dir: &Path, folder: Option<&Path>) -> Result<Vec<PathBuf>, LoadError> {
    match folder {
        None => Ok(vec![dir.join(MANIFESTS)]),
        Some(folder) => Ok(manifest_files::files(&[dir.join(folder)])?),
    }
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let read = || -> std::io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        entries.collect()
    };
    let mut paths = read().map_err(|source| LoadError::Read {
        path: folder.to_owned(),
        source,
    })?;
    paths.sort();
    Ok(paths)
}

/// What the SecurityPolicies require. One that asks for more than is replayed is another feature.
fn jwt_requirements(
    documents: &[Value],
    files: &BTreeMap<String, PathBuf>,
    dir: &Path,
    features: &mut BTreeSet<Feature>,
) -> Vec<JwtRequirement> {
    let mut all = Vec::new();
    for policy in documents
        .iter()
        .filter(|document| document.pointer("/spec/jwt").is_some())
    {
        match jwt::requirements(policy, documents, files, dir) {
            Some(required) => all.extend(required),
            None => {
                features.insert(Feature::EnvoyGatewayPolicy);
            }
        }
    }
    all
}

/// From the first `advance` on, what a step gets depends on it.
fn mark_virtual_time(cases: &mut [Case]) {
    for case in cases.iter_mut().skip_while(|case| case.advance.is_none()) {
        case.features.insert(Feature::VirtualTime);
    }
}

/// The same mistake in the words of the reader of manifests, which knows those that are common.
fn in_manifests(file: &YamlFile, error: LoadError) -> LoadError {
    let read = gateway_bundle::load(&[file.path().to_owned()]);
    let problem = read
        .err()
        .and_then(|errors| errors.problems.into_iter().next());
    problem.map_or(error, |problem| Box::new(problem).into())
}

/// The conformance suite's groups that are about what Envoy does by itself.
fn group_feature(group: Option<&str>) -> Option<Feature> {
    match group? {
        "mirror" => Some(Feature::Mirror),
        "timeout/retry" => Some(Feature::TimeoutRetry),
        "backend" => Some(Feature::BackendProtocol),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
