//! Envoy Gateway's HTTPRouteFilter, in the terms of the route-match filter.
//!
//! After `processExtensionRefHTTPFilter` in Envoy Gateway 1.9 (`internal/gatewayapi/filters.go`).

use super::filters::{Refusal, RuleFilters};
use crate::load::model::Route;
use crate::load::route_filter::{
    DirectResponse, HostnameModifier, HostnameModifierType, ResponseBodyType, UrlRewrite,
};
use crate::load::{ENVOY_GATEWAY, Manifests, Object};
use gateway_filter_sdk::route::spec::{
    DirectResponseSpec, FilterKind, FilterSpec, PathModifierKind, PathModifierSpec,
    RegexRewriteSpec, RewriteSpec, RuleSpec,
};
use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::Value;

/// Adds what the `extensionRef` of a rule's filter refers to.
pub(super) fn apply(
    manifests: &Manifests,
    route: &Object<Route>,
    reference: &Value,
    rule: &mut RuleFilters,
) -> Result<(), Refusal> {
    let member = |name: &str| {
        reference
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let (group, kind, name) = (member("group"), member("kind"), member("name"));
    let namespace = route.document.namespace();
    let known = (group, kind) == (ENVOY_GATEWAY, "HTTPRouteFilter");
    let key = (namespace.to_owned(), name.to_owned());
    let Some(found) = manifests.route_filters.get(&key).filter(|_| known) else {
        return Err(Refusal::unresolved(format!(
            "there is no filter {kind} {namespace}/{name}"
        )));
    };
    let spec = &found.value;
    if !spec.matches.is_empty() {
        if !rule.matches.is_empty() {
            let message = "only one HTTPRouteFilter with matches can be in a rule";
            return Err(Refusal::unsupported(message.to_owned()));
        }
        rule.matches.clone_from(&spec.matches);
    }
    if let Some(rewrite) = &spec.url_rewrite {
        if let Some(hostname) = &rewrite.hostname {
            rule.native.host_header = Some(host_header(hostname)?);
        }
        if rewrite.path.is_some() {
            rule.filters.push(url_rewrite(rewrite)?);
        }
    }
    if let Some(response) = &spec.direct_response {
        let response = direct_response(manifests, namespace, response)?;
        rule.filters.push(response_filter(response));
    }
    if spec.credential_injection.is_some() {
        rule.native.credential_injection = true;
    }
    Ok(())
}

/// The rule, answered 500 instead of served.
pub(crate) fn refusing(rule: RuleSpec) -> RuleSpec {
    let error = DirectResponseSpec {
        status_code: Some(500),
        ..Default::default()
    };
    RuleSpec {
        name: rule.name,
        matches: rule.matches,
        filters: vec![response_filter(error)],
        ..RuleSpec::default()
    }
}

/// A filter that answers by itself.
fn response_filter(response: DirectResponseSpec) -> FilterSpec {
    FilterSpec {
        direct_response: Some(response),
        ..filter(FilterKind::DirectResponse)
    }
}

fn filter(kind: FilterKind) -> FilterSpec {
    FilterSpec {
        kind,
        request_header_modifier: None,
        response_header_modifier: None,
        request_redirect: None,
        url_rewrite: None,
        cors: None,
        direct_response: None,
        request_mirror: None,
    }
}

/// The header that the Host is taken from.
fn host_header(hostname: &HostnameModifier) -> Result<String, Refusal> {
    let header = hostname.header.as_ref();
    header
        .filter(|_| hostname.kind == HostnameModifierType::Header)
        .cloned()
        .ok_or_else(|| {
            let message = format!(
                "urlRewrite.hostname of type {:?} is not supported",
                hostname.kind
            );
            Refusal::unsupported(message)
        })
}

fn url_rewrite(rewrite: &UrlRewrite) -> Result<FilterSpec, Refusal> {
    if rewrite.append_x_forwarded_host == Some(false) {
        let message = "urlRewrite.appendXForwardedHost: false is not supported";
        return Err(Refusal::unsupported(message.to_owned()));
    }
    let path = rewrite.path.as_ref().map(|path| PathModifierSpec {
        kind: PathModifierKind::ReplaceRegexMatch,
        replace_full_path: None,
        replace_prefix_match: None,
        replace_regex_match: Some(RegexRewriteSpec {
            pattern: path.replace_regex_match.pattern.clone(),
            substitution: path.replace_regex_match.substitution.clone(),
        }),
    });
    let rewrite = RewriteSpec {
        hostname: None,
        path,
    };
    Ok(FilterSpec {
        url_rewrite: Some(rewrite),
        ..filter(FilterKind::URLRewrite)
    })
}

fn direct_response(
    manifests: &Manifests,
    namespace: &str,
    response: &DirectResponse,
) -> Result<DirectResponseSpec, Refusal> {
    let body = match &response.body {
        Some(body) if body.kind == ResponseBodyType::ValueRef => {
            let reference = body.value_ref.as_ref().map(|reference| &reference.name);
            let name = reference.map(String::as_str).unwrap_or_default();
            let key = (namespace.to_owned(), name.to_owned());
            let Some(found) = manifests.config_maps.get(&key) else {
                let message = format!("there is no ConfigMap {namespace}/{name}");
                return Err(Refusal::unresolved(message));
            };
            let text = body_text(&found.value).ok_or_else(|| {
                let message = format!("ConfigMap {namespace}/{name} has no key response.body");
                Refusal::unresolved(message)
            })?;
            Some(text.to_owned())
        }
        Some(body) => body.inline.clone(),
        None => None,
    };
    Ok(DirectResponseSpec {
        status_code: response.status_code,
        content_type: response.content_type.clone(),
        body,
        header: response.header.clone(),
    })
}

/// "The value of key `response.body` in the ConfigMap will be used as the response body. If the key
/// is not found, the first value in the ConfigMap will be used."
fn body_text(config_map: &ConfigMap) -> Option<&str> {
    let data = config_map.data.as_ref()?;
    data.get("response.body")
        .or_else(|| data.values().next())
        .map(String::as_str)
}
