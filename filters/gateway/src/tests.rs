use super::*;
use gateway_filter_sdk::host::mock::MockHost;
use gateway_filter_sdk::host::{BufferType, MapType};
use gateway_filter_sdk::limit::rls::{Code, DescriptorStatus, RateLimitResponse};
use serde_json::{Value, json};

/// A filter with one rule, and the Envoy that it runs in.
struct Bench {
    filter: Gateway,
    host: MockHost,
}

impl Bench {
    /// The rule removes `x-api-key`, and has one backend.
    fn new(stages: Value) -> Self {
        let rule = json!({
            "filters": [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x-api-key"]}}],
            "backendRefs": [{"name": "v1", "port": 80}],
        });
        let route = json!({"kind": "HTTPRoute", "metadata": {"name": "r", "namespace": "ns"},
                           "spec": {"rules": [rule]}});
        let mut config = json!({"routes": {"routes": [route]}});
        let own = stages.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(own);
        let host = MockHost::default().request([
            (":method", "GET"),
            (":authority", "a.example"),
            (":path", "/"),
            ("x-api-key", "ann"),
        ]);
        host.time.set(1_767_225_600_000_000_000);
        let config = Gateway::configure(config.to_string().as_bytes(), &host).unwrap();
        Bench {
            filter: Gateway::new(Rc::new(config)),
            host,
        }
    }

    fn send(&mut self) -> Result<Flow, HostError> {
        self.filter
            .on_request_headers(&Request::new(&self.host, true))
    }

    fn fail(&self, call: &'static str) {
        self.host.failing.borrow_mut().insert(call);
    }

    fn header(&self, name: &str) -> Option<String> {
        self.host.header(MapType::RequestHeaders, name)
    }

    fn log(&self) -> String {
        let logs = self.host.logs.borrow();
        logs.iter().map(|(_, line)| line.as_str()).collect()
    }
}

fn tiers(fail_closed: bool) -> Value {
    json!({"limits": {"failClosed": fail_closed, "policies": [{"name": "ns/p", "tiers": [{
        "tier": {"header": "x-tier"}, "key": {"header": "x-api-key"},
        "limits": {"free": {"requests": 1, "unit": "Hour"}}, "defaultTier": "free",
    }]}]}})
}

#[test]
fn a_limit_counts_by_what_the_rule_removes() {
    let mut bench = Bench::new(tiers(false));
    assert_eq!(bench.send(), Ok(Flow::Reroute));
    assert_eq!(bench.header("x-api-key"), None);
    assert_eq!(
        bench.header("x-gateway-backend").as_deref(),
        Some("ns/v1:80")
    );
    let mut maps = bench.host.maps.borrow_mut();
    let headers = maps.get_mut(&MapType::RequestHeaders).unwrap();
    headers.push((b"x-api-key".to_vec(), b"ann".to_vec()));
    drop(maps);
    assert!(matches!(bench.send(), Ok(Flow::Reply(reply)) if reply.status == 429));
}

#[test]
fn limits_that_cannot_be_counted_let_pass_or_not_as_configured() {
    for (fail_closed, expected) in [(false, None), (true, Some(500))] {
        let mut bench = Bench::new(tiers(fail_closed));
        bench.fail("proxy_get_shared_data");
        let reply = match bench.send().unwrap() {
            Flow::Reply(reply) => Some(reply.status),
            flow => {
                assert_eq!(flow, Flow::Reroute);
                None
            }
        };
        assert_eq!(reply, expected);
        assert_eq!(bench.header("x-gateway-backend").is_some(), reply.is_none());
        assert!(bench.log().starts_with("limits: "), "{}", bench.log());
    }
}

#[test]
fn a_canary_that_cannot_choose_leaves_the_backend_of_the_rule() {
    let canary = json!({
        "name": "c", "header": "x-gateway-backend", "canary": "ns/v2:80",
        "backends": [{"name": "ns/v1:80", "weight": 0}, {"name": "ns/v2:80", "weight": 100}],
        "sessionPersistence": {"absoluteTimeout": "1h"},
    });
    let stages = json!({"canaries": {"canaries": [canary]}});
    let backend = |fails: bool| {
        let mut bench = Bench::new(stages.clone());
        if fails {
            bench.fail("proxy_get_current_time_nanoseconds");
        }
        assert_eq!(bench.send(), Ok(Flow::Reroute));
        assert_eq!(bench.log().starts_with("canaries: "), fails);
        bench.header("x-gateway-backend")
    };
    assert_eq!(backend(false).as_deref(), Some("ns/v2:80"));
    assert_eq!(backend(true).as_deref(), Some("ns/v1:80"));
}

#[test]
fn nothing_is_written_before_the_service_has_answered() {
    let mut bench = Bench::new(json!({"limits": {
        "service": {"cluster": "ratelimit", "domain": "d"},
        "policies": [{"name": "ns/p", "rateLimit": {"global": {"rules": [{
            "clientSelectors": [{"headers": [{"name": "x-api-key", "type": "Distinct"}]}],
            "limit": {"requests": 9, "unit": "Hour"},
        }]}}}],
    }}));
    let before = bench.host.maps.borrow().clone();
    assert_eq!(bench.send(), Ok(Flow::Pause));
    assert_eq!(*bench.host.maps.borrow(), before);
    let response = RateLimitResponse {
        statuses: vec![DescriptorStatus {
            code: Code::Ok,
            ..DescriptorStatus::default()
        }],
        ..RateLimitResponse::default()
    };
    let message = response.encode();
    let answer = |call| CallAnswer {
        call,
        size: message.len(),
        grpc_status: 0,
    };
    let mut buffers = bench.host.buffers.borrow_mut();
    buffers.insert(BufferType::GrpcReceive, message.clone());
    drop(buffers);
    let request = Request::new(&bench.host, true);
    let foreign = bench.filter.on_grpc_response(&answer(7), &request);
    assert_eq!(foreign, Ok(Flow::Pause));
    assert_eq!(
        bench.filter.on_grpc_response(&answer(0), &request),
        Ok(Flow::Reroute)
    );
    assert_eq!(bench.header("x-api-key"), None);
    assert_eq!(
        bench.header("x-gateway-backend").as_deref(),
        Some("ns/v1:80")
    );
}

#[test]
fn the_stage_of_a_mistake_is_named_and_route_from_is_refused() {
    let refused = |stages: Value| {
        let mut config = json!({"routes": {"routes": []}});
        let own = stages.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(own);
        let config = config.to_string();
        let refused = Gateway::configure(config.as_bytes(), &MockHost::default());
        refused.unwrap_err().to_string()
    };
    for (stages, message) in [
        (
            json!({"routes": {"routes": [{"kind": "HTTPRoute", "metadata": {"name": "r"},
                "spec": {"hostnames": ["a b"], "rules": []}}]}}),
            "routes.routes[0].spec.hostnames[0]: ",
        ),
        (
            json!({"limits": {"policies": [{"name": ""}]}}),
            "limits.policies[0].name: ",
        ),
        (
            json!({"canaries": {"canaries": [{"name": ""}]}}),
            "canaries.canaries[0].name: ",
        ),
        (
            json!({"limits": {"routeFrom": "Header", "policies": []}}),
            "limits.routeFrom: the filter finds the rule itself",
        ),
        (json!({"limit": {}}), "limit: unknown field `limit`"),
    ] {
        let refused = refused(stages);
        assert!(refused.starts_with(message), "{refused}");
    }
}
