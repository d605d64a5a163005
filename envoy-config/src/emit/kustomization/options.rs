//! How a bundle is written.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// How many bytes an object may have: etcd's `--max-request-bytes`, 1.5 MiB by default, as the API server
/// stores an object in one request, less what it adds itself (managedFields, status).
pub const MOST_BYTES: usize = 1_572_864 - 65_536;

/// How a bundle is written.
#[derive(Debug, Clone)]
pub struct KustomizeOptions {
    /// Where Envoy Gateway gets the module; absent: where an EnvoyExtensionPolicy of the manifests that
    /// loads the filter already says.
    pub code: Option<CodeSource>,
    /// The rate limit service as `<namespace>/<service>:<port>`: a route is written for it, whose
    /// cluster the filter calls. Absent: the cluster that the configuration names.
    pub rate_limit_service: Option<ServiceName>,
    /// Routes as `<namespace>/<name>` that alone are decided by the filters; empty is all of them.
    pub routes: BTreeSet<String>,
    /// How many bytes an object may have; [`MOST_BYTES`] in a cluster.
    pub most_bytes: usize,
}

impl Default for KustomizeOptions {
    fn default() -> Self {
        Self {
            code: None,
            rate_limit_service: None,
            routes: BTreeSet::new(),
            most_bytes: MOST_BYTES,
        }
    }
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceName {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// Where Envoy Gateway gets the module: a URL, in which `{name}` stands for the filter's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSource {
    /// `https://…` of a file, else an OCI image.
    pub url: String,
}

impl Default for CodeSource {
    fn default() -> Self {
        Self {
            url: "registry.example.com/gateway-filters/{name}:latest".to_owned(),
        }
    }
}

impl CodeSource {
    pub(super) fn code(&self, name: &str) -> Value {
        let url = self.url.replace("{name}", name);
        if url.starts_with("https://") || url.starts_with("http://") {
            return json!({"type": "HTTP", "http": {"url": url}});
        }
        let url = url.strip_prefix("oci://").unwrap_or(&url);
        json!({"type": "Image", "image": {"url": url}})
    }
}
