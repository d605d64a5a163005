//! Any text as the configuration of `route-match`: refused with a message, or a router that decides.
#![no_main]

use gateway_filter_sdk::filter::compiled_json;
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::spec::RouteMatchSpec;
use gateway_filter_sdk::router::Router;
use libfuzzer_sys::fuzz_target;

const REQUESTS: [[(&[u8], &[u8]); 5]; 2] = [
    [
        (b":method", b"GET"),
        (b":path", b"/a/b?q=1"),
        (b":authority", b"a.example.com"),
        (b"cookie", b"beta=1"),
        (b"x-tier", b"gold"),
    ],
    [
        (b":method", b"OPTIONS"),
        (b":path", b"/pkg.Service/Get"),
        (b":authority", b"[::1]:80"),
        (b"origin", b"https://a.example.com"),
        (b"access-control-request-method", b"GET"),
    ],
];

fuzz_target!(|text: &[u8]| {
    match compiled_json::<RouteMatchSpec, Router>(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(router) => {
            for head in REQUESTS.map(RequestHead::new) {
                router.decide(router.listener_for(None, &head.host()), &head, || 0);
            }
        }
    }
});
