//! `cases.yaml` as it is written: the file's first layer.
//!
//! One set of types reads both forms, the `cases:` of the conformance suite and the `steps:` of
//! Envoy Gateway's end-to-end tests. Unknown fields are refused, so that a typing error never
//! turns an assertion off. What is only documentation, or what no host can act on, is read as
//! [`IgnoredAny`]: of the latter, being there is enough to skip the case. What may have several
//! shapes is read as a tree, and from it where it is converted.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::model::GatewayRef;
use crate::host::HostKind;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct File {
    pub(super) name: String,
    pub(super) group: Option<String>,
    pub(super) needs: Option<String>,
    pub(super) gateway: Option<GatewayRef>,
    pub(super) cases: Option<Vec<Spanned<Entry>>>,
    pub(super) steps: Option<Vec<Spanned<Entry>>>,
    /// This project's own: hosts that cannot run the scenario, and why.
    #[serde(default)]
    pub(super) skip: BTreeMap<HostKind, String>,
    /// This project's own: on how many workers.
    pub(super) workers: Option<usize>,
    /// What is served at a URL, by the file's path in the folder.
    #[serde(default)]
    pub(super) files: BTreeMap<String, PathBuf>,
    /// This project's own: where the manifests are, in place of `manifests.yaml`.
    pub(super) manifest_folder: Option<PathBuf>,

    #[serde(rename = "variant")]
    _variant: Option<IgnoredAny>,
    #[serde(rename = "source")]
    _source: Option<IgnoredAny>,
    #[serde(rename = "manifestSources")]
    _manifest_sources: Option<IgnoredAny>,
    #[serde(rename = "manifests")]
    _manifests: Option<IgnoredAny>,
    #[serde(rename = "commit")]
    _commit: Option<IgnoredAny>,
    #[serde(rename = "description")]
    _description: Option<IgnoredAny>,
    #[serde(rename = "features")]
    _features: Option<IgnoredAny>,
    #[serde(rename = "provisional")]
    _provisional: Option<IgnoredAny>,
    #[serde(rename = "certificates")]
    _certificates: Option<IgnoredAny>,
    #[serde(rename = "serviceEndpoints")]
    _service_endpoints: Option<IgnoredAny>,
    #[serde(rename = "backends")]
    _backends: Option<IgnoredAny>,
    #[serde(rename = "accepted")]
    _accepted: Option<IgnoredAny>,
    #[serde(rename = "notes")]
    _notes: Option<IgnoredAny>,
}

/// One entry of `cases` or `steps`, one alternative of `anyOf`, or what `grpc` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Entry {
    pub(super) name: Option<String>,
    pub(super) subtest: Option<String>,
    pub(super) note: Option<String>,
    pub(super) gateway: Option<GatewayRef>,
    #[serde(default)]
    pub(super) skip: BTreeMap<HostKind, String>,
    /// This project's own: time that passes before the step.
    pub(super) advance: Option<String>,
    /// This project's own: what the backends of these Services answer with.
    #[serde(default)]
    pub(super) backend_status: BTreeMap<String, u16>,

    pub(super) grpc: Option<Box<Entry>>,
    pub(super) weights: Option<Weights>,
    /// Read in `convert/websocket.rs`.
    pub(super) websocket: Option<Value>,
    pub(super) policy_status: Option<IgnoredAny>,
    /// Read in `convert/mirror.rs`.
    pub(super) mirror_distribution: Option<Value>,
    pub(super) any_of: Option<Vec<Entry>>,

    pub(super) request: Option<Request>,
    pub(super) repeat: Option<u32>,
    pub(super) eventually: Option<Eventually>,
    pub(super) response: Option<Response>,
    pub(super) redirect_request: Option<RedirectRequest>,
    pub(super) expected_request: Option<ExpectedRequest>,
    #[serde(default, deserialize_with = "present_or_null")]
    pub(super) backend: Option<Option<String>>,
    pub(super) backend_one_of: Option<Vec<String>>,
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) answered_by_gateway: bool,
    #[serde(default)]
    pub(super) first_header_value_only: bool,
    #[serde(default)]
    pub(super) backend_set_response_headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) capture: BTreeMap<String, String>,
    pub(super) same_pod: Option<String>,

    pub(super) backend_simulation: Option<BackendSimulation>,
    #[serde(default)]
    pub(super) mirrored_to: Vec<MirroredTo>,
    pub(super) backend_response: Option<IgnoredAny>,
    pub(super) internal_redirect: Option<IgnoredAny>,
    pub(super) extension_effects: Option<IgnoredAny>,

    #[serde(rename = "expectedRequestDefaulted")]
    _expected_request_defaulted: Option<IgnoredAny>,
    #[serde(rename = "statedButUnchecked")]
    _stated_but_unchecked: Option<IgnoredAny>,
    #[serde(rename = "atRule")]
    _at_rule: Option<IgnoredAny>,
    #[serde(rename = "notes")]
    _notes: Option<IgnoredAny>,
}

/// What is sent.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) scheme: Option<String>,
    #[serde(default)]
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) method: Option<String>,
    pub(super) path: String,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) protocol: Protocol,
    pub(super) client_address: Option<IpAddr>,
    pub(super) effective_client: Option<IpAddr>,
    /// Empty sends none.
    pub(super) sni: Option<String>,
    pub(super) alpn: Option<OneOrMany>,

    #[serde(rename = "unfollowRedirect")]
    _unfollow_redirect: Option<IgnoredAny>,
}

/// `request.protocol`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    #[default]
    #[serde(alias = "ws", alias = "websocket")]
    Http,
    #[serde(alias = "wss")]
    Https,
    H2c,
    Grpc,
}

/// What the backend does besides answering.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct BackendSimulation {
    pub(super) delay: Option<String>,
    pub(super) fail_first: Option<u32>,
    pub(super) fail_status: Option<u16>,
    pub(super) fail_by: Option<FailBy>,
    pub(super) fail_delay: Option<String>,

    #[serde(rename = "notes")]
    _notes: Option<IgnoredAny>,
}

/// `backendSimulation.failBy`.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FailBy {
    TcpReset,
}

/// A backend that gets copies. How many is the distribution's.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct MirroredTo {
    #[serde(alias = "backend")]
    pub(super) name: String,
    pub(super) namespace: Option<String>,

    #[serde(rename = "percent")]
    _percent: Option<IgnoredAny>,
    #[serde(rename = "fraction")]
    _fraction: Option<IgnoredAny>,
}

/// What must come back.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Response {
    pub(super) status_codes: Option<Vec<u16>>,
    #[serde(default)]
    pub(super) also_accepted: Vec<u16>,
    pub(super) grpc_status: Option<String>,
    pub(super) grpc_status_code: Option<u32>,
    #[serde(default)]
    pub(super) http_status_equivalent: Vec<u16>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) valid_header_values: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(super) ignore_whitespace: bool,
    #[serde(default)]
    pub(super) absent_headers: Vec<String>,
    #[serde(default)]
    pub(super) headers_present: Vec<String>,
    #[serde(default)]
    pub(super) headers_contain: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(super) first_header_value_only: bool,
    #[serde(default)]
    pub(super) cookies_present: Vec<String>,
    pub(super) set_cookie: Option<SetCookie>,
    pub(super) body: Option<String>,
    pub(super) body_not: Option<String>,
    #[serde(default)]
    pub(super) body_not_in: Vec<String>,
    pub(super) redirect_request: Option<RedirectRequest>,
    #[serde(default)]
    pub(super) unenforced: Vec<Unenforced>,

    #[serde(rename = "stated")]
    _stated: Option<IgnoredAny>,
    #[serde(rename = "derived")]
    _derived: Option<IgnoredAny>,
    #[serde(rename = "statedButUnchecked")]
    _stated_but_unchecked: Option<IgnoredAny>,
}

/// Parts of a response that are stated but not compared.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Unenforced {
    Headers,
    AbsentHeaders,
}

/// A text or a list of texts.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// One `Set-Cookie`. A field that is not named is not compared; null asks for its absence.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct SetCookie {
    pub(super) name: String,
    pub(super) quoted_value: Option<bool>,
    pub(super) http_only: Option<bool>,
    pub(super) secure: Option<bool>,
    #[serde(default, deserialize_with = "present_or_null")]
    pub(super) max_age: Option<Option<i64>>,
    #[serde(default, deserialize_with = "present_or_null")]
    pub(super) path: Option<Option<String>>,
    #[serde(default, deserialize_with = "present_or_null")]
    pub(super) same_site: Option<Option<String>>,
    #[serde(default, deserialize_with = "present_or_null")]
    pub(super) domain: Option<Option<String>>,
    #[serde(default, deserialize_with = "present_or_null")]
    pub(super) expires: Option<Option<String>>,
}

/// Where a redirect must lead.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct RedirectRequest {
    pub(super) scheme: Option<String>,
    pub(super) host: Option<String>,
    pub(super) port: Option<String>,
    pub(super) allowed_ports: Option<Vec<String>>,
    pub(super) path: Option<String>,
}

/// What the backend must see.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct ExpectedRequest {
    pub(super) host: Option<String>,
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) absent_headers: Vec<String>,

    #[serde(rename = "statedButUnchecked")]
    _stated_but_unchecked: Option<IgnoredAny>,
}

/// Requests whose answers must be spread over the backends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Weights {
    pub(super) request: Request,
    pub(super) response: Response,
    pub(super) namespace: String,
    pub(super) requests: u32,
    pub(super) expected: BTreeMap<String, f64>,
    pub(super) tolerance: f64,
    #[serde(default = "one")]
    pub(super) attempts: u32,

    #[serde(rename = "concurrency")]
    _concurrency: Option<IgnoredAny>,
}

/// Send until something happens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Eventually {
    pub(super) status: Option<u16>,
    #[serde(default)]
    pub(super) different_backend: bool,
    pub(super) within: u32,
    pub(super) at: Option<u32>,
    #[serde(default)]
    pub(super) before: Vec<u16>,

    #[serde(rename = "atRule")]
    _at_rule: Option<IgnoredAny>,
}

fn one() -> u32 {
    1
}

/// Tells a field that is null (`Some(None)`) from one that is not there (`None`).
fn present_or_null<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
