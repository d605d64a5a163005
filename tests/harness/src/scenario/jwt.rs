//! SecurityPolicy `jwt`, as far as it is replayed: tokens are verified before any Wasm filter runs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::model::JwtRequirement;

/// The part that is replayed; what has more fields is none of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Spec {
    target_refs: Vec<Target>,
    jwt: Jwt,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    #[serde(rename = "group")]
    _group: String,
    kind: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwt {
    providers: [Provider; 1],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Provider {
    name: String,
    #[serde(rename = "remoteJWKS")]
    remote_jwks: RemoteJwks,
    #[serde(default)]
    claim_to_headers: Vec<ClaimToHeader>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteJwks {
    uri: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimToHeader {
    claim: String,
    header: String,
}

/// What one SecurityPolicy requires: of one provider, whose keys are among the scenario's `files`,
/// for HTTPRoutes without hostnames that match path prefixes only. Absent if it asks for more.
pub(super) fn requirements(
    policy: &Value,
    documents: &[Value],
    files: &BTreeMap<String, PathBuf>,
    dir: &Path,
) -> Option<Vec<JwtRequirement>> {
    let spec: Spec = serde_json::from_value(policy.get("spec")?.clone()).ok()?;
    let [provider] = spec.jwt.providers;
    let jwks = fs::read_to_string(dir.join(files.get(&provider.remote_jwks.uri)?)).ok()?;
    let claims = provider.claim_to_headers.iter();
    let claim_to_headers: Vec<_> = claims
        .map(|to| (to.claim.clone(), to.header.clone()))
        .collect();
    let namespace = policy.pointer("/metadata/namespace")?;
    let mut required = Vec::new();
    for target in &spec.target_refs {
        let is_target = |document: &&Value| {
            document.get("kind").and_then(Value::as_str) == Some(&target.kind)
                && document.pointer("/metadata/namespace") == Some(namespace)
                && document.pointer("/metadata/name").and_then(Value::as_str) == Some(&target.name)
        };
        for prefix in prefixes(documents.iter().find(is_target)?)? {
            required.push(JwtRequirement {
                prefix,
                provider: provider.name.clone(),
                jwks: jwks.clone(),
                claim_to_headers: claim_to_headers.clone(),
            });
        }
    }
    Some(required)
}

/// The path prefixes that an HTTPRoute matches; absent if it matches by anything else.
fn prefixes(route: &Value) -> Option<Vec<String>> {
    if route.get("kind")? != "HTTPRoute" || route.pointer("/spec/hostnames").is_some() {
        return None;
    }
    let mut prefixes = Vec::new();
    for rule in route.pointer("/spec/rules")?.as_array()? {
        for matched in rule.get("matches")?.as_array()? {
            let path = matched
                .get("path")
                .filter(|path| path.get("type") == Some(&"PathPrefix".into()))?;
            if matched.as_object()?.len() > 1 {
                return None;
            }
            prefixes.push(path.get("value")?.as_str()?.to_owned());
        }
    }
    Some(prefixes)
}
