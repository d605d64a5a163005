//! What must come back, and what a backend must receive.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::present_or_null;

/// The response that must arrive. It states either `statusCodes` or `grpcStatusCode`.
#[derive(Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct Response {
    /// The HTTP status: one of these.
    pub(in super::super) status_codes: Option<Vec<u16>>,
    /// Further statuses that pass.
    #[serde(default)]
    pub(in super::super) also_accepted: Vec<u16>,
    /// The gRPC status. A response without `grpc-status` has the one that gRPC derives from the HTTP
    /// status.
    pub(in super::super) grpc_status_code: Option<u32>,
    /// The name of that gRPC status, such as `Unimplemented`.
    pub(in super::super) grpc_status: Option<String>,
    /// Headers and their values. Several lines of a header are joined by `,`.
    #[serde(default)]
    pub(in super::super) headers: BTreeMap<String, String>,
    /// Headers that must have one of several values.
    #[serde(default)]
    pub(in super::super) valid_header_values: BTreeMap<String, Vec<String>>,
    /// Headers that must contain a text, or each of several texts.
    #[serde(default)]
    pub(in super::super) headers_contain: BTreeMap<String, OneOrMany>,
    /// Headers that must be present.
    #[serde(default)]
    pub(in super::super) headers_present: Vec<String>,
    /// Headers that must be absent.
    #[serde(default)]
    pub(in super::super) absent_headers: Vec<String>,
    /// Whether to ignore spaces in the values of headers.
    #[serde(default)]
    pub(in super::super) ignore_whitespace: bool,
    /// Whether to compare only the first line of each header.
    #[serde(default)]
    pub(in super::super) first_header_value_only: bool,
    /// Cookies that must be set.
    #[serde(default)]
    pub(in super::super) cookies_present: Vec<String>,
    /// A cookie that must be set, and its attributes.
    pub(in super::super) set_cookie: Option<SetCookie>,
    /// The body.
    pub(in super::super) body: Option<String>,
    /// A text that must not be the body.
    pub(in super::super) body_not: Option<String>,
    /// Texts of which none must be the body.
    #[serde(default)]
    pub(in super::super) body_not_in: Vec<String>,
    /// The Location that the response must redirect to.
    pub(in super::super) redirect_request: Option<RedirectRequest>,
}

/// A text or a list of texts.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub(in super::super) enum OneOrMany {
    /// One text.
    One(String),
    /// Several texts.
    Many(Vec<String>),
}

/// A cookie that must be set. An attribute that is not stated is not compared; null requires it to be
/// absent.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct SetCookie {
    /// The name of the cookie.
    pub(in super::super) name: String,
    /// Whether the value is in double quotes.
    pub(in super::super) quoted_value: Option<bool>,
    /// Whether the cookie is `HttpOnly`.
    pub(in super::super) http_only: Option<bool>,
    /// Whether the cookie is `Secure`.
    pub(in super::super) secure: Option<bool>,
    /// `Max-Age`, in seconds.
    #[serde(default, deserialize_with = "present_or_null")]
    pub(in super::super) max_age: Option<Option<i64>>,
    /// `Path`.
    #[serde(default, deserialize_with = "present_or_null")]
    pub(in super::super) path: Option<Option<String>>,
    /// `SameSite`.
    #[serde(default, deserialize_with = "present_or_null")]
    pub(in super::super) same_site: Option<Option<String>>,
    /// `Domain`.
    #[serde(default, deserialize_with = "present_or_null")]
    pub(in super::super) domain: Option<Option<String>>,
    /// `Expires`.
    #[serde(default, deserialize_with = "present_or_null")]
    pub(in super::super) expires: Option<Option<String>>,
}

/// The Location that a response must redirect to. A part that is not stated is not compared.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct RedirectRequest {
    /// The scheme.
    pub(in super::super) scheme: Option<String>,
    /// The host.
    pub(in super::super) host: Option<String>,
    /// The port; `''` is none.
    pub(in super::super) port: Option<String>,
    /// Further ports that pass.
    pub(in super::super) allowed_ports: Option<Vec<String>>,
    /// The path, without the query.
    pub(in super::super) path: Option<String>,
}

/// The request that a backend must receive. A part that is not stated is not compared, but for the
/// method.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct ExpectedRequest {
    /// The host.
    pub(in super::super) host: Option<String>,
    /// The method. The default is GET; of a gRPC call it is not compared.
    pub(in super::super) method: Option<String>,
    /// The path with its query.
    pub(in super::super) path: Option<String>,
    /// Headers and their values. Several lines of a header are joined by `,`.
    #[serde(default)]
    pub(in super::super) headers: BTreeMap<String, String>,
    /// Headers that must be absent.
    #[serde(default)]
    pub(in super::super) absent_headers: Vec<String>,
    /// The body, at most 16 KiB of text. Of a gRPC call it is the message.
    pub(in super::super) body: Option<String>,
    /// The size of the body in bytes.
    pub(in super::super) body_size: Option<u64>,
    /// Trailers and their values.
    #[serde(default)]
    pub(in super::super) trailers: BTreeMap<String, String>,
}

/// The response of a backend in place of its echo.
#[derive(Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct BackendResponse {
    /// The HTTP status. The default is 200.
    pub(in super::super) status: Option<u16>,
    /// Headers, each in place of one of that name. The content type of a `body` is `text/plain` by default.
    #[serde(default)]
    pub(in super::super) headers: BTreeMap<String, String>,
    /// The body. Without one, the backend echoes the request.
    pub(in super::super) body: Option<String>,
}
