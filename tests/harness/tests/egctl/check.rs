//! Sources judged by egctl.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gateway_bundle::bundle;

use crate::conditions::{self, translated};
use crate::known::{By, expected};
use crate::objects::translatable;
use crate::sources::Source;
use crate::tool::Egctl;

/// What Envoy Gateway does not accept in any document.
pub(crate) fn invalid(egctl: &Egctl, sources: &[Source]) -> Vec<String> {
    let documents: Vec<_> = sources.iter().flat_map(Source::documents).collect();
    let texts: Vec<&str> = documents.iter().map(|(_, text)| *text).collect();
    let complaints = egctl.validate(&texts).into_iter();
    complaints
        .map(|complaint| format!("{}: {}", documents[complaint.document].0, complaint.text))
        .collect()
}

/// Where conditions differ from what is known of the source, once it is translated.
pub(crate) fn refused(egctl: &Egctl, sources: &[Source]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let findings = Mutex::new(Vec::new());
    let work = || {
        while let Some(source) = sources.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = refused_of(egctl, source);
            findings.lock().unwrap().extend(found);
        }
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    findings.into_inner().unwrap()
}

fn refused_of(egctl: &Egctl, source: &Source) -> Vec<String> {
    let objects = translatable(&source.load());
    match egctl.translate(&objects) {
        Ok(result) => {
            let conditions = translated(&objects, &result);
            differences(source, "Envoy Gateway", By::EnvoyGateway, &conditions)
        }
        Err(said) => vec![format!("{}: not translated: {said}", source.name)],
    }
}

/// Where this project's report differs from what is known of the source.
pub(crate) fn reported(source: &Source) -> Vec<String> {
    let conditions = conditions::reported(&bundle(&source.load()).report);
    differences(source, "the report", By::Report, &conditions)
}

fn differences(source: &Source, who: &str, by: By, found: &BTreeSet<String>) -> Vec<String> {
    let expected = expected(&source.name, by);
    let more = found.difference(&expected);
    let more = more.map(|one| format!("{}: {who} says {one}", source.name));
    let less = expected.difference(found);
    let less = less.map(|one| format!("{}: {who} does not say {one}", source.name));
    more.chain(less).collect()
}
