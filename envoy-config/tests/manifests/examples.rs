//! The manifests under `examples/`, which the documentation shows and `gwf serve` starts.

use std::path::PathBuf;

use gateway_bundle::{Severity, bundle, load};

#[test]
fn the_shop_is_served_whole() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/shop");
    let files = std::fs::read_dir(folder).unwrap();
    let files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    let bundle = bundle(&load(&files).unwrap());

    let told: Vec<String> = bundle
        .report
        .entries
        .iter()
        .filter(|entry| entry.severity > Severity::Note)
        .map(ToString::to_string)
        .collect();
    assert!(told.is_empty(), "{told:#?}");
    let [shop] = bundle.gateways.as_slice() else {
        panic!("{} Gateways", bundle.gateways.len());
    };
    assert!(shop.rate_limit.is_some() && shop.canary.is_some());
    let native: Vec<_> = shop
        .rules
        .iter()
        .flat_map(|rule| rule.native.features())
        .collect();
    assert_eq!(native, ["RequestMirror", "retry", "timeouts"]);
}
