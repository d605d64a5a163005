//! `cases.yaml` as it is written: the file's first layer, and its JSON Schema.
//!
//! One set of types reads both forms, `cases:` and `steps:`. Unknown fields are refused, so that a
//! typing error never turns an assertion off, and every field means something: what is only there to
//! be read by people is `description` and `notes`. The comments on fields are the schema's
//! descriptions; docs/scenarios.md describes the same fields.

mod many;
mod request;
mod response;
mod trial;

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_saphyr::Spanned;

pub(super) use self::many::{Eventually, MirrorDistribution, Weights};
pub(super) use self::request::{
    Alpn, BackendSimulation, Body, FailBy, Message, Protocol, Request, Scheme, WebSocket,
};
pub(super) use self::response::{
    BackendResponse, ExpectedRequest, OneOrMany, RedirectRequest, Response, SetCookie,
};
pub(super) use self::trial::{MirroredTo, Trial};
use super::model::GatewayRef;
use crate::host::HostKind;

/// A scenario: requests to a Gateway and what each must get.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "cases.yaml")]
pub(super) struct File {
    /// The name of the scenario, which reports show.
    pub(super) name: String,
    /// What the scenario is about. `mirror`, `timeout/retry` and `backend` are features of Envoy
    /// itself: these scenarios run on `envoy` only.
    pub(super) group: Option<String>,
    /// What the scenario shows. Free text.
    pub(super) description: Option<String>,
    /// Remarks. Free text.
    pub(super) notes: Option<String>,
    /// The Gateway that receives the requests, unless a case names another one.
    pub(super) gateway: Option<GatewayRef>,
    /// Independent cases.
    #[schemars(with = "Option<Vec<Entry>>")]
    pub(super) cases: Option<Vec<Spanned<Entry>>>,
    /// Cases that run in order and share state. A file has either `cases` or `steps`.
    #[schemars(with = "Option<Vec<Entry>>")]
    pub(super) steps: Option<Vec<Spanned<Entry>>>,
    /// Hosts that do not run the scenario, each with the reason.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"enum": HostKind::ALL.map(HostKind::name)}))]
    pub(super) skip: BTreeMap<HostKind, String>,
    /// The number of workers of the proxy. Requests are spread over them.
    pub(super) workers: Option<usize>,
    /// Files of the scenario's folder by the URL that the proxy fetches them from.
    #[serde(default)]
    pub(super) files: BTreeMap<String, PathBuf>,
    /// The folder whose YAML files are the manifests, in place of `manifests.yaml`.
    pub(super) manifest_folder: Option<PathBuf>,
    /// Certificates to generate for Secrets that contain none.
    #[serde(default)]
    pub(super) certificates: Vec<Certificate>,
}

/// A certificate to generate for a Secret that contains none.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Certificate {
    /// The namespace of the Secret.
    pub(super) namespace: String,
    /// The name of the Secret.
    pub(super) secret: String,
    /// The DNS names that the certificate is valid for.
    pub(super) dns_names: Vec<String>,
    /// The certificate signs itself. There is no other kind: `false` is an error.
    #[serde(default = "yes")]
    pub(super) self_signed: bool,
}

/// A case or a step.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Entry {
    /// The name of the case, which reports show. Without a name, it is the number of the case, from 0.
    pub(super) name: Option<String>,
    /// Remarks. Free text.
    pub(super) notes: Option<String>,
    /// The Gateway that receives the requests.
    pub(super) gateway: Option<GatewayRef>,
    /// Hosts that do not run the case, each with the reason.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"enum": HostKind::ALL.map(HostKind::name)}))]
    pub(super) skip: BTreeMap<HostKind, String>,
    /// The virtual time that passes before the request of the step, for example `1m30s`. A step may
    /// have no request.
    pub(super) advance: Option<String>,

    /// The request to send.
    pub(super) request: Option<Request>,
    /// The response that must arrive.
    pub(super) response: Option<Response>,
    /// A gRPC call and what it must get, in place of `request` and `response`.
    pub(super) grpc: Option<Box<Trial>>,
    /// A WebSocket to open and the messages to send, in place of `request`.
    pub(super) websocket: Option<WebSocket>,
    /// Alternatives: the case passes if one of them does. An alternative inherits what it does not
    /// state from the case.
    pub(super) any_of: Option<Vec<Trial>>,
    /// Many requests, and how backends share them, in place of `request` and `response`.
    pub(super) weights: Option<Weights>,
    /// Sends the request many times and counts the copies that the mirrors receive.
    pub(super) mirror_distribution: Option<MirrorDistribution>,
    /// Conditions of a policy. No host has any: the case is skipped.
    pub(super) policy_status: Option<Value>,

    /// The number of times to send the request. Every response must match.
    pub(super) repeat: Option<u32>,
    /// Sends the request until a response is the awaited one.
    pub(super) eventually: Option<Eventually>,
    /// Values to take from the last response for later steps, as `response.headers.NAME` or
    /// `response.cookies.NAME`.
    #[serde(default)]
    pub(super) capture: BTreeMap<String, String>,
    /// Counters and gauges of the filters, each with its value after the case. Counts begin with the
    /// scenario.
    #[serde(default)]
    pub(super) metrics: BTreeMap<String, u64>,
    /// A label. All requests of the scenario with the same label must reach the same backend.
    pub(super) same_pod: Option<String>,

    /// The Location that the response must redirect to.
    pub(super) redirect_request: Option<RedirectRequest>,
    /// The request that the backend must receive. By default, a step expects the request as it was sent.
    pub(super) expected_request: Option<ExpectedRequest>,
    /// The backend that must respond. Without one, or with null, any backend of `namespace`.
    pub(super) backend: Option<String>,
    /// Backends of which one must respond.
    pub(super) backend_one_of: Option<Vec<String>>,
    /// The namespace of the backend that must respond.
    pub(super) namespace: Option<String>,
    /// Whether the gateway itself must respond: no backend receives the request.
    #[serde(default)]
    pub(super) answered_by_gateway: bool,
    /// Whether to compare only the first line of each response header.
    #[serde(default)]
    pub(super) first_header_value_only: bool,
    /// Backends that must receive a copy of the request.
    #[serde(default)]
    pub(super) mirrored_to: Vec<MirroredTo>,

    /// The status that the backend of each of these Services responds with; for gRPC, the gRPC status.
    #[serde(default)]
    pub(super) backend_status: BTreeMap<String, u16>,
    /// The response of the backend in place of its echo. Not for gRPC.
    pub(super) backend_response: Option<BackendResponse>,
    /// Headers that the backend adds to its response.
    #[serde(default)]
    pub(super) backend_set_response_headers: BTreeMap<String, String>,
    /// Delays and failures of the backend.
    pub(super) backend_simulation: Option<BackendSimulation>,
    /// A redirect of the backend that Envoy follows itself. No host does: the case is skipped.
    pub(super) internal_redirect: Option<Value>,
    /// Effects of extensions other than Wasm. No host runs them: the case is skipped.
    pub(super) extension_effects: Option<Value>,
}

/// The JSON Schema of `cases.yaml`.
#[must_use]
pub fn schema() -> Value {
    schemars::schema_for!(File).to_value()
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// Tells a field that is null (`Some(None)`) from one that is not there (`None`).
fn present_or_null<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
