//! The JSON Schema of `cases.yaml`: every scenario fits it, mistakes do not, and docs/scenarios.md
//! describes each of its fields.

#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use gateway_harness::scenario;
use serde_json::{Value, json};

/// This project's scenarios, and those in the folders that `GWF_SCENARIOS` lists as PATH lists its own.
fn folders() -> Vec<PathBuf> {
    let more = std::env::var_os("GWF_SCENARIOS").unwrap_or_default();
    let more = std::env::split_paths(&more).filter(|path| !path.as_os_str().is_empty());
    std::iter::once(repository().join("tests/scenarios"))
        .chain(more)
        .collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The schema of `cases.yaml`, compiled.
fn compiled() -> (Schemas, SchemaIndex) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    let url = "cases.schema.json";
    compiler.add_resource(url, scenario::schema()).unwrap();
    let index = compiler.compile(url, &mut schemas).unwrap();
    (schemas, index)
}

/// As Kubernetes reads YAML: `n` and `on` are texts.
fn yaml(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).unwrap()
}

fn cases_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    let files = folders.map(|path| path.join("cases.yaml"));
    files.filter(|path| path.is_file()).collect()
}

#[test]
fn every_scenario_fits_the_schema() {
    let (schemas, index) = compiled();
    let files: Vec<_> = folders().iter().flat_map(|one| cases_files(one)).collect();
    assert!(files.len() >= 40, "{} files", files.len());
    for file in files {
        let instance = yaml(&fs::read_to_string(&file).unwrap());
        if let Err(errors) = schemas.validate(&instance, index) {
            panic!("{}: {errors:#}", file.display());
        }
    }
}

#[test]
fn what_the_reader_refuses_does_not_fit() {
    let (schemas, index) = compiled();
    let file = |case: Value| json!({"name": "t", "cases": [case]});
    let plain = json!({"request": {"path": "/"}, "response": {"statusCodes": [200]}});
    assert!(schemas.validate(&file(plain), index).is_ok());
    for wrong in [
        json!({"cases": []}),
        json!({"name": "t", "needs": "luck"}),
        json!({"name": "t", "skip": {"kubernetes": "no such host"}}),
        file(json!({"request": {"pth": "/"}})),
        file(json!({"request": {"path": "/", "protocol": "ws"}})),
        file(json!({"request": {"path": "/", "port": 70_000}})),
        file(json!({"response": {"statusCodes": 200}})),
        file(json!({"mirrorDistribution": {"percent": 20}})),
        file(json!({"websocket": {"request": {"path": "/"}, "messages": [1.5]}})),
    ] {
        assert!(schemas.validate(&wrong, index).is_err(), "{wrong}");
    }
}

/// The names of all properties in a schema.
fn collect(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                names.extend(properties.keys().cloned());
            }
            fields.values().for_each(|value| collect(value, names));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, names)),
        _ => {}
    }
}

#[test]
fn the_documentation_describes_every_field() {
    let page = fs::read_to_string(repository().join("docs/scenarios.md")).unwrap();
    let rows: Vec<_> = page
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .collect();
    let mut names = BTreeSet::new();
    collect(&scenario::schema(), &mut names);
    assert!(names.contains("statusCodes"), "{names:?}");
    let is_described = |name: &String| rows.iter().any(|row| row.contains(&format!("`{name}`")));
    names.retain(|name| !is_described(name));
    assert!(
        names.is_empty(),
        "docs/scenarios.md has no row for {names:?}"
    );
}

#[test]
fn every_field_has_a_description() {
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        let Some(fields) = schema.as_object() else {
            return;
        };
        for (name, field) in fields
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if field.get("description").is_none() {
                found.push(format!("{path}.{name}"));
            }
        }
    }
    let schema = scenario::schema();
    let mut found = Vec::new();
    undescribed(&schema, "", &mut found);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        undescribed(definition, name, &mut found);
    }
    assert_eq!(found, [""; 0]);
}
