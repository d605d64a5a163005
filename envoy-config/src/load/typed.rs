//! The check that an API server does first: does the object have the shape of its type?

use super::document::Document;
use super::problem::Problem;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The fields that say what an object is.
const COMMON: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Unknown fields and values of a wrong type, each at its place. Of wrong types, only the first.
pub(crate) fn check<T: DeserializeOwned + JsonSchema>(document: &Document) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(document.value(), &mut track);
    let result: Result<T, _> = serde_ignored::deserialize(deserializer, |path| {
        let path = ignored_path(&path);
        // The generated types leave these out; `Document` has read them.
        if !COMMON.contains(&path.as_str()) {
            problems.push(*unknown_field::<T>(document, &path));
        }
    });
    if let Err(error) = result
        && !follows_from(&error.to_string(), &problems)
    {
        problems.push(*document.problem(&known_path(&track.path()), error.to_string()));
    }
    problems
}

/// Whether the field that is missing is one that is misspelled.
fn follows_from(error: &str, problems: &[Problem]) -> bool {
    let Some(missing) = error.strip_prefix("missing field ") else {
        return false;
    };
    let meant = format!("(did you mean {missing}?)");
    problems
        .iter()
        .any(|problem| problem.message.ends_with(&meant))
}

/// Reads a member of a document that has passed [`check`]; the empty name is all of it.
pub(crate) fn read<T: DeserializeOwned>(
    document: &Document,
    field: &str,
) -> Result<T, Box<Problem>> {
    let all = document.value();
    let value = if field.is_empty() {
        all
    } else {
        all.get(field).unwrap_or(&Value::Null)
    };
    read_value(document, field, value)
}

/// Reads a value that stands at `path` in the document.
pub(crate) fn read_value<T: DeserializeOwned>(
    document: &Document,
    path: &str,
    value: &Value,
) -> Result<T, Box<Problem>> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = format!("{path}.{}", known_path(error.path()));
        document.problem(&path, error.inner().to_string())
    })
}

fn unknown_field<T: JsonSchema>(document: &Document, path: &str) -> Box<Problem> {
    let (parent, field) = path.rsplit_once('.').unwrap_or(("", path));
    let schema = schemars::schema_for!(T);
    let mut expected = fields_at(schema.as_value(), parent);
    if parent.is_empty() {
        expected.extend(
            COMMON
                .iter()
                .filter(|name| !expected.contains(name))
                .copied()
                .collect::<Vec<_>>(),
        );
    }
    let quoted: Vec<String> = expected.iter().map(|name| format!("`{name}`")).collect();
    let mut message = "unknown field".to_owned();
    if !quoted.is_empty() {
        message += &format!(", expected one of {}", quoted.join(", "));
    }
    if let Some(close) = closest(field, &expected) {
        message += &format!(" (did you mean `{close}`?)");
    }
    document.problem(path, message)
}

fn closest<'a>(field: &str, expected: &[&'a str]) -> Option<&'a str> {
    let near =
        |name: &str| strsim::damerau_levenshtein(&field.to_lowercase(), &name.to_lowercase());
    let best = expected.iter().copied().min_by_key(|name| near(name))?;
    (near(best) <= 2.max(field.len() / 3)).then_some(best)
}

/// The field names that the schema knows at `path`; none if it leaves them open.
fn fields_at<'a>(schema: &'a Value, path: &str) -> Vec<&'a str> {
    let mut at = Some(schema);
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        at = at.and_then(|node| resolve(schema, node)).and_then(|node| {
            if step.ends_with(']') {
                node.get("items")
            } else {
                node.get("properties")?.get(step)
            }
        });
    }
    at.and_then(|node| resolve(schema, node))
        .and_then(|node| node.get("properties")?.as_object())
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// Follows `$ref`, and the `anyOf` by which an optional struct is written.
fn resolve<'a>(schema: &'a Value, node: &'a Value) -> Option<&'a Value> {
    let first = node.get("anyOf").and_then(|choices| choices.get(0));
    let node = first.unwrap_or(node);
    match node.get("$ref").and_then(Value::as_str) {
        Some(reference) => schema.pointer(reference.trim_start_matches('#')),
        None => Some(node),
    }
}

fn ignored_path(path: &serde_ignored::Path) -> String {
    use serde_ignored::Path::{Map, NewtypeStruct, NewtypeVariant, Root, Seq, Some};
    match path {
        Root => String::new(),
        Seq { parent, index } => format!("{}[{index}]", ignored_path(parent)),
        Map { parent, key } => join(&ignored_path(parent), key),
        Some { parent } | NewtypeStruct { parent } | NewtypeVariant { parent } => {
            ignored_path(parent)
        }
    }
}

fn known_path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment::{Enum, Map, Seq, Unknown};
    let mut text = String::new();
    for segment in path {
        match segment {
            Seq { index } => text += &format!("[{index}]"),
            Map { key } => text = join(&text, key),
            Enum { .. } | Unknown => break,
        }
    }
    text
}

fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() {
        key.to_owned()
    } else {
        format!("{parent}.{key}")
    }
}
