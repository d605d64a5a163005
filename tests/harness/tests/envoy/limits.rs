//! The `rate-limit` module in Envoy: its workers count together, and what it hands over is its own.

use gateway_filter_modules::RATE_LIMIT;
use gateway_harness::envoy::{EnvoyHost, EnvoyOptions, WasmLog};
use gateway_harness::model::Proxy;
use serde_json::{Value, json};

use gateway_harness::wasm_host::WasmCode;

use crate::fixture::{forward, get, header, proxy, route, seen, send, start, values, with_filter};
use crate::required_envoy;

fn limiting(configuration: &Value) -> Proxy {
    let mut proxy = with_filter(
        proxy(vec![route("/", forward("v1"))]),
        WasmCode::from_static(RATE_LIMIT.name, RATE_LIMIT.bytes),
    );
    proxy.filters[0].configuration = configuration.to_string();
    proxy
}

fn local(limit: &Value) -> Value {
    let rules = json!({"local": {"rules": [{"limit": limit}]}});
    json!({"policies": [{"name": "n/p", "rateLimit": rules}]})
}

#[test]
fn two_workers_under_load_admit_exactly_the_limit() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    // A year, so that nothing is refilled meanwhile.
    let proxy = limiting(&local(&json!({"requests": 5_000, "unit": "Year"})));
    let options = EnvoyOptions {
        wasm_log: WasmLog::Warning,
        concurrency: 2,
        ..EnvoyOptions::default()
    };
    let host = EnvoyHost::start(&binary, &proxy, &options).unwrap();
    let load = host.load(8, 20_000, &[get("/")]).unwrap();
    assert_eq!(load.by_status, [(200, 5_000), (429, 15_000)].into());
}

#[test]
fn answers_tell_the_limit_as_it_is() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let host = start(
        &binary,
        &limiting(&local(&json!({"requests": 2, "unit": "Year"}))),
    );
    for (status, remaining) in [(200, b"1"), (200, b"0"), (429, b"0")] {
        let answer = send(&host, &get("/"));
        assert_eq!(answer.status, status);
        assert_eq!(values(&answer.headers, "x-ratelimit-limit"), [b"2"]);
        assert_eq!(
            values(&answer.headers, "x-ratelimit-remaining"),
            [remaining]
        );
        let told = values(&answer.headers, "retry-after").len();
        assert_eq!(told, usize::from(status == 429));
    }
}

#[test]
fn what_is_handed_over_no_client_can_forge() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let hand_over = json!({
        "tier": {"header": "x-user-tier"}, "tiers": ["free", "premium"], "defaultTier": "free",
        "key": {"cookie": "id"}, "cost": {"header": "x-cost"}
    });
    let host = start(
        &binary,
        &limiting(&json!({"policies": [], "handOver": hand_over})),
    );
    let forged = || {
        let once = header(get("/"), "x-gateway-tier", "premium");
        let twice = header(once, "X-Gateway-Tier", "root");
        header(twice, "x-gateway-client", "somebody")
    };
    let handed = |exchange| {
        let answer = send(&host, &exchange);
        assert_eq!(answer.status, 200, "{:?}", answer.why);
        let headers = &seen(&answer).headers;
        ["x-gateway-tier", "x-gateway-client"].map(|name| {
            let values = values(headers, name);
            values
                .iter()
                .map(|value| String::from_utf8(value.to_vec()).unwrap())
                .collect::<Vec<_>>()
                .join(" and ")
        })
    };
    assert_eq!(handed(forged()), ["free", ""]);
    let known = header(forged(), "x-user-tier", "premium");
    let known = header(header(known, "cookie", "a=b; id=7"), "x-cost", "3");
    assert_eq!(handed(known), ["premium", "7"]);
    let unknown = header(forged(), "x-user-tier", "root");
    let unknown = header(header(unknown, "cookie", "id"), "x-cost", "-1");
    assert_eq!(handed(unknown), ["free", ""]);
}
