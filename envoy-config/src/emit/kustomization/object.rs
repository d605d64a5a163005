//! An object of the folder.

use crate::load::Document;
use serde_json::{Map, Value, json};

/// An object, the file that it is in, and what it is for.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenObject {
    /// Relative to the folder.
    pub file: String,
    /// What it is for: lines without `#`; empty of what is passed on.
    pub comment: String,
    /// The object as Kubernetes takes it.
    pub value: Value,
}

/// Where the objects are that the filters have no part in.
const KEPT: &str = "kept.yaml";

impl WrittenObject {
    /// An object that is passed on; what only a cluster knows of it is left out.
    pub(super) fn kept(document: &Document) -> Self {
        let mut value = document.value().clone();
        if let Some(object) = value.as_object_mut() {
            object.remove("status");
        }
        Self {
            file: KEPT.to_owned(),
            comment: String::new(),
            value,
        }
    }

    /// A new object.
    pub(super) fn new(
        file: String,
        comment: impl Into<String>,
        (api_version, kind): (String, &str),
        (namespace, name): (&str, &str),
        spec: Value,
    ) -> Self {
        let value = json!({
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        });
        Self {
            file,
            comment: comment.into(),
            value,
        }
    }

    fn text(&self, pointer: &str) -> &str {
        let found = self.value.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default()
    }

    /// `HTTPRoute`, `Gateway`, …
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// `metadata.namespace`; empty of what has none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }
}

/// A JSON object of the members that are there.
pub(super) fn members<const N: usize>(members: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let members = members.into_iter();
    let present = members.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    present.collect()
}
