//! What an EnvoyExtensionPolicy has this project's filters do.

use super::target::Policy;
use crate::load::document::Document;
use crate::load::object::Object;
use crate::load::problem::Problem;
use crate::load::typed;
use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
use gateway_filter_sdk::split::spec::CanaryFilterSpec;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::sync::Arc;

#[derive(Debug, Clone, Deserialize)]
struct ExtensionSettings {
    #[serde(default)]
    wasm: Vec<WasmExtension>,
}

#[derive(Debug, Clone, Deserialize)]
struct WasmExtension {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    config: Option<Value>,
}

/// What a policy of the manifests says of the `gateway` filter: its routes come from the manifests.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewayExtension {
    #[serde(default, rename = "routes")]
    _routes: IgnoredAny,
    #[serde(default)]
    limits: Option<RateLimitFilterSpec>,
    #[serde(default)]
    canaries: Option<CanaryFilterSpec>,
}

/// The configurations of the filters that a policy loads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extensions {
    pub(crate) rate_limit: Option<RateLimitFilterSpec>,
    pub(crate) canary: Option<CanaryExtension>,
}

/// The configuration of the canary filter and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct CanaryExtension {
    pub(crate) path: String,
    pub(crate) spec: CanaryFilterSpec,
}

/// Reads an EnvoyExtensionPolicy; it loads a filter by the name of its module.
pub(in crate::load) fn extension(
    document: &Arc<Document>,
) -> Result<Object<Policy<Extensions>>, Box<Problem>> {
    let Object { document, value } = Object::<Policy<ExtensionSettings>>::read(document, "spec")?;
    let mut settings = Extensions::default();
    for (index, wasm) in value.settings.wasm.iter().enumerate() {
        let Some(config) = &wasm.config else {
            continue;
        };
        let path = format!("spec.wasm[{index}].config");
        match wasm.name.as_deref() {
            Some("rate-limit") => {
                settings.rate_limit = Some(typed::read_value(&document, &path, config)?);
            }
            Some("canary") => {
                let spec = typed::read_value(&document, &path, config)?;
                settings.canary = Some(CanaryExtension { path, spec });
            }
            Some("gateway") => {
                let spec: GatewayExtension = typed::read_value(&document, &path, config)?;
                settings.rate_limit = spec.limits.or(settings.rate_limit);
                let canaries = spec.canaries.map(|spec| CanaryExtension {
                    path: format!("{path}.canaries"),
                    spec,
                });
                settings.canary = canaries.or(settings.canary);
            }
            _ => {}
        }
    }
    let targets = value.targets;
    Ok(Object {
        document,
        value: Policy { targets, settings },
    })
}
