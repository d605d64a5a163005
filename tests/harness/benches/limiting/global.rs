//! Limits that a real rate limit service counts: how often it is asked, and how long a request takes
//! from end to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::rate_limit_service::RateLimitService;
use gateway_filter_modules::RATE_LIMIT;
use gateway_harness::chain::{EmbeddedEnvoy, EmbeddedOptions};
use gateway_harness::exchange::Exchange;
use gateway_harness::model::{
    Listener, Proxy, Route, RouteAction, ServiceCluster, VirtualHost, WasmFilter,
};
use gateway_harness::services::ServiceClient;
use gateway_harness::wasm_host::Runtime;
use gateway_harness::wasm_host::WasmCode;
use serde_json::{Value, json};

use crate::filter;
use crate::measure::{Measurement, is_quick, median, print_table};

const DOMAIN: &str = "gateway-filters";
const CLUSTER: &str = "ratelimit";
/// Requests of one sample, all of one client.
const REQUESTS: u32 = 1_000;
/// More than are sent.
const PLENTY: u32 = 1_000_000;

/// One way to be limited.
struct Subject {
    name: &'static str,
    /// The client's requests a year that the service allows.
    global: u32,
    /// The client's requests a year that the filter allows, if it looks before it asks.
    local: Option<u32>,
    /// Further members of `service`.
    service: Value,
}

/// What came of the requests of one sample.
struct Sample {
    allowed: u32,
    calls: u64,
    microseconds: f64,
}

/// Calls, answers and time, each with an Envoy and empty counters of its own.
pub fn run() -> Measurement<()> {
    let Some(service) = RateLimitService::start(&[DOMAIN])? else {
        println!("\nno rate limit service: `just ratelimit-tools` installs one");
        return Ok(());
    };
    let runtime = filter::timed()?;
    let subjects = subjects();
    let mut samples: Vec<Vec<Sample>> = subjects.iter().map(|_| Vec::new()).collect();
    for _ in 0..if is_quick() { 1 } else { 5 } {
        for (subject, samples) in subjects.iter().zip(&mut samples) {
            service.flush()?;
            samples.push(sample(&runtime, subject, &service)?);
        }
    }
    let rows: Vec<_> = subjects
        .iter()
        .zip(&samples)
        .map(|(subject, samples)| row(subject, samples))
        .collect();
    print_table(
        &format!("{REQUESTS} requests of one client, global limit, real service"),
        ["limit", "allowed", "calls to the service", "µs a request"],
        &rows,
    );
    Ok(())
}

fn subjects() -> Vec<Subject> {
    let subject = |name, global, local, service| Subject {
        name,
        global,
        local,
        service,
    };
    let lease = |hits: u32| json!({"lease": {"hits": hits}});
    let remember = || json!({"rememberRefusals": "10s"});
    vec![
        subject("plain", PLENTY, None, json!({})),
        subject("lease of 10", PLENTY, None, lease(10)),
        subject("lease of 100", PLENTY, None, lease(100)),
        subject("over the limit of 100", 100, None, json!({})),
        subject(
            "over the local pre-check of 100",
            PLENTY,
            Some(100),
            json!({}),
        ),
        subject("over 100, refusals remembered", 100, None, remember()),
    ]
}

fn sample(runtime: &Runtime, subject: &Subject, service: &RateLimitService) -> Measurement<Sample> {
    let services = vec![ServiceCluster {
        name: CLUSTER.into(),
        address: Some(service.address()),
    }];
    let answers = ServiceClient::new(&services)?.responder();
    let calls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&calls);
    let options = EmbeddedOptions {
        responder: Arc::new(move |call| {
            count.fetch_add(1, Ordering::Relaxed);
            answers(call)
        }),
        ..EmbeddedOptions::default()
    };
    let mut envoy = EmbeddedEnvoy::new(runtime, &proxy(subject, services), &options)?;
    let exchange = exchange();
    let mut allowed = 0;
    let since = Instant::now();
    for _ in 0..REQUESTS {
        match envoy.send(0, &exchange)?.status {
            200 => allowed += 1,
            429 => {}
            status => return Err(format!("{}: {status}", subject.name).into()),
        }
    }
    Ok(Sample {
        allowed,
        calls: calls.load(Ordering::Relaxed),
        microseconds: since.elapsed().as_secs_f64() * 1e6 / f64::from(REQUESTS),
    })
}

fn row(subject: &Subject, samples: &[Sample]) -> [String; 4] {
    let middle = |of: fn(&Sample) -> f64| median(samples.iter().map(of).collect());
    [
        subject.name.into(),
        format!("{}", middle(|sample| sample.allowed.into())),
        format!("{}", middle(|sample| sample.calls as f64)),
        format!("{:.0}", middle(|sample| sample.microseconds)),
    ]
}

fn configuration(subject: &Subject) -> String {
    let rules = |requests: u32| {
        json!({"rules": [{
            "clientSelectors": [{"headers": [{"name": "x-api-key", "type": "Distinct"}]}],
            "limit": {"requests": requests, "unit": "Year"},
            "shared": true,
        }]})
    };
    let mut service = json!({
        "cluster": CLUSTER, "domain": DOMAIN, "timeout": "30s", "failClosed": true,
    });
    if let (Some(service), Some(more)) = (service.as_object_mut(), subject.service.as_object()) {
        service.extend(more.clone());
    }
    let policy = json!({
        "name": "shop/clients",
        "rateLimit": {"global": rules(subject.global), "local": subject.local.map(rules)},
    });
    json!({"policies": [policy], "service": service}).to_string()
}

fn proxy(subject: &Subject, services: Vec<ServiceCluster>) -> Proxy {
    Proxy {
        listeners: vec![Listener {
            port: 80,
            virtual_hosts: vec![VirtualHost {
                name: "shop/gateway/http/*".into(),
                domains: vec!["*".into()],
                routes: vec![Route {
                    name: "httproute/shop/orders/rule/0/match/0/*".into(),
                    prefix: "/".into(),
                    headers: Vec::new(),
                    filters_enabled: true,
                    action: RouteAction::DirectResponse(200),
                }],
            }],
            ..Listener::default()
        }],
        filters: vec![WasmFilter {
            name: "rate-limit".into(),
            root_id: String::new(),
            module: WasmCode::from_static(RATE_LIMIT.name, RATE_LIMIT.bytes),
            configuration: configuration(subject),
            fail_open: false,
        }],
        services,
        ..Proxy::default()
    }
}

fn exchange() -> Exchange {
    Exchange {
        headers: vec![("x-api-key".into(), "client-000007".into())],
        ..Exchange::get("shop.example.com", "/orders/1234")
    }
}
