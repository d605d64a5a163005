//! A scenario as the runner and the judge know it: both forms of `cases.yaml`, one model.

mod many;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

pub use many::{Copies, Mirrors, Weights};
use schemars::JsonSchema;
use serde::Deserialize;

use super::backends::Backends;
use super::skip::Feature;
use crate::exchange::{BackendResponse, ClientTls, Message, Protocol, Simulation};
use crate::host::HostKind;
use crate::model::JwtRequirement;

/// Manifests and the requests that prove them.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `name`: the suite's short name of the test.
    pub name: String,
    /// What it shows.
    pub description: Option<String>,
    /// Remarks.
    pub notes: Option<String>,
    /// The folder.
    pub dir: PathBuf,
    /// `manifests.yaml` in it, or the files that take its place.
    pub manifests: Vec<PathBuf>,
    /// `cases.yaml` in it.
    pub file: PathBuf,
    /// Whether the cases are steps: run in order, each seeing what the earlier ones left.
    pub ordered: bool,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
    /// Which backend stands behind which Service of the manifests.
    pub backends: Backends,
    /// What all cases ask of a host, beyond answering requests.
    pub features: BTreeSet<Feature>,
    /// Hosts that the file itself excludes, with its reasons.
    pub skip: BTreeMap<HostKind, String>,
    /// What a SecurityPolicy `jwt` of the manifests requires.
    pub jwt: Vec<JwtRequirement>,
    /// On how many workers of the proxy the requests are spread.
    pub workers: NonZero<usize>,
    /// Certificates for Secrets of the manifests that have none.
    pub certificates: Vec<SecretCertificate>,
}

/// A certificate to be made for a Secret that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretCertificate {
    /// Namespace of the Secret.
    pub namespace: String,
    /// Its name.
    pub secret: String,
    /// What the certificate is for.
    pub dns_names: Vec<String>,
}

/// A Gateway.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayRef {
    /// The namespace of the Gateway.
    pub namespace: String,
    /// The name of the Gateway.
    pub name: String,
}

impl fmt::Display for GatewayRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One entry of `cases` or `steps`.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name; without one, its number, from 0.
    pub name: String,
    /// Remarks.
    pub notes: Option<String>,
    /// Line in `cases.yaml`, from 1.
    pub line: u64,
    /// Where its requests go.
    pub gateway: GatewayRef,
    /// Virtual time that passes before.
    pub advance: Option<Duration>,
    /// What is done and what must come of it.
    pub what: What,
    /// The filters' counters and gauges after it.
    pub metrics: BTreeMap<String, u64>,
    /// What it asks of a host, beyond answering requests.
    pub features: BTreeSet<Feature>,
    /// Hosts that the case itself excludes, with its reasons.
    pub skip: BTreeMap<HostKind, String>,
}

/// The kinds of case.
#[derive(Debug, Clone)]
pub enum What {
    /// A request, over HTTP or gRPC.
    Requests(Requests),
    /// Many requests, and their distribution.
    Weights(Weights),
    /// Many requests, of some of which there are copies.
    Mirrors(Mirrors),
    /// Nothing but the time that passes.
    Wait,
    /// A policy's status: nothing that a host answers.
    Unjudged,
}

/// A request, and what each of its answers must be.
#[derive(Debug, Clone)]
pub struct Requests {
    /// The request and what must come back.
    pub trial: Trial,
    /// Others: an answer fits if it fits one of all.
    pub or: Vec<Trial>,
    /// How often it is sent; every answer must fit.
    pub until: Until,
    /// Values to take from the last answer, by the name that later steps use for them.
    pub capture: BTreeMap<String, Capture>,
    /// All requests of the scenario with the same label must be answered by the same backend.
    pub same_pod: Option<String>,
}

impl Requests {
    /// All alternatives.
    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        std::iter::once(&self.trial).chain(&self.or)
    }
}

/// A request and what must come back.
#[derive(Debug, Clone)]
pub struct Trial {
    /// What is sent.
    pub request: Request,
    /// What must come back.
    pub expected: Expected,
    /// Backends that must get a copy.
    pub mirrored_to: Vec<MirroredTo>,
}

/// A backend that gets copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirroredTo {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for MirroredTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// How often a request is sent.
#[derive(Debug, Clone)]
pub enum Until {
    /// That many times.
    Times(u32),
    /// Until an answer is the awaited one, which then must fit.
    Eventually(Eventually),
}

/// A request sent until its answer is the awaited one.
#[derive(Debug, Clone)]
pub struct Eventually {
    /// What is awaited.
    pub awaited: Awaited,
    /// The most requests that may be sent.
    pub within: u32,
    /// Which request it should be, counted from 1, if no time passes between them.
    pub at: Option<u32>,
    /// Statuses of the answers before; empty is any.
    pub before: Vec<u16>,
}

/// What `eventually` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// This status.
    Status(u16),
    /// Another backend than that of the step before.
    DifferentBackend,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::DifferentBackend => f.write_str("another backend"),
        }
    }
}

/// Where a captured value is in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capture {
    /// Value of the response header of this name.
    Header(String),
    /// Value of the cookie of this name in `Set-Cookie`, without its quotes.
    Cookie(String),
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `http` or `https`.
    pub scheme: String,
    /// `:authority`, with a port if one is stated; empty is the address of the gateway.
    pub host: String,
    /// Port of the listener.
    pub port: u16,
    /// How it travels.
    pub protocol: Protocol,
    /// TLS, if `scheme` is `https`.
    pub tls: Option<ClientTls>,
    /// `:method`.
    pub method: String,
    /// `:path` with its query.
    pub path: String,
    /// Headers, names as stated.
    pub headers: BTreeMap<String, String>,
    /// The body; in gRPC the message.
    pub body: Vec<u8>,
    /// Trailers, names as stated.
    pub trailers: BTreeMap<String, String>,
    /// Address of the TCP peer.
    pub client: Option<IpAddr>,
    /// Headers that the backend must put on its answer.
    pub backend_response_headers: BTreeMap<String, String>,
    /// What the backend answers with instead of its echo.
    pub backend_response: BackendResponse,
    /// Statuses that the backends of these Services must answer with, in gRPC gRPC statuses.
    pub backend_status: BTreeMap<String, u16>,
    /// What the backend does besides answering.
    pub simulation: Simulation,
    /// Messages to send over a WebSocket.
    pub messages: Vec<Message>,
}

/// What must come back. What is empty or absent is not compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The status.
    pub status: Status,
    /// Response headers: values joined by a comma.
    pub headers: BTreeMap<String, String>,
    /// Response headers that may have one of several texts.
    pub valid_header_values: BTreeMap<String, Vec<String>>,
    /// Compare header values with spaces removed.
    pub ignore_whitespace: bool,
    /// Compare the first line of a header only.
    pub first_header_value_only: bool,
    /// Response headers that must not be there.
    pub absent_headers: Vec<String>,
    /// Response headers that must be there, with any value.
    pub headers_present: Vec<String>,
    /// Response headers that must contain these texts.
    pub headers_contain: BTreeMap<String, Vec<String>>,
    /// Cookies that must be set, to any value.
    pub cookies_present: Vec<String>,
    /// A cookie that must be set with these attributes.
    pub set_cookie: Option<SetCookie>,
    /// The body.
    pub body: Option<String>,
    /// Texts that the body must not be.
    pub body_not: Vec<String>,
    /// Where a redirect leads.
    pub redirect: Option<Redirect>,
    /// What the backend sees.
    pub request: Option<ExpectedRequest>,
    /// Who answers.
    pub answered_by: AnsweredBy,
    /// Messages over the WebSocket.
    pub messages: Vec<Message>,
}

/// The status that must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// One of these HTTP statuses.
    Http(Vec<u16>),
    /// This gRPC status.
    Grpc {
        /// Its number.
        code: u32,
        /// Its name.
        name: String,
    },
}

/// Who must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnsweredBy {
    /// Not compared, but a 404, 421 or 500 must not come from a backend.
    Unstated,
    /// Not a backend.
    Gateway,
    /// A backend of this namespace; one of these, or any if none is named.
    Backend {
        /// The namespace, if it is stated.
        namespace: Option<String>,
        /// Names of the backends.
        names: Vec<String>,
    },
}

/// Where a redirect must lead. What is absent is not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// Scheme of `Location`.
    pub scheme: Option<String>,
    /// Its host.
    pub host: Option<String>,
    /// Its port, as text; the empty text is no port.
    pub ports: Option<Vec<String>>,
    /// Its path, without query.
    pub path: Option<String>,
}

/// What a backend must see. What is absent is not compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpectedRequest {
    /// `:authority`.
    pub host: Option<String>,
    /// `:method`.
    pub method: Option<String>,
    /// `:path` with its query.
    pub path: Option<String>,
    /// Headers: values joined by a comma.
    pub headers: BTreeMap<String, String>,
    /// Headers that must not be there.
    pub absent_headers: Vec<String>,
    /// The body, of at most [`BODY_KEPT`](crate::exchange::BODY_KEPT) bytes.
    pub body: Option<Vec<u8>>,
    /// Its length in bytes.
    pub body_size: Option<u64>,
    /// Trailers: values joined by a comma.
    pub trailers: BTreeMap<String, String>,
}

/// A cookie and its attributes. An attribute is not compared (`None`), must be absent
/// (`Some(None)`), or must have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// Its name.
    pub name: String,
    /// Whether the value is in double quotes.
    pub quoted: Option<bool>,
    /// Attributes by name in lower case; of `httponly` and `secure` the value is empty.
    pub attributes: BTreeMap<&'static str, Option<String>>,
}
