//! The examples of the documentation: manifests are accepted, configurations are loaded by the module
//! that they are for.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy exempts only the test functions themselves"
)]

#[allow(dead_code, reason = "each target uses a part of it")]
mod built;
#[allow(dead_code, reason = "each target uses a part of it")]
mod filter_bench;

use crate::filter_bench::FilterBench;
use gateway_bundle::Manifests;
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime};
use serde_json::{Value, json};

/// The YAML blocks of a page, each with its line.
fn examples(page: &str) -> Vec<(usize, String)> {
    let path = format!("{}/../../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut examples = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        match &mut open {
            None if line == "```yaml" => open = Some((number + 1, String::new())),
            Some(_) if line == "```" => examples.extend(open.take()),
            Some((_, example)) => {
                example.push_str(line);
                example.push('\n');
            }
            None => {}
        }
    }
    examples
}

/// The configurations for a filter in a document: an EnvoyExtensionPolicy's, or a part of one, to which
/// what it needs is added.
fn configurations(filter: &str, document: &Value) -> Vec<Value> {
    let wasm = document.pointer("/spec/wasm").and_then(Value::as_array);
    if let Some(wasm) = wasm {
        let own = wasm.iter().filter(|one| one["name"] == filter);
        return own.map(|one| one["config"].clone()).collect();
    }
    let with = |mut whole: Value, part: &Value| {
        let members = part.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(members);
        whole
    };
    let of_canary = ["sticky", "ramp", "guard"];
    if document.get("apiVersion").is_some() {
        Vec::new()
    } else if let Some(config) = document.get("config") {
        vec![config.clone()]
    } else if of_canary.iter().any(|field| document.get(field).is_some()) {
        let weight = document.get("ramp").map_or(json!(10), |_| Value::Null);
        let canary = with(json!({"name": "example", "weight": weight}), document);
        vec![json!({"canaries": [canary]})]
    } else {
        vec![with(json!({"policies": []}), document)]
    }
}

/// A canary that names a Service gets its backends from the rule.
fn is_for_a_rule(configuration: &Value) -> bool {
    let list = ["/canaries", "/canaries/canaries"].map(|place| configuration.pointer(place));
    let mut canaries = list
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten();
    canaries.any(|canary| canary.get("canary").is_some())
}

#[test]
fn examples_are_what_they_say() {
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap();
    for (filter, expected) in [("canary", 4), ("gateway", 0), ("rate-limit", 3)] {
        let page = format!("{filter}.md");
        let module = gateway_filter_modules::find(filter).unwrap();
        let mut loaded = 0;
        for (line, example) in examples(&page) {
            let place = format!("docs/{page}:{line}");
            let documents: Vec<Value> = serde_saphyr::from_multiple(&example).unwrap();
            if documents.iter().any(|one| one.get("apiVersion").is_some()) {
                let parsed = Manifests::parse(&place, &example);
                assert!(parsed.is_ok(), "{:?}", parsed.err());
            }
            let found = documents.iter().flat_map(|one| configurations(filter, one));
            for configuration in found.filter(|one| !is_for_a_rule(one)) {
                let text = configuration.to_string();
                let started = FilterBench::load(&runtime, &built::code(module), &text);
                assert!(started.is_ok(), "{place}: {:?}", started.err());
                loaded += 1;
            }
        }
        assert_eq!(loaded, expected, "configurations in {page}");
    }
}
