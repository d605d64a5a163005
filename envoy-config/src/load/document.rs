//! One object of a manifest file.

use super::kind::{self, ObjectKind};
use super::problem::{Position, Problem, SourceFile};
use super::yaml::YamlDocument;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;
use std::collections::HashMap;

/// A Kubernetes object as it was written, and where each of its fields stands.
#[derive(Debug, Clone)]
pub struct Document {
    source: SourceFile,
    value: Value,
    positions: HashMap<String, Position>,
    group: String,
    version: String,
    kind: String,
    name: String,
    metadata: ObjectMeta,
}

impl Document {
    /// Takes what every object has out of a YAML document.
    pub(super) fn new(source: &SourceFile, yaml: YamlDocument) -> Result<Self, Box<Problem>> {
        let YamlDocument { value, positions } = yaml;
        let place = |path: &str| nearest(&positions, path);
        let refuse =
            |path: &str, message: &str| Problem::at(source, place(path), message.to_owned());
        if !value.is_object() {
            return Err(refuse("", "not a Kubernetes object: a mapping is expected"));
        }
        let text = |path: &str, pointer: &str| match value.pointer(pointer) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
            None | Some(Value::Null) => Err(refuse(path, &format!("{path} is missing"))),
            Some(_) => Err(refuse(path, &format!("{path} must be a non-empty string"))),
        };
        let (kind, api_version) = (text("kind", "/kind")?, text("apiVersion", "/apiVersion")?);
        let name = text("metadata.name", "/metadata/name")
            .map_err(|problem| problem.in_object(kind.clone(), ""))?;
        let metadata = value.get("metadata").unwrap_or(&Value::Null);
        let metadata: ObjectMeta = serde_path_to_error::deserialize(metadata).map_err(|error| {
            let path = format!("metadata.{}", error.path());
            refuse(&path, &error.inner().to_string()).in_object(format!("{kind} {name}"), &path)
        })?;
        let (group, version) = api_version.rsplit_once('/').unwrap_or(("", &api_version));
        let (group, version) = (group.to_owned(), version.to_owned());
        Ok(Self {
            source: source.clone(),
            value,
            positions,
            group,
            version,
            kind,
            name,
            metadata,
        })
    }

    /// The file as it was named when loading.
    #[must_use]
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Version within the group.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// `HTTPRoute`, `Gateway`, …
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// `metadata.namespace`, or `default`.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or("default")
    }

    /// `metadata.name`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `metadata`.
    #[must_use]
    pub fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }

    /// The whole object as it was written.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// `Kind namespace/name`, or `Kind name` of what has no namespace.
    #[must_use]
    pub fn object(&self) -> String {
        if matches!(
            self.object_kind(),
            ObjectKind::Namespace | ObjectKind::GatewayClass
        ) {
            return format!("{} {}", self.kind, self.name);
        }
        format!("{} {}/{}", self.kind, self.namespace(), self.name)
    }

    /// `<namespace>/<name>`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.namespace(), self.name)
    }

    /// How Envoy Gateway's names of a route start: `httproute/<namespace>/<name>`.
    pub(crate) fn route_name(&self) -> String {
        format!("{}/{}", self.kind.to_lowercase(), self.full_name())
    }

    /// Where the field at `path` (`spec.rules[0].name`) stands, or else what it would be in.
    #[must_use]
    pub fn position(&self, path: &str) -> Position {
        nearest(&self.positions, path)
    }

    /// `metadata.creationTimestamp` in UTC, as Kubernetes writes it.
    pub(crate) fn creation_timestamp(&self) -> Option<String> {
        self.metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0.to_string())
    }

    /// The key by which the Gateway API breaks ties: the oldest first ("a Route with a creation
    /// timestamp of 2020-09-08 01:02:03 is given precedence over …04"), those without a timestamp
    /// last, then by "{namespace}/{name}".
    pub(crate) fn seniority(&self) -> (bool, Option<String>, &str, &str) {
        let created = self.creation_timestamp();
        (created.is_none(), created, self.namespace(), &self.name)
    }

    pub(crate) fn object_kind(&self) -> ObjectKind {
        kind::classify(&self.group, &self.kind)
    }

    pub(crate) fn problem(&self, path: &str, message: String) -> Box<Problem> {
        Problem::at(&self.source, self.position(path), message).in_object(self.object(), path)
    }
}

fn nearest(positions: &HashMap<String, Position>, path: &str) -> Position {
    let mut path = path;
    loop {
        if let Some(position) = positions.get(path) {
            return *position;
        }
        if path.is_empty() {
            return Position {
                line: 1,
                column: 1,
                offset: 0,
                length: 0,
            };
        }
        let end = path.rfind(['.', '[']).unwrap_or(0);
        path = path.get(..end).unwrap_or_default();
    }
}
