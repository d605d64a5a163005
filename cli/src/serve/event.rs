//! What is told while serving: for people by [`write`](super::write), for programs as it is.

use std::net::SocketAddr;

use gateway_bundle::{Entry, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::output::ErrorEntry;

/// Something happened. As JSON each has its name in `event`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// The first configuration is in force.
    Ready(Facts),
    /// Another one is.
    Reloaded {
        /// The objects and modules that differ, each as `NAME added`, `changed` or `removed`; empty if
        /// all is as before again.
        changes: Vec<String>,
        /// What is in force now.
        #[serde(flatten)]
        facts: Facts,
    },
    /// An edit is rejected; the configuration before it stays in force.
    Rejected {
        /// Why.
        errors: Vec<ErrorEntry>,
    },
    /// A request was answered.
    Request(RequestLine),
    /// Serving could not begin.
    Failed {
        /// Why.
        errors: Vec<ErrorEntry>,
    },
}

/// What is in force.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Envoy's version.
    pub envoy: String,
    /// Its process id.
    pub pid: u32,
    /// Its admin interface.
    pub admin: Option<SocketAddr>,
    /// The listeners of all Gateways.
    pub listeners: Vec<ListenerFact>,
    /// The Services that routes lead to.
    pub services: Vec<ServiceFact>,
    /// The services that filters call; without an address nobody answers.
    pub called: Vec<CalledFact>,
    /// What the manifests ask for and do not get.
    pub rejected: Vec<RejectedEntry>,
    /// Commands to try.
    pub examples: Vec<String>,
}

/// A listener of a Gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerFact {
    /// `namespace/name`.
    pub gateway: String,
    /// Its name, within the Gateway or a ListenerSet.
    pub listener: String,
    /// Its hostname; absent is every host.
    pub hostname: Option<String>,
    /// Its port in the Gateway.
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// Where it is on this machine; absent if it is not served.
    pub address: Option<SocketAddr>,
    /// The same as a URL.
    pub url: Option<String>,
    /// What is unusual about it.
    pub notes: Vec<String>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFact {
    /// `namespace/name:port`.
    pub service: String,
    /// What stands behind it.
    pub backend: Backend,
    /// Where that listens.
    pub address: SocketAddr,
}

/// What stands behind a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A server of this process, which answers with what it saw.
    Echo,
    /// The address that was given.
    Address,
}

/// A service that filters call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CalledFact {
    /// What they call it.
    pub name: String,
    /// Where it listens.
    pub address: Option<SocketAddr>,
}

/// A part of the manifests that is rejected or not supported, and not served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedEntry {
    /// `error`, `warning`, or `not served` of what only a cluster has Envoy do.
    pub severity: &'static str,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// `Kind namespace/name`.
    pub object: String,
    /// `Condition=Status Reason`; absent for what is merely ignored.
    pub condition: Option<String>,
    /// What it is about.
    pub message: String,
}

impl From<&Entry> for RejectedEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            severity: match entry.severity {
                Severity::Native => "not served",
                Severity::Error => "error",
                Severity::Warning | Severity::Note => "warning",
            },
            file: entry.file.clone(),
            line: entry.line,
            object: entry.object.clone(),
            condition: entry.condition.as_ref().map(ToString::to_string),
            message: entry.message.clone(),
        }
    }
}

/// A request and its answer, as Envoy's access log has them. What is absent there is absent here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct RequestLine {
    /// The method.
    pub method: Option<String>,
    /// The host that the client named.
    pub authority: Option<String>,
    /// The path with its query, as the backend saw it.
    pub path: Option<String>,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: Option<String>,
    /// The status of the answer; 0 if there is none.
    pub status: Option<u16>,
    /// The gRPC status of the answer, in words.
    pub grpc_status: Option<String>,
    /// Who answered or why nobody did: Envoy's response code details.
    pub details: Option<String>,
    /// From the first byte of the request to the last of the answer, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The rule that matched: `x-gateway-route`.
    pub rule: Option<String>,
    /// The backend that was chosen: `x-gateway-backend`, or the choice of the canary filter on native
    /// routes.
    pub backend: Option<String>,
    /// `x-ratelimit-limit` of the answer.
    pub limit: Option<String>,
    /// `x-ratelimit-remaining` of the answer.
    pub remaining: Option<String>,
    /// `x-ratelimit-reset` of the answer, in seconds.
    pub reset: Option<String>,
    /// `retry-after` of the answer.
    pub retry_after: Option<String>,
}
