//! Which namespaces a listener or Gateway lets in.

use crate::load::model::{FromNamespaces, NamespaceFilter};
use crate::load::{Labels, Manifests};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Whether objects in `namespace` may attach to one in `own`. `default` is what an absent filter
/// or `from` means.
pub(super) fn allowed(
    manifests: &Manifests,
    filter: Option<&NamespaceFilter>,
    default: FromNamespaces,
    own: &str,
    namespace: &str,
) -> bool {
    match filter.and_then(|filter| filter.from).unwrap_or(default) {
        FromNamespaces::All => true,
        FromNamespaces::None => false,
        FromNamespaces::Same => own == namespace,
        FromNamespaces::Selector => filter
            .and_then(|filter| filter.selector.as_ref())
            .is_some_and(|selector| selects(selector, &manifests.namespace_labels(namespace))),
    }
}

/// "The result of matchLabels and matchExpressions are ANDed. An empty label selector matches all
/// objects." (Kubernetes, `meta/v1` LabelSelector)
pub(crate) fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector.match_labels.iter().flatten();
    let expressions = selector.match_expressions.iter().flatten();
    equal
        .into_iter()
        .all(|(key, value)| labels.get(key) == Some(value))
        && expressions
            .into_iter()
            .all(|expression| holds(expression, labels.get(&expression.key)))
}

/// A label that is absent satisfies `NotIn` (Kubernetes, `labels.Requirement.Matches`).
fn holds(expression: &LabelSelectorRequirement, label: Option<&String>) -> bool {
    let listed = || {
        label.is_some_and(|label| {
            expression
                .values
                .iter()
                .flatten()
                .any(|value| value == label)
        })
    };
    match expression.operator.as_str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(namespace: &str, selector: &str) -> bool {
        let manifests = Manifests::parse(
            "ns.yaml",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: a, labels: {tier: gold}}",
        )
        .unwrap();
        let selector: LabelSelector = serde_json::from_str(selector).unwrap();
        selects(&selector, &manifests.namespace_labels(namespace))
    }

    #[test]
    fn labels_and_expressions_are_anded() {
        assert!(select("a", r#"{"matchLabels":{"tier":"gold"}}"#));
        assert!(!select("a", r#"{"matchLabels":{"tier":"gold","x":"y"}}"#));
        let both = |operator: &str| {
            format!(
                r#"{{"matchLabels":{{"tier":"gold"}},"matchExpressions":[{{"key":"x",{operator}}}]}}"#
            )
        };
        assert!(select("a", &both(r#""operator":"DoesNotExist""#)));
        assert!(!select("a", &both(r#""operator":"Exists""#)));
        assert!(select("a", &both(r#""operator":"NotIn","values":["y"]"#)));
        assert!(!select("a", &both(r#""operator":"In","values":["y"]"#)));
    }

    #[test]
    fn a_namespace_without_a_manifest_has_its_name_as_label() {
        let named = r#"{"matchLabels":{"kubernetes.io/metadata.name":"elsewhere"}}"#;
        assert!(select("elsewhere", named));
        assert!(!select("a", named));
        assert!(select("elsewhere", "{}"));
    }
}
