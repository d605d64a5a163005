//! The service itself: what the filter and the harness rely on.

use std::time::Duration;

use crate::rate_limit_service::RateLimitService;
use gateway_harness::model::ServiceCluster;
use gateway_harness::services::ServiceClient;
use gateway_harness::wasm_host::CalloutAnswer;

use crate::fixture::service;

const DOMAIN: &str = "gateway-filters";
/// `envoy.service.ratelimit.v3.RateLimitUnit`.
const DAY: u8 = 4;
const WEEK: u8 = 7;

/// A field of bytes, `number` below 16; 127 of them at most.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    assert!(length < 128);
    [&[number << 3 | 2, length], content].concat()
}

/// `RateLimitRequest` with one descriptor of one entry, and the limit of it.
fn request(value: &str, limit: u8, unit: u8) -> Vec<u8> {
    let entry = [field(1, b"key"), field(2, value.as_bytes())].concat();
    let limit = [1 << 3, limit, 2 << 3, unit];
    let descriptor = [field(1, &entry), field(2, &limit)].concat();
    [field(1, DOMAIN.as_bytes()), field(2, &descriptor)].concat()
}

fn client(service: &RateLimitService) -> ServiceClient {
    let cluster = ServiceCluster {
        name: "ratelimit".into(),
        address: Some(service.address()),
    };
    ServiceClient::new(&[cluster]).unwrap()
}

fn ask(client: &ServiceClient, message: &[u8]) -> CalloutAnswer {
    let path = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
    let deadline = Some(Duration::from_secs(30));
    client.unary("ratelimit", path, &Vec::new(), message, deadline)
}

const OK: u8 = 1;
const OVER_LIMIT: u8 = 2;

/// `overall_code`, the first field of a `RateLimitResponse`.
fn code(answer: &CalloutAnswer) -> u8 {
    match answer {
        CalloutAnswer::Grpc(message) if message[0] == 1 << 3 => message[1],
        other => panic!("{other:?}"),
    }
}

#[test]
fn limits_that_a_request_brings_along_count_in_a_domain_without_any() {
    let Some(service) = service(&[DOMAIN]) else {
        return;
    };
    let client = client(&service);
    for unit in [DAY, WEEK] {
        let value = format!("unit {unit}");
        let codes: Vec<_> = (0..3)
            .map(|_| code(&ask(&client, &request(&value, 2, unit))))
            .collect();
        assert_eq!(codes, [OK, OK, OVER_LIMIT], "{value}");
    }
    service.flush().unwrap();
    assert_eq!(code(&ask(&client, &request("unit 4", 2, DAY))), OK);
}

#[test]
fn each_of_both_comes_back_where_it_was() {
    let Some(mut service) = service(&[DOMAIN]) else {
        return;
    };
    let client = client(&service);
    let once = request("a", 1, DAY);
    assert_eq!(code(&ask(&client, &once)), OK);

    service.kill_service();
    // At first the connection is not known to be closed.
    while !matches!(ask(&client, &once), CalloutAnswer::Unreachable) {}
    service.start_service().unwrap();
    assert_eq!(code(&ask(&client, &once)), OVER_LIMIT);

    service.kill_redis();
    let without = ask(&client, &once);
    assert!(
        matches!(without, CalloutAnswer::GrpcStatus { code: 2, .. }),
        "{without:?}"
    );
    service.start_redis().unwrap();
    // The service connects anew in its own time.
    while !matches!(ask(&client, &once), CalloutAnswer::Grpc(_)) {}
}
