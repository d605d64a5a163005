//! What a rule leaves to Envoy, which does it on the dispatch route.

use super::backend::Resolved;
use crate::load::model::{Retry, Timeouts};
use serde_json::Value;

/// The fields and filters of a rule that no filter of this project does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NativeSettings {
    /// `timeouts`.
    pub timeouts: Option<Timeouts>,
    /// `retry`.
    pub retry: Option<Retry>,
    /// The `RequestMirror` filters of the rule and of its backendRefs that lead to a backend.
    pub mirrors: Vec<Mirror>,
    /// HTTPRouteFilter `urlRewrite.hostname` of type `Header`: the header that the Host is taken from.
    pub host_header: Option<String>,
    /// HTTPRouteFilter `credentialInjection`.
    pub credential_injection: bool,
    /// `sessionPersistence`.
    pub session_persistence: bool,
}

impl NativeSettings {
    /// Their names as in the manifests, in alphabetical order; none if everything is done by the
    /// filters.
    #[must_use]
    pub fn features(&self) -> Vec<&'static str> {
        let features = [
            ("RequestMirror", !self.mirrors.is_empty()),
            ("credentialInjection", self.credential_injection),
            ("retry", self.retry.is_some()),
            ("sessionPersistence", self.session_persistence),
            ("timeouts", self.timeouts.is_some()),
            ("urlRewrite.hostname", self.host_header.is_some()),
        ];
        let present = features.into_iter().filter(|(_, present)| *present);
        present.map(|(feature, _)| feature).collect()
    }
}

/// A `RequestMirror` filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The backend whose requests are copied, as the filter stands at its backendRef; absent is every
    /// request of the rule.
    pub of: Option<String>,
    /// `<namespace>/<service>:<port>`.
    pub to: String,
    /// The filter's `requestMirror`, with the namespace of its backend.
    pub filter: Value,
    /// How many requests of a million are copied.
    pub parts_per_million: u32,
}

impl Mirror {
    pub(crate) fn new(filter: &Value, to: &Resolved) -> Self {
        let mut filter = filter.get("requestMirror").cloned().unwrap_or_default();
        let parts_per_million = parts_per_million(&filter);
        if let Some(Value::Object(backend)) = filter.get_mut("backendRef") {
            backend.insert("namespace".into(), to.namespace.clone().into());
        }
        Self {
            of: None,
            to: to.id(),
            filter,
            parts_per_million,
        }
    }
}

/// "Percent represents the percentage of requests that should be mirrored", "Fraction represents the
/// fraction": `numerator` of `denominator`, by default 100. Neither is all.
fn parts_per_million(mirror: &Value) -> u32 {
    const ALL: u64 = 1_000_000;
    let number = |path: &str| mirror.pointer(path).and_then(Value::as_u64);
    let parts = match (number("/percent"), number("/fraction/numerator")) {
        (Some(percent), _) => percent.saturating_mul(ALL / 100),
        (None, Some(numerator)) => {
            let denominator = number("/fraction/denominator").unwrap_or(100).max(1);
            numerator.saturating_mul(ALL) / denominator
        }
        (None, None) => ALL,
    };
    u32::try_from(parts.min(ALL)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shares_of_mirrors_are_parts_of_a_million() {
        let parts = |mirror: Value| parts_per_million(&mirror);
        assert_eq!(parts(json!({})), 1_000_000);
        assert_eq!(parts(json!({"percent": 0})), 0);
        assert_eq!(parts(json!({"percent": 20})), 200_000);
        assert_eq!(parts(json!({"fraction": {"numerator": 50}})), 500_000);
        let third = json!({"fraction": {"numerator": 1, "denominator": 3}});
        assert_eq!(parts(third), 333_333);
    }
}
