//! The configuration as it is written: serde structures in Gateway API field names.
//!
//! This is the first of two layers. Unknown fields are refused, so that a typing error cannot
//! pass as a rule that matches everything; values are checked when the second layer
//! ([`super::RouteTable`]) is built. The `spec` of an HTTPRoute or GRPCRoute can be pasted as it
//! is: the fields that say what Envoy does natively on the dispatch route (`timeouts`, `retry`,
//! `sessionPersistence`, `parentRefs`) are accepted here and left to it.

mod filter;

pub use filter::{
    CorsSpec, DirectResponseSpec, FilterKind, FilterSpec, HeaderModifierSpec, HeaderSpec,
    PathModifierKind, PathModifierSpec, RedirectSpec, RegexRewriteSpec, RewriteSpec,
};

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// The configuration of the `route-match` filter: the listeners of one Gateway and the routes
/// that are attached to them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteMatchSpec {
    /// The listeners of the Gateway and of its ListenerSets. Empty: one listener for every host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerSpec>,
    /// The routes, accepted ones only.
    pub routes: Vec<RouteSpec>,
}

/// One HTTP listener, as far as routing needs to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerSpec {
    /// `<namespace>/<Gateway>/<listener>`, for a listener of a ListenerSet
    /// `<namespace>/<Gateway>/<set's namespace>/<set>/<listener>`: what stands before the host in
    /// the names that Envoy Gateway gives to the virtual hosts of this listener.
    pub name: String,
    /// The listener's port in the Gateway; a redirect without a port of its own names it.
    pub port: u16,
    /// `HTTP` or `HTTPS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The listener's hostname; absent is every host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

/// An accepted HTTPRoute or GRPCRoute and the listeners that it is attached to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteSpec {
    /// Accepted, so that a manifest can be pasted; not used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// HTTPRoute or GRPCRoute.
    pub kind: RouteKind,
    /// Name, namespace and age: the ties of the precedence rules.
    pub metadata: Metadata,
    /// The names of the listeners that the route is attached to; absent is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listeners: Option<Vec<String>>,
    /// The route itself.
    pub spec: RulesSpec,
}

/// The two kinds of route that are matched here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteKind {
    /// `gateway.networking.k8s.io/v1` HTTPRoute.
    HTTPRoute,
    /// `gateway.networking.k8s.io/v1` GRPCRoute.
    GRPCRoute,
}

/// What routing needs of an object's metadata. Other metadata is accepted and not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Kubernetes namespace; `default` when absent.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Kubernetes name.
    pub name: String,
    /// RFC 3339, in UTC as Kubernetes writes it (`2026-01-31T12:00:00Z`). "The oldest Route based
    /// on creation timestamp" wins a tie; a route without one counts as the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
}

fn default_namespace() -> String {
    "default".to_owned()
}

/// The `spec` of an HTTPRoute or GRPCRoute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RulesSpec {
    /// Resolved by attachment, see [`RouteSpec::listeners`]; accepted and not used.
    #[serde(default, skip_serializing)]
    pub parent_refs: Option<Ignored>,
    /// As above.
    #[serde(default, skip_serializing)]
    pub use_default_gateways: Option<Ignored>,
    /// The hosts of the route; empty is every host of its listeners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hostnames: Vec<String>,
    /// The rules, in order.
    #[serde(default)]
    pub rules: Vec<RuleSpec>,
}

/// One rule: matches are ORed; filters and backends are shared by all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuleSpec {
    /// The rule's name, for reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Empty: "the default is a prefix path match on `/`" (HTTPRoute), every request (GRPCRoute).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub matches: Vec<MatchSpec>,
    /// Applied in order, before those of the chosen backendRef.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FilterSpec>,
    /// "If all entries in BackendRefs are invalid, and there are also no filters specified in this
    /// route rule, all traffic which matches this rule MUST receive a 500 status code."
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backend_refs: Vec<BackendRefSpec>,
    /// Done by Envoy on the dispatch route; accepted and not used.
    #[serde(default, skip_serializing)]
    pub timeouts: Option<Ignored>,
    /// As above.
    #[serde(default, skip_serializing)]
    pub retry: Option<Ignored>,
    /// As above.
    #[serde(default, skip_serializing)]
    pub session_persistence: Option<Ignored>,
}

/// One match: every condition that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatchSpec {
    /// The request path without its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<ValueMatchSpec>,
    /// HTTPRoute: the HTTP method. GRPCRoute: service and method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<MethodSpec>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<NamedMatchSpec>,
    /// Query parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query_params: Vec<NamedMatchSpec>,
    /// Beyond the specification: cookies, as in Envoy Gateway's HTTPRouteFilter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<NamedMatchSpec>,
    /// Beyond the specification: the client's address lies in one of these networks.
    #[serde(default, rename = "sourceCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub source_cidrs: Vec<String>,
    /// Beyond the specification: claims of the bearer token. The token is decoded, not verified;
    /// that is the work of Envoy's jwt_authn filter, which runs earlier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub jwt_claims: Vec<NamedMatchSpec>,
    /// Beyond the specification: the match fails if any of these holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not: Vec<MatchSpec>,
}

/// A value and how it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValueMatchSpec {
    /// `Exact`, `PathPrefix` or `RegularExpression`; a path defaults to `PathPrefix`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MatchKind>,
    /// The value; a path defaults to `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A named value (header, query parameter, cookie, claim) and how it is compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedMatchSpec {
    /// `Exact` (default) or `RegularExpression`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MatchKind>,
    /// The name. Headers: any case. A claim: a path of member names joined by dots.
    pub name: String,
    /// The value or the pattern.
    pub value: String,
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchKind {
    /// Equal, letter case included.
    Exact,
    /// Paths only: equal, or beneath it by whole segments.
    PathPrefix,
    /// The whole value matches the pattern.
    RegularExpression,
}

/// `method` of a match: a word in an HTTPRoute, an object in a GRPCRoute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum MethodSpec {
    /// HTTPRoute: `GET`.
    Http(String),
    /// GRPCRoute: service and method.
    Grpc(GrpcMethodSpec),
}

/// `method` of a GRPCRoute match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcMethodSpec {
    /// `Exact` (default) or `RegularExpression`, for both parts.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<MatchKind>,
    /// `package.Service`; absent or empty is every service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The method; absent or empty is every method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
}

impl<'de> Deserialize<'de> for MethodSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EitherMethod;
        impl<'de> Visitor<'de> for EitherMethod {
            type Value = MethodSpec;
            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("an HTTP method or a gRPC {service, method}")
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<MethodSpec, E> {
                Ok(MethodSpec::Http(value.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<MethodSpec, A::Error> {
                GrpcMethodSpec::deserialize(de::value::MapAccessDeserializer::new(map))
                    .map(MethodSpec::Grpc)
            }
        }
        deserializer.deserialize_any(EitherMethod)
    }
}

/// One backendRef.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendRefSpec {
    /// API group; the core group when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// `Service` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Name of the Service.
    pub name: String,
    /// The route's namespace when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Port of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// 0 to 1,000,000; absent is 1. "If weight is set to 0, no traffic should be forwarded for
    /// this entry."
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// Applied to requests that go to this backend only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FilterSpec>,
    /// Why the reference cannot be used (`BackendNotFound`, `RefNotPermitted`, `InvalidKind`), as
    /// found by who resolved it: its share of the requests is answered 500. Absent: it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invalid: Option<String>,
}

/// A field that is accepted so that a manifest can be pasted, and not used here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Ignored)
    }
}
