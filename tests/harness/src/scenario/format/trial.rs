//! A gRPC call, or one alternative of `anyOf`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    BackendResponse, BackendSimulation, ExpectedRequest, RedirectRequest, Request, Response,
};

/// A request, what it must get, and what the backend does.
#[derive(Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct Trial {
    /// The request to send.
    pub(in super::super) request: Option<Request>,
    /// The response that must arrive.
    pub(in super::super) response: Option<Response>,
    /// A gRPC call and what it must get, in place of `request` and `response`.
    pub(in super::super) grpc: Option<Box<Trial>>,

    /// The Location that the response must redirect to.
    pub(in super::super) redirect_request: Option<RedirectRequest>,
    /// The request that the backend must receive.
    pub(in super::super) expected_request: Option<ExpectedRequest>,
    /// The backend that must respond. Without one, or with null, any backend of `namespace`.
    pub(in super::super) backend: Option<String>,
    /// Backends of which one must respond.
    pub(in super::super) backend_one_of: Option<Vec<String>>,
    /// The namespace of the backend that must respond.
    pub(in super::super) namespace: Option<String>,
    /// Whether the gateway itself must respond: no backend receives the request.
    #[serde(default)]
    pub(in super::super) answered_by_gateway: bool,
    /// Whether to compare only the first line of each response header.
    #[serde(default)]
    pub(in super::super) first_header_value_only: bool,
    /// Backends that must receive a copy of the request.
    #[serde(default)]
    pub(in super::super) mirrored_to: Vec<MirroredTo>,

    /// The status that the backend of each of these Services responds with; for gRPC, the gRPC status.
    #[serde(default)]
    pub(in super::super) backend_status: BTreeMap<String, u16>,
    /// The response of the backend in place of its echo. Not for gRPC.
    pub(in super::super) backend_response: Option<BackendResponse>,
    /// Headers that the backend adds to its response.
    #[serde(default)]
    pub(in super::super) backend_set_response_headers: BTreeMap<String, String>,
    /// Delays and failures of the backend.
    pub(in super::super) backend_simulation: Option<BackendSimulation>,
    /// A redirect of the backend that Envoy follows itself. No host does: the case is skipped.
    pub(in super::super) internal_redirect: Option<Value>,
    /// Effects of extensions other than Wasm. No host runs them: the case is skipped.
    pub(in super::super) extension_effects: Option<Value>,
}

/// A backend that must receive a copy of the request.
#[derive(Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct MirroredTo {
    /// The name of the backend.
    pub(in super::super) name: String,
    /// Its namespace. The default is the `namespace` of the case.
    pub(in super::super) namespace: Option<String>,
}
