//! YAML text to JSON values that remember where each key and list item stood.

use super::problem::{Position, Problem, SourceFile};
use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// Deeper than any Kubernetes object, and far from the end of the stack.
const MAX_DEPTH: usize = 64;

/// A document of a YAML stream.
#[derive(Debug, Clone)]
pub(crate) struct YamlDocument {
    pub(crate) value: Value,
    /// The place of every key and list item, under the path by which serde names it
    /// (`spec.rules[0].name`); the document itself is the empty path.
    pub(crate) positions: HashMap<String, Position>,
}

/// The documents of `text`, empty ones left out.
pub(crate) fn parse(source: &SourceFile) -> Result<Vec<YamlDocument>, Box<Problem>> {
    let text = source.inner();
    let bytes: Vec<usize> = text.char_indices().map(|(offset, _)| offset).collect();
    let nodes = MarkedYaml::load_from_str(text).map_err(|error| {
        let position = position(&bytes, text, error.marker(), None);
        scan_problem(source, position, error.info())
    })?;
    let mut documents = Vec::new();
    for node in &nodes {
        let mut reader = YamlReader {
            source,
            bytes: &bytes,
            positions: HashMap::new(),
        };
        let start = reader.position(node);
        reader.positions.insert(String::new(), start);
        let empty = matches!(
            node.data,
            YamlData::BadValue | YamlData::Value(Scalar::Null)
        );
        if !empty {
            let value = reader.value(node, "", 0)?;
            documents.push(YamlDocument {
                value,
                positions: reader.positions,
            });
        }
    }
    Ok(documents)
}

impl YamlDocument {
    /// The objects in it: of a List, as `kubectl get -o yaml` prints it, the items.
    pub(crate) fn objects(mut self) -> Vec<Self> {
        let is_list = self.value.get("kind").and_then(Value::as_str) == Some("List");
        let items = self
            .value
            .get_mut("items")
            .filter(|_| is_list)
            .map(Value::take);
        let Some(Value::Array(items)) = items else {
            return vec![self];
        };
        let object = |value| Self {
            value,
            positions: HashMap::new(),
        };
        let mut objects: Vec<Self> = items.into_iter().map(object).collect();
        for (path, position) in self.positions {
            let item = path
                .strip_prefix("items[")
                .and_then(|rest| rest.split_once(']'));
            let index = item.and_then(|(index, _)| index.parse::<usize>().ok());
            if let (Some(index), Some((_, rest))) = (index, item)
                && let Some(object) = objects.get_mut(index)
            {
                let path = rest.strip_prefix('.').unwrap_or(rest);
                object.positions.insert(path.to_owned(), position);
            }
        }
        objects
    }
}

struct YamlReader<'a> {
    source: &'a SourceFile,
    /// Byte offset of each character: YAML counts characters, diagnostics count bytes.
    bytes: &'a [usize],
    positions: HashMap<String, Position>,
}

impl YamlReader<'_> {
    fn value(
        &mut self,
        node: &MarkedYaml,
        path: &str,
        depth: usize,
    ) -> Result<Value, Box<Problem>> {
        if depth > MAX_DEPTH {
            return Err(self.refuse(node, "nested too deeply"));
        }
        match &node.data {
            YamlData::Value(scalar) => self.scalar(node, scalar),
            YamlData::Sequence(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}[{index}]");
                    self.positions.insert(path.clone(), self.position(item));
                    values.push(self.value(item, &path, depth + 1)?);
                }
                Ok(Value::Array(values))
            }
            YamlData::Mapping(entries) => {
                let mut map = Map::new();
                for (key, item) in entries {
                    let name = match &key.data {
                        YamlData::Value(Scalar::String(name)) => name.to_string(),
                        _ => return Err(self.refuse(key, "a key must be a string: quote it")),
                    };
                    let path = if path.is_empty() {
                        name.clone()
                    } else {
                        format!("{path}.{name}")
                    };
                    self.positions.insert(path.clone(), self.position(key));
                    map.insert(name, self.value(item, &path, depth + 1)?);
                }
                Ok(Value::Object(map))
            }
            YamlData::Tagged(tag, _) => Err(self.refuse(
                node,
                &format!("the tag `{tag}` means nothing in a manifest"),
            )),
            YamlData::Representation(..) | YamlData::Alias(_) | YamlData::BadValue => {
                Err(self.refuse(node, "not a value"))
            }
        }
    }

    fn scalar(&self, node: &MarkedYaml, scalar: &Scalar) -> Result<Value, Box<Problem>> {
        Ok(match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(value) => Value::Bool(*value),
            Scalar::Integer(value) => Value::from(*value),
            Scalar::FloatingPoint(value) => Number::from_f64(value.into_inner())
                .map(Value::Number)
                .ok_or_else(|| self.refuse(node, "not a finite number"))?,
            Scalar::String(value) => Value::String(value.to_string()),
        })
    }

    fn position(&self, node: &MarkedYaml) -> Position {
        let end = matches!(node.data, YamlData::Value(_)).then_some(&node.span.end);
        position(self.bytes, self.source.inner(), &node.span.start, end)
    }

    fn refuse(&self, node: &MarkedYaml, message: &str) -> Box<Problem> {
        Problem::at(self.source, self.position(node), message.to_owned())
    }
}

fn position(bytes: &[usize], text: &str, start: &Marker, end: Option<&Marker>) -> Position {
    let offset = |marker: &Marker| bytes.get(marker.index()).copied().unwrap_or(text.len());
    let from = offset(start);
    let length = end.map_or(0, |end| offset(end).saturating_sub(from));
    Position {
        line: start.line(),
        column: start.col() + 1,
        offset: from,
        length,
    }
}

/// The parser's message, made more telling for the mistakes that are made most often. The parser
/// notices a wrong indent on the line itself or on the one below.
fn scan_problem(source: &SourceFile, position: Position, info: &str) -> Box<Problem> {
    let text = source.inner();
    let rest = text.get(position.offset..).unwrap_or_default();
    let key = rest.split([':', '\n']).next().unwrap_or_default().trim();
    if info == "duplicated key in mapping" {
        return Problem::at(source, position, format!("the key `{key}` appears twice"));
    }
    let mut suspects = text.lines().skip(position.line.saturating_sub(2)).take(2);
    let message = if info.ends_with("found a tab") || suspects.any(is_tabbed) {
        format!("not valid YAML: {info} (YAML is indented with spaces, not tabs)")
    } else if info.contains("did not find expected") || info.contains("not allowed in this context")
    {
        format!("not valid YAML: {info} (is this line indented as its neighbours are?)")
    } else {
        format!("not valid YAML: {info}")
    };
    Problem::at(source, position, message)
}

fn is_tabbed(line: &str) -> bool {
    line.chars()
        .take_while(|char| char.is_whitespace())
        .any(|char| char == '\t')
}
