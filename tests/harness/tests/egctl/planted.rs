//! Mistakes planted in copies of the manifests, each of which has to be found.

use std::collections::BTreeSet;

use gateway_bundle::{Manifests, bundle};
use serde_json::Value;

use crate::check::{invalid, refused};
use crate::sources::{Source, all};
use crate::tool::egctl;

/// Kinds with a schema that egctl knows; of others it takes what it is given.
const GROUPS: [&str; 2] = ["gateway.networking.k8s.io/", "gateway.envoyproxy.io/"];

/// Every object of the repository, with one mistake in each.
fn planted(mistake: impl Fn(&mut Value)) -> Vec<Source> {
    let mut planted = Vec::new();
    for source in all() {
        for document in source.load().documents() {
            let mut value = document.value().clone();
            mistake(&mut value);
            let name = format!("{} {}", source.name, document.object());
            planted.push(Source {
                files: vec![(name.clone(), value.to_string())],
                name,
            });
        }
    }
    planted
}

fn has_schema(source: &Source) -> bool {
    let (_, text) = &source.files[0];
    GROUPS
        .iter()
        .any(|group| text.contains(&format!(r#""apiVersion":"{group}"#)))
}

#[test]
fn a_wrong_field_is_found_in_any_object() {
    let planted = planted(|value| {
        let part = if value["spec"].is_object() {
            &mut value["spec"]
        } else {
            value
        };
        part["plantedField"] = 1.into();
    });
    let (known, others): (Vec<_>, Vec<_>) = planted.into_iter().partition(has_schema);
    for source in known.iter().chain(&others) {
        let (name, text) = &source.files[0];
        let errors = Manifests::parse(name, text)
            .err()
            .map(|errors| format!("{errors:?}"));
        // Passed on as they are: these have no schema here.
        let is_kept = name.contains(" Secret ") || name.contains(" SecurityPolicy ");
        let found = errors.is_some_and(|errors| errors.contains("plantedField"));
        assert!(found || is_kept, "{name}: gwf");
    }
    let Some(egctl) = egctl() else { return };
    let found = invalid(&egctl, &known);
    assert_eq!(found.len(), known.len(), "{found:#?}");
    for (source, found) in known.iter().zip(&found) {
        assert!(
            found.starts_with(&source.name) && found.contains("plantedField"),
            "{found}"
        );
    }
}

#[test]
fn a_wrong_kind_is_found_in_any_object() {
    let Some(egctl) = egctl() else { return };
    let planted = planted(|value| {
        let kind = value["kind"].as_str().unwrap();
        value["kind"] = format!("{kind}s").into();
    });
    let found = invalid(&egctl, &planted);
    assert_eq!(found.len(), planted.len(), "{found:#?}");
}

/// References whose names nobody looks at, for what they are in is refused as it is.
const IN_REFUSED_PARTS: &[&str] = &[
    "cli/tests/explain: /7/spec/rules/1/backendRefs/0/name",
    "tests/scenarios/black-hole: /4/spec/rules/2/backendRefs/0/name",
    "tests/scenarios/cross-namespace: /9/spec/rules/0/backendRefs/0/name",
    "tests/scenarios/httproute-filter: /5/spec/rules/2/backendRefs/0/name",
];

#[test]
fn a_wrong_reference_is_found_in_any_object() {
    let mut missed = Vec::new();
    let mut planted = 0;
    for source in all() {
        let manifests = source.load();
        let values = manifests.documents().map(|one| one.value().clone());
        let mut values: Value = values.collect();
        let before = told(&source.name, &values);
        let mut references = Vec::new();
        collect(&values, String::new(), &mut references);
        for reference in references {
            let name = values.pointer_mut(&reference).unwrap();
            let right = name.take();
            *name = format!("{}-planted", right.as_str().unwrap()).into();
            if told(&source.name, &values).is_subset(&before) {
                missed.push(format!("{}: {reference}", source.name));
            }
            *values.pointer_mut(&reference).unwrap() = right;
            planted += 1;
        }
    }
    assert_eq!(missed, IN_REFUSED_PARTS);
    assert!(planted > 250, "{planted}");
}

/// The lines of the report on these objects.
fn told(name: &str, objects: &Value) -> BTreeSet<String> {
    let texts: Vec<String> = objects
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    let source = Source {
        name: name.to_owned(),
        files: vec![(name.to_owned(), texts.join("\n---\n"))],
    };
    let report = bundle(&source.load()).report;
    report.entries.iter().map(ToString::to_string).collect()
}

/// Where the names are that refer to other objects. Secrets are Envoy Gateway's to find.
fn collect(value: &Value, place: String, references: &mut Vec<String>) {
    const SINGLE: [&str; 3] = ["backendRef", "extensionRef", "targetRef"];
    const LISTS: [&str; 3] = ["backendRefs", "parentRefs", "targetRefs"];
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let place = format!("{place}/{key}");
                if SINGLE.contains(&key.as_str()) {
                    references.push(format!("{place}/name"));
                } else if LISTS.contains(&key.as_str()) {
                    let count = member.as_array().map_or(0, Vec::len);
                    references.extend((0..count).map(|index| format!("{place}/{index}/name")));
                }
                collect(member, place, references);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{place}/{index}"), references);
            }
        }
        _ => {}
    }
}

/// In the shop, as Envoy Gateway tells: what is written, what is put in its place, what is said.
const IN_THE_SHOP: &[(&str, &str, &str)] = &[
    (
        "parentRefs: [{name: shop, sectionName: https}]",
        "parentRefs: [{name: shop, sectionName: tls}]",
        "HTTPRoute default/account: Accepted=False NoMatchingParent",
    ),
    (
        "parentRefs: [{name: shop, sectionName: https}]",
        "parentRefs: [{name: shoe, sectionName: https}]",
        "HTTPRoute default/account: it is attached to nothing",
    ),
    (
        "backendRefs: [{name: api-v2, port: 8080}]",
        "backendRefs: [{name: api-v3, port: 8080}]",
        "HTTPRoute default/api: ResolvedRefs=False BackendNotFound",
    ),
    (
        "backendRefs: [{name: api-v2, port: 8080}]",
        "backendRefs: [{name: api-v2, port: 8081}]",
        "HTTPRoute default/api: ResolvedRefs=False PortNotFound",
    ),
    (
        "backendRef: {name: search-next, port: 8080}",
        "backendRef: {name: search-last, port: 8080}",
        "HTTPRoute default/search: ResolvedRefs=False BackendNotFound",
    ),
    (
        "- name: shop-example-com",
        "- name: shop-example-org",
        "Gateway default/shop: ResolvedRefs=False InvalidCertificateRef",
    ),
];

#[test]
fn envoy_gateway_tells_of_a_wrong_reference() {
    let Some(egctl) = egctl() else { return };
    let shop = all()
        .into_iter()
        .find(|source| source.name == "envoy-config/examples/shop");
    let shop = shop.unwrap();
    let copies = IN_THE_SHOP.iter().map(|(from, to, _)| {
        let mut copy = shop.clone();
        let texts = copy.files.iter_mut().map(|(_, text)| text);
        let changed = texts.filter(|text| text.contains(from));
        changed.for_each(|text| *text = text.replace(from, to));
        copy
    });
    for (copy, (from, to, said)) in copies.zip(IN_THE_SHOP) {
        let found = refused(&egctl, &[copy]);
        let expected = format!("envoy-config/examples/shop: Envoy Gateway says {said}");
        assert!(
            found.contains(&expected),
            "{to} in place of {from}: {found:#?}"
        );
    }
}
