//! Listeners of Gateways and ListenerSets.

use super::checker::{Checker, Field};
use super::syntax;

const OPERATORS: [&str; 4] = ["In", "NotIn", "Exists", "DoesNotExist"];

pub(super) fn gateway(checker: &mut Checker, spec: &Field) {
    selector(checker, spec.get("allowedListeners"));
    listeners(checker, spec);
}

pub(super) fn listener_set(checker: &mut Checker, spec: &Field) {
    listeners(checker, spec);
}

fn listeners(checker: &mut Checker, spec: &Field) {
    checker.size(spec.get("listeners"), 1, 64);
    let listeners = spec.items("listeners");
    checker.unique_names(&listeners);
    for listener in &listeners {
        checker.syntax(listener.get("name"), syntax::length(1, 253));
        checker.syntax(listener.get("hostname"), syntax::hostname);
        checker.port(listener.get("port"));
        selector(checker, listener.get("allowedRoutes"));
        let mode = listener.get("tls").and_then(|tls| tls.get("mode"));
        if let Some(mode) = mode.filter(|mode| mode.text() == "Passthrough")
            && listener.text_of("protocol") == "HTTPS"
        {
            checker.refuse(
                &mode,
                "an HTTPS listener terminates TLS: mode must be Terminate",
            );
        }
    }
}

/// The namespace selector of allowedRoutes or allowedListeners.
fn selector(checker: &mut Checker, allowed: Option<Field>) {
    let Some(namespaces) = allowed.and_then(|allowed| allowed.get("namespaces")) else {
        return;
    };
    let selector = namespaces.get("selector");
    if namespaces.text_of("from") == "Selector" && selector.is_none() {
        checker.refuse(&namespaces, "from: Selector needs a selector");
    }
    for expression in selector
        .iter()
        .flat_map(|selector| selector.items("matchExpressions"))
    {
        let operator = expression.text_of("operator");
        let values = expression.items("values").len();
        if !OPERATORS.contains(&operator) {
            let message = format!("`{operator}` is none of {}", OPERATORS.join(", "));
            checker.refuse(&expression.get("operator").unwrap_or(expression), message);
        } else if matches!(operator, "In" | "NotIn") != (values > 0) {
            checker.refuse(
                &expression,
                "In and NotIn need values, the others must have none",
            );
        }
    }
}
