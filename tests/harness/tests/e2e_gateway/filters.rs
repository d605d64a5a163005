//! The Wasm filters of an EnvoyExtensionPolicy, as Envoy Gateway puts them in (1.9,
//! `internal/xds/translator/wasm.go`); egctl does not, for it has no cache of modules.

use gateway_bundle::Document;
use gateway_harness::envoy::ModuleFolder;
use gateway_harness::scenario::GatewayRef;
use gateway_harness::wasm_host::WasmCode;
use serde_json::{Value, json};

use crate::dump::Dump;

/// What comes behind Wasm filters in the chain (`newOrderedHTTPFilter` in
/// `internal/xds/translator/httpfilters.go`).
const BEHIND: [&str; 10] = [
    "envoy.filters.http.geoip",
    "envoy.filters.http.rbac",
    "envoy.filters.http.local_ratelimit",
    "envoy.filters.http.ratelimit",
    "envoy.filters.http.bandwidth_limit",
    "envoy.filters.http.grpc_web",
    "envoy.filters.http.grpc_stats",
    "envoy.filters.http.credential_injector",
    "envoy.filters.http.compressor",
    "envoy.filters.http.router",
];

/// Puts the filters of a policy on a Gateway or on listeners of it into the chain of every listener,
/// turned off, and on in the routes that it covers.
pub(crate) fn insert(
    dump: &mut Dump,
    policy: &Document,
    gateway: &GatewayRef,
    modules: &ModuleFolder,
) {
    let spec = &policy.value()["spec"];
    let targets = spec["targetRefs"].as_array().unwrap();
    let prefixes: Vec<String> = targets
        .iter()
        .filter(|target| target["kind"] == "Gateway" && target["name"] == gateway.name.as_str())
        .map(|target| match target["sectionName"].as_str() {
            Some(listener) => format!("{gateway}/{listener}/"),
            None => format!("{gateway}/"),
        })
        .collect();
    let id = format!(
        "envoyextensionpolicy/{}/{}",
        policy.namespace(),
        policy.name()
    );
    let entries = spec["wasm"].as_array().unwrap();
    for (index, entry) in entries.iter().enumerate() {
        let id = format!("{id}/wasm/{index}");
        let name = format!("envoy.filters.http.wasm/{id}");
        let filter = filter(&name, &id, entry, modules);
        dump.connection_managers(|manager| {
            let filters = manager["httpFilters"].as_array_mut().unwrap();
            let is_behind = |filter: &Value| {
                let name = filter["name"].as_str().unwrap();
                BEHIND.iter().any(|behind| name.starts_with(behind))
            };
            let place = filters.iter().position(is_behind).unwrap();
            filters.insert(place, filter.clone());
        });
        dump.virtual_hosts(|host| {
            let host_name = host["name"].as_str().unwrap();
            if prefixes.iter().any(|prefix| host_name.starts_with(prefix)) {
                // What an EnvoyPatchPolicy added comes later, and is under no other policy.
                let routes = host["routes"].as_array_mut().unwrap().iter_mut();
                for route in routes.filter(|route| route["metadata"].is_object()) {
                    route["typedPerFilterConfig"][&name] = json!({
                        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                        "config": {},
                    });
                }
            }
        });
    }
}

fn filter(name: &str, id: &str, entry: &Value, modules: &ModuleFolder) -> Value {
    let plugin = entry["name"].as_str().unwrap();
    let module = gateway_filter_modules::find(plugin)
        .unwrap_or_else(|| panic!("there is no module {plugin}"));
    let module = modules.add(&WasmCode::from_static(module.name, module.bytes));
    json!({
        "name": name,
        "disabled": true,
        "typedConfig": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": {
                "name": plugin,
                "rootId": entry["rootID"],
                "failOpen": entry["failOpen"].as_bool().unwrap_or_default(),
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": entry["config"].to_string(),
                },
                "vmConfig": {
                    "vmId": id,
                    "runtime": "envoy.wasm.runtime.v8",
                    // Envoy Gateway serves the module itself, over HTTPS.
                    "code": {"local": {"filename": module.unwrap()}},
                },
            },
        },
    })
}
