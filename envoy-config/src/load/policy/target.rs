//! What a policy is for: references to objects, and selectors of them.

use crate::load::kind::GATEWAY_API;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;

/// The `spec` of a policy: what it is for and what it says.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Policy<T> {
    #[serde(flatten)]
    pub(crate) targets: TargetReferences,
    #[serde(flatten)]
    pub(crate) settings: T,
}

/// `PolicyTargetReferences` in `policy_helpers.go`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetReferences {
    #[serde(default)]
    target_ref: Option<TargetRef>,
    #[serde(default)]
    target_refs: Vec<TargetRef>,
    #[serde(default)]
    pub(crate) target_selectors: Vec<TargetSelector>,
}

impl TargetReferences {
    /// The references and where they stand; `targetRef` alone, if there is one.
    pub(crate) fn references(&self) -> Vec<(String, &TargetRef)> {
        if let Some(one) = &self.target_ref {
            return vec![("spec.targetRef".to_owned(), one)];
        }
        let refs = self.target_refs.iter().enumerate();
        refs.map(|(index, one)| (format!("spec.targetRefs[{index}]"), one))
            .collect()
    }
}

/// An object in the namespace of the policy, or a section of it: a listener or a named rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetRef {
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) section_name: Option<String>,
}

/// Objects by their labels.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TargetSelector {
    #[serde(default)]
    group: Option<String>,
    kind: String,
    #[serde(default)]
    pub(crate) namespaces: Option<TargetNamespaces>,
    #[serde(flatten)]
    pub(crate) labels: LabelSelector,
}

impl TargetSelector {
    /// The selector is for objects of that kind of the Gateway API.
    pub(crate) fn is_for(&self, kind: &str) -> bool {
        self.kind == kind && self.group.as_deref().unwrap_or(GATEWAY_API) == GATEWAY_API
    }
}

/// The namespaces that a selector looks in; absent is the policy's own.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TargetNamespaces {
    #[serde(default)]
    pub(crate) from: TargetNamespaceFrom,
    #[serde(default)]
    pub(crate) selector: Option<LabelSelector>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum TargetNamespaceFrom {
    #[default]
    Same,
    All,
    Selector,
}
