//! The filters of a rule or backendRef as they are written.

use super::Ignored;
use serde::{Deserialize, Serialize};

/// One entry of a rule's or a backendRef's `filters`. `type` names the member that is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FilterSpec {
    /// Which filter this is.
    #[serde(rename = "type")]
    pub kind: FilterKind,
    /// `RequestHeaderModifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_header_modifier: Option<HeaderModifierSpec>,
    /// `ResponseHeaderModifier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_header_modifier: Option<HeaderModifierSpec>,
    /// `RequestRedirect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_redirect: Option<RedirectSpec>,
    /// `URLRewrite`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_rewrite: Option<RewriteSpec>,
    /// `CORS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<CorsSpec>,
    /// `DirectResponse`: Envoy Gateway's HTTPRouteFilter of that kind, resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_response: Option<DirectResponseSpec>,
    /// `RequestMirror`: done by Envoy on the dispatch route; accepted and not used.
    #[serde(default, skip_serializing)]
    pub request_mirror: Option<Ignored>,
}

/// The kinds of route filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FilterKind {
    /// Headers of the request are set, added, removed.
    RequestHeaderModifier,
    /// Headers of the response are set, added, removed.
    ResponseHeaderModifier,
    /// The gateway answers with a redirect.
    RequestRedirect,
    /// Host or path of the request are rewritten.
    URLRewrite,
    /// A copy of the request goes to another backend: Envoy's work.
    RequestMirror,
    /// Cross-origin resource sharing.
    CORS,
    /// The gateway answers by itself (Envoy Gateway's HTTPRouteFilter).
    DirectResponse,
}

/// Headers to set, add and remove, in that order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderModifierSpec {
    /// "Set overwrites the request with the given header (name, value) before the action."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<HeaderSpec>,
    /// "Add adds the given header(s) to the request before the action. It appends to any existing
    /// values associated with the header name."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<HeaderSpec>,
    /// "Remove the given header(s) from the HTTP request before the action."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<String>,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderSpec {
    /// Name, any case.
    pub name: String,
    /// Value.
    pub value: String,
}

/// `requestRedirect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RedirectSpec {
    /// `http` or `https`; absent is the request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Absent is the request's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The new path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathModifierSpec>,
    /// The port; absent is the scheme's own if a scheme is given, else the listener's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// 301, 302 (default), 303, 307 or 308.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
}

/// `urlRewrite`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RewriteSpec {
    /// The new Host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The new path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathModifierSpec>,
}

/// `path` of a redirect or rewrite. `type` names the member that is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathModifierSpec {
    /// Which of the three it is.
    #[serde(rename = "type")]
    pub kind: PathModifierKind,
    /// The whole path is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_full_path: Option<String>,
    /// The matched prefix is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_prefix_match: Option<String>,
    /// Envoy Gateway's HTTPRouteFilter: what the pattern matches is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_regex_match: Option<RegexRewriteSpec>,
}

/// The ways to change a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathModifierKind {
    /// `replaceFullPath`.
    ReplaceFullPath,
    /// `replacePrefixMatch`.
    ReplacePrefixMatch,
    /// `replaceRegexMatch`.
    ReplaceRegexMatch,
}

/// `replaceRegexMatch`: RE2 in Envoy; `\1` in the substitution is the first group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegexRewriteSpec {
    /// Every match in the path is replaced.
    pub pattern: String,
    /// The replacement, with `\N` for the groups.
    pub substitution: String,
}

/// `cors`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorsSpec {
    /// `*`, `scheme://host[:port]`, or with a `*` at the left end of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_origins: Vec<String>,
    /// Absent is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_credentials: Option<bool>,
    /// Methods, or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_methods: Vec<String>,
    /// Headers, or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_headers: Vec<String>,
    /// Headers, or `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expose_headers: Vec<String>,
    /// Seconds; absent is 5, as the specification says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
}

/// `directResponse`, its body resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DirectResponseSpec {
    /// Absent is 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Absent: no content-type header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The text; `%REQ(NAME)%` stands for a request header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Headers of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderModifierSpec>,
}
