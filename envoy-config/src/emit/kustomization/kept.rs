//! What is passed on: objects that the filters have no part in.

use super::object::WrittenObject;
use super::writer::KustomizationWriter;
use crate::load::{Document, ObjectKind};
use crate::report::{Condition, Report};
use crate::resolve::target;
use serde_json::Value;

impl KustomizationWriter<'_> {
    /// What is passed on as it is.
    pub(super) fn kept(&mut self) {
        for document in self.manifests.documents() {
            let kept = match document.object_kind() {
                ObjectKind::Route(_) => self.kept_route(document),
                ObjectKind::BackendTrafficPolicy
                | ObjectKind::ClientTrafficPolicy
                | ObjectKind::EnvoyExtensionPolicy
                | ObjectKind::Ingress => None,
                _ => Some(WrittenObject::kept(document)),
            };
            self.objects.extend(kept);
        }
    }

    /// A route that others serve, for those; what was not accepted stays out.
    fn kept_route(&self, document: &Document) -> Option<WrittenObject> {
        let (kind, namespace, name) = (document.kind(), document.namespace(), document.name());
        let mut object = WrittenObject::kept(document);
        if self.decided.is_partial() && !self.decided.contains(kind, namespace, name) {
            return Some(object);
        }
        let parents = object
            .value
            .pointer_mut("/spec/parentRefs")?
            .as_array_mut()?;
        parents.retain(|parent| {
            let text = |field: &str| parent.get(field).and_then(Value::as_str);
            let kind = text("kind").unwrap_or("Gateway");
            let namespace = text("namespace").unwrap_or(namespace);
            let name = text("name").unwrap_or_default();
            let mut owners = self.manifests.documents();
            !owners.any(|one| (one.kind(), one.namespace(), one.name()) == (kind, namespace, name))
        });
        (!parents.is_empty()).then_some(object)
    }

    /// The part of a SecurityPolicy that runs before the filters looks at the first match, which is the
    /// entry for all routes; that behind them (authorization) at the dispatch route. Only on the Gateway
    /// both are covered.
    pub(super) fn security_policies(&mut self) {
        let mut ignored = Report::default();
        let policies = &self.manifests.security_policies;
        let attached = target::attach(self.manifests, policies, &mut ignored);
        for (scope, policy) in &attached {
            let Some(policy) = policies.get(*policy).filter(|_| self.decided.has(scope)) else {
                continue;
            };
            let message = format!(
                "{scope} is decided in the filters, where this policy does not reach: let it target \
                 the Gateway"
            );
            let condition = Condition::accepted("TargetNotFound");
            self.report
                .refuse(&policy.document, "spec", condition, message);
        }
    }
}
