//! Envoy Gateway's policies: targets, and the bounds of rate limits.

use super::checker::{Checker, Field};
use super::{route, syntax};
use crate::load::kind::GATEWAY_API;

const LISTENERS: [&str; 2] = ["Gateway", "ListenerSet"];
const ROUTES: [&str; 5] = ["HTTPRoute", "GRPCRoute", "UDPRoute", "TCPRoute", "TLSRoute"];
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
];

pub(super) fn client(checker: &mut Checker, spec: &Field) {
    targets(checker, spec, &LISTENERS);
}

pub(super) fn extension(checker: &mut Checker, spec: &Field) {
    of_routes(checker, spec);
    checker.size(spec.get("wasm"), 0, 16);
}

pub(super) fn traffic(checker: &mut Checker, spec: &Field) {
    of_routes(checker, spec);
    if let Some(balancer) = spec.get("loadBalancer") {
        load_balancer(checker, &balancer);
    }
    let Some(limits) = spec.get("rateLimit") else {
        return;
    };
    if let Some(global) = limits.get("global") {
        checker.size(global.get("rules"), 0, 256);
        global
            .items("rules")
            .iter()
            .for_each(|one| rule(checker, one));
    }
    let Some(local) = limits.get("local") else {
        return;
    };
    checker.size(local.get("rules"), 0, 16);
    for one in local.items("rules") {
        rule(checker, &one);
        let field = |parent, name| one.get(parent).and_then(|parent: Field| parent.get(name));
        if let Some(response) = field("cost", "response") {
            checker.refuse(&response, "response cost is not supported for local limits");
        }
        if let Some(metadata) = field("limit", "fromMetadata") {
            checker.refuse(&metadata, "fromMetadata is not supported for local limits");
        }
    }
}

fn load_balancer(checker: &mut Checker, balancer: &Field) {
    belongs(checker, balancer, "consistentHash", "ConsistentHash");
    let Some(hash) = balancer.get("consistentHash") else {
        return;
    };
    for (member, kind) in [
        ("header", "Header"),
        ("headers", "Headers"),
        ("cookie", "Cookie"),
        ("queryParams", "QueryParams"),
    ] {
        belongs(checker, &hash, member, kind);
    }
    checker.range(hash.get("tableSize"), 2, 5_000_011);
    let (header, cookie) = (hash.get("header"), hash.get("cookie"));
    let headers = header.into_iter().chain(hash.items("headers"));
    for one in headers.chain(cookie.clone()) {
        checker.syntax(one.get("name"), syntax::token);
    }
    for one in hash.items("queryParams") {
        checker.syntax(one.get("name"), syntax::length(1, usize::MAX));
    }
    route::duration(checker, cookie.and_then(|cookie| cookie.get("ttl")));
}

/// The member of a union is there if and only if its type is.
fn belongs(checker: &mut Checker, owner: &Field, member: &str, kind: &str) {
    if (owner.text_of("type") == kind) != owner.get(member).is_some() {
        checker.refuse(owner, format!("{member} belongs to type {kind}"));
    }
}

/// The targets of a policy that can be merged.
fn of_routes(checker: &mut Checker, spec: &Field) {
    targets(checker, spec, &[LISTENERS.as_slice(), &ROUTES].concat());
    let Some(merge) = spec.get("mergeType") else {
        return;
    };
    let references = references(spec);
    if references
        .iter()
        .any(|one| !ROUTES.contains(&one.text_of("kind")))
    {
        checker.refuse(&merge, "mergeType can only be used with routes as targets");
    }
}

/// All references and selectors.
fn references<'a>(spec: &Field<'a>) -> Vec<Field<'a>> {
    let mut references: Vec<Field> = spec.get("targetRef").into_iter().collect();
    references.extend(spec.items("targetRefs"));
    references.extend(spec.items("targetSelectors"));
    references
}

fn targets(checker: &mut Checker, spec: &Field, kinds: &[&str]) {
    let one = spec.get("targetRef").is_some();
    if one == spec.get("targetRefs").is_some() && spec.items("targetSelectors").is_empty() {
        checker.refuse(spec, "either targetRef or targetRefs must be used");
    }
    for reference in references(spec) {
        let group = reference.get("group");
        if let Some(group) = group.filter(|group| group.text() != GATEWAY_API) {
            checker.refuse(&group, format!("the group must be {GATEWAY_API}"));
        }
        if let Some(kind) = reference.get("kind")
            && !kinds.contains(&kind.text())
        {
            let message = format!("`{}` is not one of {}", kind.text(), kinds.join(", "));
            checker.refuse(&kind, message);
        }
    }
}

fn rule(checker: &mut Checker, rule: &Field) {
    checker.size(rule.get("clientSelectors"), 0, 8);
    for one in rule.items("clientSelectors") {
        selector(checker, &one);
    }
    if let Some(limit) = rule.get("limit") {
        checker.range(limit.get("requests"), 0, u32::MAX.into());
        if let Some(metadata) = limit.get("fromMetadata") {
            checker.syntax(metadata.get("namespace"), syntax::length(1, usize::MAX));
            checker.syntax(metadata.get("key"), syntax::length(1, usize::MAX));
        }
    }
    for part in ["request", "response"] {
        let cost = rule.get("cost").and_then(|cost| cost.get(part));
        if let Some(cost) = cost
            && cost.get("number").is_some()
            && cost.get("metadata").is_some()
        {
            checker.refuse(&cost, "only one of number or metadata can be specified");
        }
    }
}

fn selector(checker: &mut Checker, selector: &Field) {
    let conditions = ["headers", "methods", "path", "sourceCIDR", "queryParams"];
    if conditions.iter().all(|name| selector.get(name).is_none()) {
        let message = format!(
            "at least one of {} must be specified",
            conditions.join(", ")
        );
        checker.refuse(selector, message);
    }
    for (list, most) in [("headers", 128), ("queryParams", 16)] {
        checker.size(selector.get(list), 0, most);
        for one in selector.items(list) {
            checker.syntax(one.get("name"), syntax::length(1, 256));
            checker.syntax(one.get("value"), syntax::length(0, 1024));
        }
    }
    for one in selector.items("methods") {
        if let Some(method) = one.get("value")
            && !METHODS.contains(&method.text())
        {
            let message = format!("`{}` is not one of {}", method.text(), METHODS.join(", "));
            checker.refuse(&method, message);
        }
    }
    let value = |field| selector.get(field).and_then(|one: Field| one.get("value"));
    checker.syntax(value("path"), syntax::length(0, 1024));
    checker.syntax(value("sourceCIDR"), syntax::length(1, 256));
}
