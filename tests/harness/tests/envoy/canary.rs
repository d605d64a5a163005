//! The `canary` module on native routes: a real Envoy and the embedded one are told the same and
//! answer the same; and a bad canary under load.

use gateway_harness::chain::{self, EmbeddedEnvoy};
use gateway_harness::envoy::{EnvoyHost, EnvoyOptions};
use gateway_harness::exchange::{Answer, Exchange};
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime};
use serde_json::{Value, json};

use crate::fixture::{get, header, seen, send, start, values};
use crate::required_envoy;
use crate::two_backends::{canary, proxy};

/// Who answers.
enum Host {
    Embedded(Box<EmbeddedEnvoy>),
    Real(Box<EnvoyHost>),
}

impl Host {
    #[track_caller]
    fn ask(&mut self, exchange: &Exchange) -> Answer {
        let answer = match self {
            Host::Embedded(envoy) => envoy.send(0, exchange).unwrap(),
            Host::Real(envoy) => send(envoy, exchange),
        };
        assert_eq!(answer.status, 200, "{:?}", answer.why);
        answer
    }

    /// Which of these requests came to the canary.
    fn on_canary(&mut self, exchanges: impl Iterator<Item = Exchange>) -> Vec<bool> {
        exchanges
            .map(|exchange| is_canary(&self.ask(&exchange)))
            .collect()
    }
}

fn is_canary(answer: &Answer) -> bool {
    seen(answer).service == "v2"
}

/// What a check finds on the embedded host and, where there is one, on the real Envoy.
fn on_both<T>(fields: Value, check: impl Fn(&mut Host) -> T) -> Vec<T> {
    let proxy = proxy(&canary(fields));
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap();
    let embedded =
        EmbeddedEnvoy::new(&runtime, &proxy, &chain::EmbeddedOptions::default()).unwrap();
    let real = required_envoy::find().map(|binary| Host::Real(Box::new(start(&binary, &proxy))));
    let hosts = [Some(Host::Embedded(Box::new(embedded))), real];
    let mut hosts: Vec<_> = hosts.into_iter().flatten().collect();
    hosts.iter_mut().map(check).collect()
}

fn of_user(number: usize) -> Exchange {
    header(get("/"), "x-user", format!("user-{number}"))
}

#[test]
fn chance_splits_by_weight() {
    for count in on_both(json!({"weight": 30}), |host| {
        let asked = host.on_canary((0..1_000).map(|_| get("/")));
        asked.into_iter().filter(|canary| *canary).count()
    }) {
        // Five times the standard deviation.
        assert!(count.abs_diff(300) <= 73, "{count} of 1,000");
    }
}

#[test]
fn a_client_gets_the_same_answer_each_time_and_on_each_host() {
    let keys = json!({"keys": [{"header": "x-user"}]});
    let found = on_both(json!({"weight": 30, "sticky": keys}), |host| {
        let first = host.on_canary((0..200).map(of_user));
        assert_eq!(host.on_canary((0..200).map(of_user)), first);
        first
    });
    let count = found[0].iter().filter(|canary| **canary).count();
    assert!((28..=92).contains(&count), "{count} of 200");
    assert!(found.iter().all(|of_host| *of_host == found[0]));
}

#[test]
fn a_forged_choice_is_overwritten() {
    on_both(json!({"weight": 0}), |host| {
        let once = header(get("/"), "x-gateway-canary", "canary");
        for exchange in [
            once.clone(),
            header(once.clone(), "X-Gateway-Canary", "canary"),
            header(
                header(get("/"), "x-gateway-canary", "stable"),
                "x-gateway-canary",
                "canary",
            ),
            header(get("/"), "x-gateway-canary", b"\xff"),
        ] {
            let answer = host.ask(&exchange);
            let seen = seen(&answer);
            assert_eq!(seen.service, "v1", "{exchange:?}");
            assert_eq!(values(&seen.headers, "x-gateway-canary"), [b"stable"]);
        }
    });
}

#[test]
fn the_response_tells_who_served_and_gives_a_client_its_key() {
    let cookie = json!({"name": "client", "maxAge": "1h", "sameSite": "Lax", "secure": true});
    let fields = json!({"weight": 50, "variantHeader": "x-variant", "sticky": {"cookie": cookie}});
    on_both(fields, |host| {
        let mut found = [0; 2];
        for _ in 0..20 {
            let mut exchange = get("/");
            exchange.backend_response_headers = vec![
                ("set-cookie".into(), "a=b".into()),
                ("x-variant".into(), "forged".into()),
            ];
            let answer = host.ask(&exchange);
            let is_canary = is_canary(&answer);
            let variant = ["stable", "canary"][usize::from(is_canary)];
            assert_eq!(values(&answer.headers, "x-variant"), [variant.as_bytes()]);
            let cookies = values(&answer.headers, "set-cookie");
            assert_eq!(cookies.len(), 2, "{cookies:?}");
            assert!(cookies.contains(&&b"a=b"[..]), "the backend's own stays");
            let own = cookies
                .into_iter()
                .find(|cookie| cookie.starts_with(b"client="));
            let own = String::from_utf8(own.unwrap().to_vec()).unwrap();
            let (pair, attributes) = own.split_once("; ").unwrap();
            assert_eq!(
                attributes,
                "Max-Age=3600; Path=/; SameSite=Lax; Secure; HttpOnly"
            );
            let again = host.ask(&header(get("/"), "cookie", pair));
            assert_eq!(seen(&again).service, seen(&answer).service);
            assert!(values(&again.headers, "set-cookie").is_empty());
            found[usize::from(is_canary)] += 1;
        }
        assert!(found.iter().all(|count| *count > 0), "{found:?}");
    });
}

/// What the guard tells the admin interface.
fn stat(host: &EnvoyHost, what: &str) -> u64 {
    let stat = host.stat(&format!("wasmcustom.canary.shop.{what}"));
    stat.unwrap().unwrap_or(0)
}

/// The backends answer with what tells them apart: 200 is stable, 201 the canary, 503 the canary
/// where it fails.
fn answered(fails: bool) -> Exchange {
    let mut exchange = get("/");
    exchange.backend_status = vec![("v2".into(), if fails { 503 } else { 201 })];
    exchange
}

#[test]
fn a_bad_canary_is_backed_off_under_load() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    let overrides = json!([{"key": {"header": "x-canary"}}]);
    let fields = json!({"weight": 50, "overrides": overrides, "guard": {"hold": "1h"}});
    let options = EnvoyOptions {
        concurrency: 2,
        ..EnvoyOptions::default()
    };
    let host = EnvoyHost::start(&binary, &proxy(&canary(fields)), &options).unwrap();
    let load = host
        .load(8, 6_000, &[answered(false), answered(true)])
        .unwrap();
    let count = |status: u16| load.by_status.get(&status).copied().unwrap_or(0);
    let (stable, sent) = (count(200), count(201) + count(503));
    println!(
        "{stable} stable, {sent} of the canary, of which {} failed",
        count(503)
    );
    assert_eq!(stable + sent, 6_000);
    assert!(sent <= MOST, "{sent}");

    let after = host.load(8, 2_000, &[answered(true)]).unwrap();
    assert_eq!(after.by_status, [(200, 2_000)].into());
    let told = |value| header(answered(true), "x-canary", value);
    assert_eq!(send(&host, &told("always")).status, 503);
    assert_eq!(send(&host, &told("never")).status, 200);

    assert_eq!(stat(&host, "guard_state"), 1);
    assert_eq!(stat(&host, "guard_back_offs"), 1);
    let lines = host.log();
    let told = lines
        .iter()
        .filter(|line| line.contains("backed off to nothing for"));
    assert_eq!(told.count(), 1, "{lines:?}");
    // The workers report when their timers fire; requests make time pass, and no share is left.
    let sent = sent + 1;
    let reported = (0..REPORTED).any(|_| {
        send(&host, &answered(false));
        stat(&host, "requests_canary") == sent && stat(&host, "share_ppm") == 0
    });
    assert!(reported, "{sent}: {}", stat(&host, "requests_canary"));
}

/// Requests that a canary of which half fail may get at most: what the guard needs to tell, and what
/// a worker lets pass until it knows what the other one found.
const MOST: u64 = 120;
/// Requests within which every timer has fired.
const REPORTED: usize = 20_000;
