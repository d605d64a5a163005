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
        gateway: WasmCode::from_static("a", b"a"),
    };
    let address = ([127, 0, 0, 1], 18_081).into();
    let services = [("ratelimit".to_owned(), address)].into();
    proxy(manifests, gateway, &modules, &services).unwrap()
}

#[test]
fn the_filter_has_limits_and_canaries_where_the_gateway_has_any() {
    let configuration = |proxy: &Proxy| -> serde_json::Value {
        let [filter] = &*proxy.filters else {
            panic!("{:?}", proxy.filters)
        };
        assert_eq!((&*filter.name, filter.module.name()), ("gateway", "a"));
        serde_json::from_str(&filter.configuration).unwrap()
    };
    let mut paths = read("path-routing");
    let routed = configuration(&made(&paths));
    assert!(routed["routes"]["routes"].is_array());
    assert_eq!(
        (&routed["limits"], &routed["canaries"]),
        (&json!(null), &json!(null))
    );
    paths.1.rate_limit = limits(json!(null));
    paths.1.canary = Some(CanaryFilterSpec::default());
    let proxy = made(&paths);
    let all = configuration(&proxy);
    assert_eq!(all["limits"], json!({"policies": []}));
    assert_eq!(all["canaries"], json!({"canaries": []}));
    assert_eq!(proxy.services, []);
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
