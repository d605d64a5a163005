//! Every manifest there is.

use crate::check::{invalid, refused, reported};
use crate::known;
use crate::sources::{Source, all};
use crate::tool::egctl;

#[track_caller]
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn nothing_is_passed_over() {
    let names: Vec<String> = all().into_iter().map(|source| source.name).collect();
    let there = |wanted: &str| names.iter().any(|name| name == wanted);
    assert!(there("envoy-config/examples/shop") && there("docs/rate-limit.md, example 1"));
    let scenarios = names
        .iter()
        .filter(|name| name.starts_with("tests/scenarios/"));
    assert!(scenarios.count() > 30, "{names:?}");
    for known in known::sources() {
        assert!(there(known.trim_start_matches("the bundle of ")), "{known}");
    }
}

#[test]
fn every_document_is_valid() {
    let Some(egctl) = egctl() else { return };
    none(&invalid(&egctl, &all()));
}

#[test]
fn every_object_has_the_conditions_that_are_known_of_it() {
    let Some(egctl) = egctl() else { return };
    none(&refused(&egctl, &all()));
}

#[test]
fn the_report_tells_the_same() {
    none(&all().iter().flat_map(reported).collect::<Vec<_>>());
}

#[test]
fn every_document_of_a_bundle_is_valid() {
    let Some(egctl) = egctl() else { return };
    let bundles: Vec<_> = all().iter().filter_map(Source::bundled).collect();
    none(&invalid(&egctl, &bundles));
}

#[test]
fn every_object_of_a_bundle_is_accepted() {
    let Some(egctl) = egctl() else { return };
    let bundles: Vec<_> = all().iter().filter_map(Source::bundled).collect();
    none(&refused(&egctl, &bundles));
}
