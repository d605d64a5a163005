//! Requests that are sent many times.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Request, Response, one};

/// Many requests, and how backends share them.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct Weights {
    /// The request to send.
    pub(in super::super) request: Request,
    /// The response that each request must get.
    pub(in super::super) response: Response,
    /// The namespace of the backends.
    pub(in super::super) namespace: String,
    /// The number of requests.
    pub(in super::super) requests: u32,
    /// The share of the requests that each backend must receive, from 0 to 1. With 0, it must receive
    /// none.
    pub(in super::super) expected: BTreeMap<String, f64>,
    /// How far a share may be off.
    pub(in super::super) tolerance: f64,
    /// The number of tries, of which one must match. The default is 1.
    #[serde(default = "one")]
    pub(in super::super) attempts: u32,
}

/// How many copies of the requests the mirrors must receive.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct MirrorDistribution {
    /// The number of requests.
    pub(in super::super) requests: u32,
    /// The number of tries, of which one must match. The default is 1.
    #[serde(default = "one")]
    pub(in super::super) attempts: u32,
    /// The least number of copies that each backend of `mirroredTo` must receive.
    pub(in super::super) min_count: Option<f64>,
    /// The greatest number of copies that each backend of `mirroredTo` may receive.
    pub(in super::super) max_count: Option<f64>,
    /// Backends with counts of their own, in place of `minCount` and `maxCount`.
    pub(in super::super) backends: Option<Vec<CopyCount>>,
}

/// How many copies one backend must receive.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct CopyCount {
    /// The name of the backend.
    pub(in super::super) name: String,
    /// Its namespace. The default is the `namespace` of the case.
    pub(in super::super) namespace: Option<String>,
    /// The least number of copies.
    pub(in super::super) min_count: f64,
    /// The greatest number of copies.
    pub(in super::super) max_count: f64,
}

/// Sends the request until a response is the awaited one. It states either `status` or
/// `differentBackend`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(in super::super) struct Eventually {
    /// The HTTP status to wait for.
    pub(in super::super) status: Option<u16>,
    /// Waits for a response of another backend than that of the step before.
    #[serde(default)]
    pub(in super::super) different_backend: bool,
    /// The greatest number of requests to send.
    pub(in super::super) within: u32,
    /// The number of the request whose response must be the awaited one, from 1. Not compared on
    /// `envoy`, where time passes.
    pub(in super::super) at: Option<u32>,
    /// The statuses that earlier responses may have. By default, any.
    #[serde(default)]
    pub(in super::super) before: Vec<u16>,
}
