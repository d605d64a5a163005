//! Envoy Gateway's HTTPRouteFilter.

use super::checker::{Checker, Field};
use super::{filter, syntax};

pub(super) fn route_filter(checker: &mut Checker, spec: &Field) {
    checker.size(spec.get("matches"), 0, 8);
    for one in spec.items("matches") {
        checker.size(one.get("cookies"), 1, 16);
        for cookie in one.items("cookies") {
            checker.syntax(cookie.get("name"), syntax::length(1, 256));
            checker.syntax(cookie.get("value"), syntax::length(1, 4096));
        }
    }
    let rewrite = spec
        .get("urlRewrite")
        .and_then(|rewrite| rewrite.get("path"));
    if let Some(regex) = rewrite.and_then(|path| path.get("replaceRegexMatch")) {
        checker.syntax(regex.get("pattern"), syntax::length(1, usize::MAX));
    }
    if let Some(response) = spec.get("directResponse") {
        direct_response(checker, &response);
    }
}

fn direct_response(checker: &mut Checker, response: &Field) {
    checker.range(response.get("statusCode"), 200, 599);
    checker.syntax(response.get("contentType"), syntax::header_value);
    if let Some(header) = response.get("header") {
        filter::headers(checker, &header);
        if !header.items("remove").is_empty() {
            checker.refuse(&header, "a direct response has no headers to remove");
        }
    }
    let Some(body) = response.get("body") else {
        return;
    };
    let reference = body.get("valueRef");
    if body.text_of("type") == "ValueRef" {
        match reference {
            Some(reference) if reference.text_of("kind") == "ConfigMap" => {}
            Some(reference) => checker.refuse(&reference, "only a ConfigMap can be referred to"),
            None => checker.refuse(&body, "type ValueRef needs valueRef"),
        }
    }
}
