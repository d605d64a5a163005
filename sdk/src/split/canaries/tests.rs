use super::*;
use crate::host::mock::MockHost;
use crate::split::spec::CanaryFilterSpec;
use serde_json::{Value, json};
use std::collections::BTreeMap;

mod order;
mod refused;
mod responses;

const SECOND: u64 = 1_000_000_000;
/// 2026-01-31T12:00:00Z.
const NOON: u64 = 1_769_860_800 * SECOND;

/// Canaries, and the Envoy that they run in.
struct Bench {
    canaries: Canaries,
    host: MockHost,
}

fn canaries(config: &Value, host: &MockHost) -> Result<Canaries, String> {
    let spec: CanaryFilterSpec = serde_json::from_value(config.clone()).unwrap();
    Canaries::new(&spec, host).map_err(|error| error.to_string())
}

/// What a request got: the backend, or an answer's status; and the headers of its response.
type Got = (String, Vec<(String, String)>);

fn decide<'c>(canaries: &'c Canaries, head: &RequestHead, host: &MockHost) -> Selection<'c> {
    let route = canaries.read_route(head, host).unwrap();
    canaries.decide(&route, head, host).unwrap()
}

fn headers(edits: &[HeaderEdit]) -> Vec<(String, String)> {
    let text = |(name, value): (&str, &[u8])| {
        (name.to_owned(), String::from_utf8_lossy(value).into_owned())
    };
    edits
        .iter()
        .filter_map(HeaderEdit::written)
        .map(text)
        .collect()
}

impl Bench {
    fn new(config: Value) -> Self {
        let host = MockHost::default();
        host.time.set(NOON);
        let canaries = canaries(&config, &host).unwrap();
        Bench { canaries, host }
    }

    /// One canary for all requests.
    fn one(canary: Value) -> Self {
        let mut whole = json!({"name": "shop"});
        let members = canary.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(members);
        Bench::new(json!({ "canaries": [whole] }))
    }

    fn send(&self, entries: &[(&str, &str)]) -> Got {
        let entries = entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let head = RequestHead::new(entries);
        let selection = decide(&self.canaries, &head, &self.host);
        match selection.action {
            CanaryAction::Pass => ("-".to_owned(), Vec::new()),
            CanaryAction::Reply(reply) => (reply.status.to_string(), Vec::new()),
            CanaryAction::Forward {
                backend, chosen, ..
            } => (backend.to_owned(), headers(&chosen.edits)),
        }
    }

    fn to(&self, entries: &[(&str, &str)]) -> String {
        self.send(entries).0
    }

    /// Where numbered clients go.
    fn clients(&self, header: &str, count: u32) -> Vec<String> {
        let to = |client: u32| self.to(&[(header, &client.to_string())]);
        (0..count).map(to).collect()
    }
}

fn tally(backends: &[String]) -> BTreeMap<&str, usize> {
    let mut tally = BTreeMap::new();
    for backend in backends {
        *tally.entry(backend.as_str()).or_default() += 1;
    }
    tally
}

const STICKY: &str = r#"{"keys": [{"header": "x-user"}]}"#;

fn sticky() -> Value {
    serde_json::from_str(STICKY).unwrap()
}

#[test]
fn chance_decides_without_a_key() {
    let bench = Bench::one(json!({"weight": 10}));
    let draw = |number: u64| {
        bench
            .host
            .drawn
            .set(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bench.to(&[])
    };
    let found: Vec<String> = (0..10_000).map(draw).collect();
    let canary = tally(&found)["canary"];
    assert!((900..1_100).contains(&canary), "{canary}");
    bench.canaries.tick(&bench.host);
    let metrics = bench.host.metrics.borrow();
    let sent = i64::try_from(canary).unwrap();
    for metric in [
        ("canary.shop.requests_canary", sent),
        ("canary.shop.requests_stable", 10_000 - sent),
        ("canary.shop.share_ppm", 100_000),
    ] {
        assert!(
            metrics.contains(&(metric.0.to_owned(), metric.1)),
            "{metric:?}"
        );
    }
}

#[test]
fn a_client_stays_where_it_is_while_weights_grow() {
    let at = |weight: u32| {
        Bench::one(json!({"weight": weight, "sticky": sticky()})).clients("x-user", 2_000)
    };
    let [ten, twenty] = [at(10), at(20)];
    assert_eq!(ten, at(10));
    assert!(
        ten.iter()
            .zip(&twenty)
            .all(|(ten, twenty)| ten == twenty || twenty == "canary")
    );
    let moved = ten
        .iter()
        .zip(&twenty)
        .filter(|(ten, twenty)| ten != twenty);
    assert!((150..250).contains(&moved.count()));
}

#[test]
fn a_ramp_moves_clients_one_way() {
    let bench = Bench::one(json!({"sticky": sticky(), "ramp": {
        "start": "2026-01-31T12:00:00Z", "mode": "Linear",
        "steps": [{"weight": 50, "duration": "50s"}, {"weight": 100, "duration": "50s"}]}}));
    let mut before = bench.clients("x-user", 300);
    assert_eq!(tally(&before)["stable"], 300);
    for second in 1..=100 {
        bench.host.time.set(NOON + second * SECOND);
        let now = bench.clients("x-user", 300);
        assert!(
            before
                .iter()
                .zip(&now)
                .all(|(then, now)| then == "stable" || now == "canary")
        );
        before = now;
    }
    assert_eq!(tally(&before)["canary"], 300);
}

#[test]
fn a_client_without_a_key_gets_one() {
    let sticky =
        json!({"keys": [{"header": "x-user"}], "cookie": {"name": "shop", "maxAge": "24h"}});
    let bench = Bench::one(json!({"weight": 50, "sticky": sticky}));
    let mut seen = BTreeMap::new();
    for client in 0..100 {
        bench.host.drawn.set(client);
        let (backend, headers) = bench.send(&[]);
        let [(name, value)] = headers.as_slice() else {
            panic!("{headers:?}")
        };
        let expected = format!("shop=\"{client:016x}\"; Max-Age=86400; Path=/; HttpOnly");
        assert_eq!((name.as_str(), value), ("set-cookie", &expected));
        let cookie = format!("x=1; shop=\"{client:016x}\"");
        assert_eq!(
            bench.send(&[("cookie", &cookie)]),
            (backend.clone(), Vec::new())
        );
        *seen.entry(backend).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2, "{seen:?}");
    // Who has a key of its own needs none.
    assert_eq!(bench.send(&[("x-user", "ada")]).1, []);
}

#[test]
fn of_several_keys_all_that_are_there_count() {
    let keys = json!([{"header": "x-user"}, {"cookie": "device"}, {"queryParam": "id"}]);
    let bench = Bench::one(json!({"weight": 50, "sticky": {"keys": keys}}));
    let found = |user: u32, device: u32| {
        bench.host.drawn.set(u64::from(user * 7 + device));
        bench.to(&[
            ("x-user", &user.to_string()),
            ("cookie", &format!("device={device}")),
        ])
    };
    let devices: Vec<String> = (0..50).map(|device| found(1, device)).collect();
    assert_eq!(tally(&devices).len(), 2);
    assert_eq!(found(1, 3), devices[3]);
}

#[test]
fn what_stays_of_n_backends_is_shared_as_before() {
    let backends =
        json!([{"name": "a", "weight": 3}, {"name": "b", "weight": 1}, {"name": "c", "weight": 0}]);
    let split = |canary: Value| {
        let mut config = json!({"backends": backends, "sticky": sticky()});
        let members = canary.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(members);
        let found = Bench::one(config).clients("x-user", 10_000);
        ["a", "b", "c"].map(|name| tally(&found).get(name).copied().unwrap_or(0))
    };
    let near = |found: [usize; 3], expected: [usize; 3]| {
        let close = found
            .iter()
            .zip(expected)
            .all(|(found, wanted)| found.abs_diff(wanted) < 200);
        assert!(close, "{found:?} {expected:?}");
    };
    near(split(json!({})), [7_500, 2_500, 0]);
    near(
        split(json!({"canary": "c", "weight": 20})),
        [6_000, 2_000, 2_000],
    );
    near(split(json!({"canary": "a", "weight": 0})), [0, 10_000, 0]);
    near(split(json!({"canary": "b"})), [7_500, 2_500, 0]);
    let promoted =
        json!([{"name": "a", "weight": 0}, {"name": "b", "weight": 1}, {"name": "c", "weight": 0}]);
    near(
        split(json!({"backends": promoted, "canary": "b"})),
        [0, 10_000, 0],
    );
    near(
        split(json!({"backends": promoted, "canary": "b", "weight": 50})),
        [2_500, 5_000, 2_500],
    );
}

/// `sdk/tests/v8/splits.rs` finds the same in V8.
#[test]
fn clients_are_the_same_in_every_engine() {
    let backends = json!([{"name": "a", "weight": 70}, {"name": "b", "weight": 20}, {"name": "c", "weight": 10}]);
    let found =
        Bench::one(json!({"backends": backends, "sticky": sticky()})).clients("x-user", 5_000);
    let folded = found.iter().fold(0u64, |sum, backend| {
        sum.wrapping_mul(31)
            .wrapping_add(u64::from(backend.as_bytes()[0]))
    });
    assert_eq!(folded, 10_402_707_473_963_804_364);
}

#[test]
fn a_share_that_cannot_be_served_is_answered() {
    let bench = Bench::one(json!({"backends": [{"name": "a"}, {}], "sticky": sticky()}));
    assert_eq!(
        tally(&bench.clients("x-user", 100))
            .keys()
            .collect::<Vec<_>>(),
        [&"500", &"a"]
    );
    let none = Bench::one(json!({"backends": [{"name": "a", "weight": 0}]}));
    assert_eq!(none.to(&[]), "500");
    let entries = [(&b"content-type"[..], &b"application/grpc"[..])];
    let selection = decide(&none.canaries, &RequestHead::new(entries), &none.host);
    let CanaryAction::Reply(reply) = selection.action else {
        panic!("answered")
    };
    assert_eq!((reply.status, reply.grpc_status), (500, Some(14)));
}

#[test]
fn forged_headers_decide_nothing() {
    let bench = Bench::new(json!({"canaries": [
        {"name": "a", "weight": 0, "targets": [{"route": "httproute/ns/a"}]},
        {"name": "b", "weight": 0, "header": "X-B", "targets": [{"route": "httproute/ns/b"}]}]}));
    let decide = |route: &str, forged: &[(&str, &str)]| {
        let host = MockHost::default().attribute("xds.route_name", route);
        let entries = forged.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let head = RequestHead::new(entries);
        let selection = decide(&bench.canaries, &head, &host);
        let to = match selection.action {
            CanaryAction::Forward {
                header,
                backend,
                is_named,
                ..
            } => {
                format!(
                    "{header}={backend}{}",
                    if is_named { " already" } else { "" }
                )
            }
            CanaryAction::Pass => "-".to_owned(),
            CanaryAction::Reply(reply) => reply.status.to_string(),
        };
        (to, selection.forged.join(","))
    };
    let both = [("x-gateway-canary", "canary"), ("x-b", "canary")];
    let of = |to: &str, forged: &str| (to.to_owned(), forged.to_owned());
    assert_eq!(
        decide("httproute/ns/a/rule/0/match/0/*", &both),
        of("x-gateway-canary=stable", "x-b")
    );
    assert_eq!(
        decide("httproute/ns/b/rule/0/match/0/*", &both),
        of("x-b=stable", "x-gateway-canary")
    );
    assert_eq!(
        decide("httproute/ns/c/rule/0/match/0/*", &both),
        of("-", "x-gateway-canary,x-b")
    );
    let named = [("x-gateway-canary", "stable")];
    assert_eq!(
        decide("httproute/ns/a", &named),
        of("x-gateway-canary=stable already", "")
    );
    let twice = [
        ("x-gateway-canary", "stable"),
        ("x-gateway-canary", "canary"),
    ];
    assert_eq!(
        decide("httproute/ns/a", &twice),
        of("x-gateway-canary=stable", "")
    );
}

/// Behind route-match its header is right for every request that no canary is for.
#[test]
fn the_choice_of_route_match_stands_where_no_canary_decides() {
    let bench = Bench::new(json!({"routeFrom": "Header", "canaries": [
        {"name": "a", "header": "x-gateway-backend", "backends": [{"name": "ns/a:1"}, {"name": "ns/b:1", "weight": 0}],
         "targets": [{"route": "grpcroute/ns/a", "rule": 1}]}]}));
    let at = |route: &str| {
        let entries = [("x-gateway-route", route), ("x-gateway-backend", "ns/b:1")];
        let entries = entries.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let selection = decide(&bench.canaries, &RequestHead::new(entries), &bench.host);
        assert!(selection.forged.is_empty());
        matches!(
            selection.action,
            CanaryAction::Forward {
                backend: "ns/a:1",
                ..
            }
        )
    };
    assert!(at("grpcroute/ns/a/rule/1/match/0/*"));
    assert!(!at("grpcroute/ns/a/rule/10/match/0/*"));
}
