//! The HTTP filters: those of the policy and what stands around them.

use serde_json::{Map, Value, json};

use super::super::ModuleFolder;
use super::route::path_match;
use crate::model::{JwtRequirement, Proxy, WasmFilter};

/// All of them, in Envoy Gateway's order.
pub(super) fn http_filters(proxy: &Proxy, modules: &ModuleFolder) -> Vec<Value> {
    let router = json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    });
    let verified = (!proxy.jwt.is_empty()).then(|| jwt(&proxy.jwt));
    verified
        .into_iter()
        .chain(
            proxy
                .filters
                .iter()
                .enumerate()
                .map(|(index, filter)| wasm(index, filter, modules)),
        )
        .chain(std::iter::once(router))
        .collect()
}

/// Envoy Gateway's name of a filter and of its VM, `envoyextensionpolicy/<namespace>/<policy>/wasm/<i>`:
/// a VM of its own for each entry, shared by all listeners.
fn vm_id(index: usize) -> String {
    format!("envoyextensionpolicy/gwf/gwf/wasm/{index}")
}

fn wasm_filter_name(index: usize) -> String {
    format!("envoy.filters.http.wasm/{}", vm_id(index))
}

/// In front of the Wasm filters, as Envoy Gateway orders them.
fn jwt(required: &[JwtRequirement]) -> Value {
    let provider = |required: &JwtRequirement| {
        let claims = required.claim_to_headers.iter();
        let claims: Vec<_> = claims
            .map(|(claim, header)| json!({"claim_name": claim, "header_name": header}))
            .collect();
        let provider = json!({
            "forward": true,
            "local_jwks": {"inline_string": required.jwks},
            "claim_to_headers": claims,
        });
        (required.provider.clone(), provider)
    };
    let rule = |required: &JwtRequirement| {
        json!({
            "match": path_match(&required.prefix),
            "requires": {"provider_name": required.provider},
        })
    };
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": required.iter().map(provider).collect::<Map<_, _>>(),
            "rules": required.iter().map(rule).collect::<Vec<_>>(),
        },
    })
}

fn wasm(index: usize, filter: &WasmFilter, modules: &ModuleFolder) -> Value {
    json!({
        "name": wasm_filter_name(index),
        "disabled": true,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": filter.name,
                "root_id": filter.root_id,
                "fail_open": filter.fail_open,
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": filter.configuration,
                },
                "vm_config": {
                    "vm_id": vm_id(index),
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": {"local": {"filename": modules.path(&filter.module)}},
                },
            },
        },
    })
}

/// What turns the filters on for the requests whose first match is this route.
pub(super) fn enabled(filters: &[WasmFilter]) -> Map<String, Value> {
    let config = json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "config": {},
    });
    (0..filters.len())
        .map(|index| (wasm_filter_name(index), config.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wasm_host::WasmCode;

    fn entry(index: usize, filter: &WasmFilter) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let modules = ModuleFolder::new(folder.path().join("modules")).unwrap();
        wasm(index, filter, &modules)
    }

    fn filter(name: &str) -> WasmFilter {
        WasmFilter {
            name: name.into(),
            root_id: String::new(),
            module: WasmCode::from_static("a", b"a"),
            configuration: r#"{"a": 1}"#.into(),
            fail_open: true,
        }
    }

    #[test]
    fn a_filter_is_off_in_the_listener_and_known_to_the_route() {
        let filters = [filter("a"), filter("b")];
        let entries: Vec<_> = filters
            .iter()
            .enumerate()
            .map(|(index, filter)| entry(index, filter))
            .collect();
        assert!(entries.iter().all(|entry| entry["disabled"] == true));
        let names: Vec<_> = enabled(&filters)
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(
            names,
            [0, 1].map(|index: usize| entries[index]["name"].as_str().unwrap())
        );
    }

    #[test]
    fn every_filter_has_a_vm_of_its_own_and_its_configuration_as_text() {
        let configs = [entry(0, &filter("a")), entry(1, &filter("a"))]
            .map(|entry| entry["typed_config"]["config"].clone());
        assert_ne!(
            configs[0]["vm_config"]["vm_id"],
            configs[1]["vm_config"]["vm_id"]
        );
        assert_eq!(configs[0]["configuration"]["value"], r#"{"a": 1}"#);
        assert_eq!(configs[0]["fail_open"], true);
    }
}
