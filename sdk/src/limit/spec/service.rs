//! The rate limit service, what a refused client is answered, and what is handed over.

use super::is_default;
use crate::key::KeySpec;
use crate::route::spec::HeaderSpec;
use serde::{Deserialize, Serialize};

/// The rate limit service (envoyproxy/ratelimit or another with its API).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSpec {
    /// Name of the cluster, spoken to in HTTP/2.
    pub cluster: String,
    /// One domain for all counters, with Envoy Gateway's domain as first entry of each descriptor,
    /// and the limits sent along: the service needs to know no more than the domain. Absent: the
    /// domains and descriptors of Envoy Gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Put in front of every descriptor, as the name of a cluster that shares the service with others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<EntrySpec>,
    /// How long an answer may take, as `20ms` or `1s`; 20 ms when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// What happens without an answer: true is 500, false lets the request pass. False when absent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub fail_closed: bool,
    /// Takes several hits of a hot key at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseSpec>,
    /// How long a refusal is remembered at most, as `10s`, so that a client that is over its limit
    /// costs no call; absent is not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remember_refusals: Option<String>,
}

/// One entry of a descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntrySpec {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Hits taken in advance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaseSpec {
    /// At most so many at once, 2 to 10,000; near the limit fewer.
    pub hits: u32,
}

/// What a refused client is answered. A gRPC caller gets RESOURCE_EXHAUSTED and the body as message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplySpec {
    /// HTTP status, 400 to 599; 429 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Body; empty when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Content type of the body; text/plain when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Further headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSpec>,
}

/// What Envoy Gateway's own global limiter gets to select on. Each header is overwritten or removed,
/// so that no client can forge it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HandOverSpec {
    /// What names the tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<KeySpec>,
    /// Tiers that are known; another value becomes the default tier. Empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<String>,
    /// The tier of requests without a known one; absent: the header is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_tier: Option<String>,
    /// Header for the tier; `x-gateway-tier` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier_header: Option<String>,
    /// What tells clients apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeySpec>,
    /// Header for the client; `x-gateway-client` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// A number in the request that becomes its cost, as filter state `envoy.ratelimit.hits_addend`;
    /// 1 where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<KeySpec>,
}
