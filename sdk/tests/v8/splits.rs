//! Who gets the canary: in V8 those who get it natively.

use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::split::spec::CanaryFilterSpec;
use gateway_filter_sdk::split::{Canaries, CanaryAction};
use wasm_bindgen_test::wasm_bindgen_test;

/// `split::canaries::tests::clients_are_the_same_in_every_engine` finds the same natively.
const CLIENTS: u64 = 10_402_707_473_963_804_364;

#[wasm_bindgen_test]
fn clients_are_the_same_as_natively() {
    let spec = r#"{"canaries": [{"name": "shop", "sticky": {"keys": [{"header": "x-user"}]},
        "backends": [{"name": "a", "weight": 70}, {"name": "b", "weight": 20}, {"name": "c", "weight": 10}]}]}"#;
    let spec: CanaryFilterSpec = serde_json::from_str(spec).unwrap();
    let host = MockHost::default();
    let canaries = Canaries::new(&spec, &host).unwrap();
    let folded = (0..5_000).fold(0u64, |sum, client: u32| {
        let user = client.to_string();
        let head = RequestHead::new([(&b"x-user"[..], user.as_bytes())]);
        let selection = canaries.decide("", &head, &host).unwrap();
        let CanaryAction::Forward { backend, .. } = selection.action else {
            return 0;
        };
        sum.wrapping_mul(31)
            .wrapping_add(u64::from(backend.as_bytes()[0]))
    });
    assert_eq!(folded, CLIENTS);
}
