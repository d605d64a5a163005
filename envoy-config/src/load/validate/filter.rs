//! The filters of rules and backendRefs.

use super::backend_ref::backend_ref;
use super::checker::{Checker, Field};
use super::syntax;

/// `type` and the member that belongs to it.
const MEMBERS: [(&str, &str); 8] = [
    ("RequestHeaderModifier", "requestHeaderModifier"),
    ("ResponseHeaderModifier", "responseHeaderModifier"),
    ("RequestMirror", "requestMirror"),
    ("RequestRedirect", "requestRedirect"),
    ("URLRewrite", "urlRewrite"),
    ("CORS", "cors"),
    ("ExternalAuth", "externalAuth"),
    ("ExtensionRef", "extensionRef"),
];

/// The filters that may be there more than once.
const REPEATABLE: [&str; 2] = ["RequestMirror", "ExtensionRef"];

/// The `filters` of a rule or backendRef, each on its own and together.
pub(super) fn filters(checker: &mut Checker, owner: &Field) {
    checker.size(owner.get("filters"), 0, 16);
    let filters = owner.items("filters");
    for (index, filter) in filters.iter().enumerate() {
        one(checker, filter);
        let kind = filter.text_of("type");
        let mut earlier = filters
            .iter()
            .take(index)
            .map(|other| other.text_of("type"));
        let rival = match kind {
            "RequestRedirect" => "URLRewrite",
            "URLRewrite" => "RequestRedirect",
            other => other,
        };
        if earlier.clone().any(|other| other == kind) && !REPEATABLE.contains(&kind) {
            checker.refuse(filter, format!("a second filter of type {kind}"));
        } else if rival != kind && earlier.any(|other| other == rival) {
            checker.refuse(filter, format!("{kind} cannot go together with {rival}"));
        }
    }
}

/// What the filters of a rule ask of the rest of it.
pub(super) fn of_rule(checker: &mut Checker, rule: &Field) {
    let (filters, backends) = (rule.items("filters"), rule.items("backendRefs"));
    for filter in filters
        .iter()
        .filter(|filter| filter.get("requestRedirect").is_some())
    {
        if !backends.is_empty() {
            checker.refuse(
                filter,
                "RequestRedirect cannot go together with backendRefs",
            );
        }
    }
    let of_backends = backends.iter().flat_map(|backend| backend.items("filters"));
    for filter in filters.into_iter().chain(of_backends) {
        let modifier = filter
            .get("requestRedirect")
            .or_else(|| filter.get("urlRewrite"));
        let path = modifier.and_then(|modifier| modifier.get("path"));
        if let Some(path) = path.filter(|path| path.text_of("type") == "ReplacePrefixMatch")
            && !has_one_prefix(rule)
        {
            checker.refuse(
                &path,
                "ReplacePrefixMatch needs exactly one match, of type PathPrefix",
            );
        }
    }
}

/// The rule matches one prefix; without `matches` or `path` it is `/`, by default.
fn has_one_prefix(rule: &Field) -> bool {
    let matches = rule.items("matches");
    let of_match = |one: &Field| {
        let kind = one.get("path").and_then(|path| path.get("type"));
        kind.is_none_or(|kind| kind.text() == "PathPrefix")
    };
    matches.len() <= 1 && matches.iter().all(of_match)
}

fn one(checker: &mut Checker, filter: &Field) {
    let kind = filter.text_of("type");
    for (of_kind, member) in MEMBERS {
        match (of_kind == kind, filter.get(member)) {
            (true, None) => {
                checker.refuse(filter, format!("a filter of type {kind} needs {member}"))
            }
            (false, Some(field)) => {
                checker.refuse(
                    &field,
                    format!("does not belong to a filter of type {kind}"),
                );
            }
            _ => {}
        }
    }
    for modifier in ["requestHeaderModifier", "responseHeaderModifier"] {
        if let Some(modifier) = filter.get(modifier) {
            headers(checker, &modifier);
        }
    }
    if let Some(redirect) = filter.get("requestRedirect") {
        self::redirect(checker, &redirect);
    }
    if let Some(rewrite) = filter.get("urlRewrite") {
        checker.syntax(rewrite.get("hostname"), syntax::precise_hostname);
        path_modifier(checker, rewrite.get("path"));
    }
    if let Some(backend) = filter
        .get("requestMirror")
        .and_then(|mirror| mirror.get("backendRef"))
    {
        backend_ref(checker, &backend);
    }
    if let Some(age) = filter.get("cors").and_then(|cors| cors.get("maxAge")) {
        checker.range(Some(age), 1, i64::from(i32::MAX));
    }
}

/// `set`, `add` and `remove`.
pub(super) fn headers(checker: &mut Checker, modifier: &Field) {
    for list in ["set", "add"] {
        checker.size(modifier.get(list), 0, 16);
        let items = modifier.items(list);
        checker.unique_names(&items);
        for header in items {
            checker.syntax(header.get("name"), syntax::token);
            checker.syntax(header.get("value"), syntax::header_value);
        }
    }
    checker.size(modifier.get("remove"), 0, 16);
    for name in modifier.items("remove") {
        checker.syntax(Some(name), syntax::token);
    }
}

fn redirect(checker: &mut Checker, redirect: &Field) {
    checker.syntax(redirect.get("hostname"), syntax::precise_hostname);
    checker.port(redirect.get("port"));
    path_modifier(checker, redirect.get("path"));
    if let Some(status) = redirect.get("statusCode")
        && !matches!(status.value.as_i64(), Some(301 | 302 | 303 | 307 | 308))
    {
        let message = format!("{} is none of 301, 302, 303, 307, 308", status.value);
        checker.refuse(&status, message);
    }
}

fn path_modifier(checker: &mut Checker, path: Option<Field>) {
    let Some(path) = path else { return };
    let kind = path.text_of("type");
    for (of_kind, member) in [
        ("ReplaceFullPath", "replaceFullPath"),
        ("ReplacePrefixMatch", "replacePrefixMatch"),
    ] {
        match (of_kind == kind, path.get(member)) {
            (true, None) => checker.refuse(&path, format!("type {kind} needs {member}")),
            (false, Some(field)) => checker.refuse(&field, format!("does not belong to {kind}")),
            (_, field) => checker.syntax(field, syntax::length(0, 1024)),
        }
    }
}
