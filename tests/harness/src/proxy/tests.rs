use super::*;
use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
use gateway_filter_sdk::split::spec::CanaryFilterSpec;
use serde_json::json;

fn read(scenario: &str) -> (Manifests, GatewayBundle) {
    let path = format!(
        "{}/../scenarios/{scenario}/manifests.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let manifests = gateway_bundle::load(&[path.into()]).unwrap();
    let gateway = gateway_bundle::bundle(&manifests).gateways.remove(0);
    (manifests, gateway)
}

fn limits(service: serde_json::Value) -> Option<RateLimitFilterSpec> {
    serde_json::from_value(json!({"policies": [], "service": service})).unwrap()
}

fn made((manifests, gateway): &(Manifests, GatewayBundle)) -> Proxy {
    let modules = Modules {
        route_match: WasmCode::from_static("a", b"a"),
        rate_limit: WasmCode::from_static("b", b"b"),
        canary: WasmCode::from_static("c", b"c"),
    };
    let address = ([127, 0, 0, 1], 18_081).into();
    let services = [("ratelimit".to_owned(), address)].into();
    proxy(manifests, gateway, &modules, &services, &BTreeSet::new()).unwrap()
}

#[test]
fn rate_limit_comes_behind_route_match_and_canary_behind_both() {
    let names = |proxy: &Proxy| -> Vec<String> {
        let filters = proxy.filters.iter();
        filters.map(|filter| filter.name.clone()).collect()
    };
    let mut paths = read("path-routing");
    assert_eq!(names(&made(&paths)), ["route-match"]);
    paths.1.rate_limit = limits(json!(null));
    let limited = made(&paths);
    assert_eq!(names(&limited), ["route-match", "rate-limit"]);
    assert_eq!(limited.filters[1].configuration, r#"{"policies":[]}"#);
    assert_eq!(limited.services, []);

    paths.1.canary = Some(CanaryFilterSpec::default());
    let split = made(&paths);
    assert_eq!(names(&split), ["route-match", "rate-limit", "canary"]);
    assert_eq!(split.filters[2].configuration, r#"{"canaries":[]}"#);
    assert_eq!(split.filters[2].module.name(), "c");
}

#[test]
fn a_service_without_address_has_no_endpoint() {
    let mut paths = read("path-routing");
    let mut address = |cluster: &str| {
        paths.1.rate_limit = limits(json!({"cluster": cluster}));
        made(&paths).services[0].address
    };
    assert_eq!(address("ratelimit"), Some(([127, 0, 0, 1], 18_081).into()));
    assert_eq!(address("elsewhere"), None);
}
