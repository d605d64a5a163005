//! Envoy Gateway's HTTPRouteFilter (`gateway.envoyproxy.io/v1alpha1`), after
//! `api/v1alpha1/httproutefilter_types.go` of its release 1.9.

use gateway_filter_sdk::route::spec::{HeaderModifierSpec, MatchKind, NamedMatchSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// The object, as far as it is checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct HTTPRouteFilter {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    #[serde(rename = "kind")]
    _kind: String,
    #[serde(rename = "metadata")]
    _metadata: ObjectMeta,
    #[serde(rename = "spec")]
    _spec: HTTPRouteFilterSpec,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HTTPRouteFilterSpec {
    /// "The effective matching is the logical AND of the two sets": those of the rule and these.
    #[serde(default)]
    pub(crate) matches: Vec<RouteMatchFilter>,
    #[serde(default)]
    pub(crate) url_rewrite: Option<UrlRewrite>,
    #[serde(default)]
    pub(crate) direct_response: Option<DirectResponse>,
    /// Done by Envoy's credential_injector filter.
    #[serde(default)]
    pub(crate) credential_injection: Option<Value>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct RouteMatchFilter {
    pub(crate) cookies: Vec<CookieMatch>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct CookieMatch {
    #[serde(default, rename = "type")]
    kind: Option<CookieMatchType>,
    name: String,
    value: String,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
enum CookieMatchType {
    Exact,
    RegularExpression,
}

impl From<&CookieMatch> for NamedMatchSpec {
    fn from(cookie: &CookieMatch) -> Self {
        let kind = cookie.kind.map(|kind| match kind {
            CookieMatchType::Exact => MatchKind::Exact,
            CookieMatchType::RegularExpression => MatchKind::RegularExpression,
        });
        Self {
            kind,
            name: cookie.name.clone(),
            value: cookie.value.clone(),
        }
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UrlRewrite {
    #[serde(default)]
    pub(crate) hostname: Option<HostnameModifier>,
    #[serde(default)]
    pub(crate) path: Option<PathModifier>,
    #[serde(default)]
    pub(crate) append_x_forwarded_host: Option<bool>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct HostnameModifier {
    #[serde(rename = "type")]
    pub(crate) kind: HostnameModifierType,
    #[serde(default)]
    pub(crate) header: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum HostnameModifierType {
    Header,
    Backend,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PathModifier {
    #[serde(rename = "type")]
    _kind: PathModifierType,
    pub(crate) replace_regex_match: ReplaceRegexMatch,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
enum PathModifierType {
    ReplaceRegexMatch,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct ReplaceRegexMatch {
    pub(crate) pattern: String,
    pub(crate) substitution: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DirectResponse {
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) body: Option<ResponseBody>,
    #[serde(default)]
    pub(crate) status_code: Option<u16>,
    #[serde(default)]
    #[schemars(with = "Option<Value>")]
    pub(crate) header: Option<HeaderModifierSpec>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResponseBody {
    #[serde(default, rename = "type")]
    pub(crate) kind: ResponseBodyType,
    #[serde(default)]
    pub(crate) inline: Option<String>,
    #[serde(default)]
    pub(crate) value_ref: Option<LocalObjectReference>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub(crate) enum ResponseBodyType {
    #[default]
    Inline,
    ValueRef,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub(crate) struct LocalObjectReference {
    #[serde(rename = "group")]
    _group: String,
    #[serde(rename = "kind")]
    _kind: String,
    pub(crate) name: String,
}
