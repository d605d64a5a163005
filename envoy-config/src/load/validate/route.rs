//! HTTPRoutes and GRPCRoutes.

use super::backend_ref::backend_ref;
use super::checker::{Checker, Field};
use super::{filter, syntax};
use gateway_api::Duration;
use gateway_filter_sdk::route::spec::RouteKind;
use std::str::FromStr;

pub(super) fn route(checker: &mut Checker, spec: &Field, kind: RouteKind) {
    checker.size(spec.get("hostnames"), 0, 16);
    for hostname in spec.items("hostnames") {
        checker.syntax(Some(hostname), syntax::hostname);
    }
    checker.size(spec.get("parentRefs"), 0, 32);
    for parent in spec.items("parentRefs") {
        checker.syntax(parent.get("name"), syntax::length(1, 253));
        checker.port(parent.get("port"));
    }
    let least = usize::from(kind == RouteKind::HTTPRoute);
    checker.size(spec.get("rules"), least, 16);
    let rules = spec.items("rules");
    checker.unique_names(&rules);
    rules.iter().for_each(|one| rule(checker, one, kind));
    let matches: usize = rules.iter().map(|rule| rule.items("matches").len()).sum();
    if matches > 128 {
        checker.refuse(
            spec,
            format!("the rules have {matches} matches, of at most 128 together"),
        );
    }
}

fn rule(checker: &mut Checker, rule: &Field, kind: RouteKind) {
    checker.size(rule.get("matches"), 0, 64);
    checker.size(rule.get("backendRefs"), 0, 16);
    for one in rule.items("matches") {
        match kind {
            RouteKind::HTTPRoute => http_match(checker, &one),
            RouteKind::GRPCRoute => grpc_match(checker, &one),
        }
        named_matches(checker, &one, "headers", 4096);
    }
    filter::filters(checker, rule);
    filter::of_rule(checker, rule);
    for backend in rule.items("backendRefs") {
        backend_ref(checker, &backend);
        checker.range(backend.get("weight"), 0, 1_000_000);
        filter::filters(checker, &backend);
    }
    if let Some(timeouts) = rule.get("timeouts") {
        self::timeouts(checker, &timeouts);
    }
    if let Some(session) = rule.get("sessionPersistence") {
        self::session(checker, &session);
    }
}

fn http_match(checker: &mut Checker, one: &Field) {
    named_matches(checker, one, "queryParams", 1024);
    let Some(path) = one.get("path") else { return };
    let value = path.get("value");
    if path.text_of("type") == "RegularExpression" {
        checker.syntax(value, syntax::length(1, 1024));
    } else {
        checker.syntax(value, syntax::path);
    }
}

fn grpc_match(checker: &mut Checker, one: &Field) {
    let Some(method) = one.get("method") else {
        return;
    };
    if method.text_of("service").is_empty() && method.text_of("method").is_empty() {
        return checker.refuse(&method, "one or both of service and method must be given");
    }
    if method.text_of("type") != "RegularExpression" {
        let given = |name: &str| method.get(name).filter(|field| !field.text().is_empty());
        checker.syntax(given("service"), syntax::grpc_service);
        checker.syntax(given("method"), syntax::grpc_method);
    }
}

fn named_matches(checker: &mut Checker, one: &Field, list: &str, longest: usize) {
    checker.size(one.get(list), 0, 16);
    let items = one.items(list);
    checker.unique_names(&items);
    for item in items {
        checker.syntax(item.get("name"), syntax::token);
        checker.syntax(item.get("value"), syntax::length(1, longest));
    }
}

fn timeouts(checker: &mut Checker, timeouts: &Field) {
    let request = duration(checker, timeouts.get("request"));
    let backend = duration(checker, timeouts.get("backendRequest"));
    if let (Some(request), Some(backend)) = (request, backend)
        && !request.is_zero()
        && backend.as_millis() > request.as_millis()
    {
        checker.refuse(timeouts, "backendRequest must not be longer than request");
    }
}

/// A duration of GEP-2257, if it is there.
pub(super) fn duration(checker: &mut Checker, field: Option<Field>) -> Option<Duration> {
    let field = field?;
    let parsed = Duration::from_str(field.text());
    if let Err(error) = &parsed {
        checker.refuse(&field, error.clone());
    }
    parsed.ok()
}

fn session(checker: &mut Checker, session: &Field) {
    duration(checker, session.get("absoluteTimeout"));
    duration(checker, session.get("idleTimeout"));
    // What neither a cookie nor a header can be named, Envoy refuses.
    checker.syntax(session.get("sessionName"), syntax::token);
    let Some(config) = session.get("cookieConfig") else {
        return;
    };
    if session
        .get("type")
        .is_some_and(|kind| kind.text() != "Cookie")
    {
        checker.refuse(&config, "only with type Cookie");
    }
    let permanent = config.text_of("lifetimeType") == "Permanent";
    if permanent && session.get("absoluteTimeout").is_none() {
        let message = "absoluteTimeout must be given when the lifetimeType is Permanent";
        checker.refuse(session, message);
    }
}
