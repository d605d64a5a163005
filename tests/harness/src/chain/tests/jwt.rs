use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

use super::*;
use crate::model::JwtRequirement;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A proxy that requires a token for `/in`, with a guest behind.
fn envoy() -> EmbeddedEnvoy {
    let mut bench = Bench::new(&[witness()]);
    let key = json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(SECRET)});
    bench.proxy.jwt = vec![JwtRequirement {
        prefix: "/in".into(),
        provider: "example".into(),
        jwks: json!({"keys": [key]}).to_string(),
        claim_to_headers: vec![("name".into(), "x-name".into())],
    }];
    bench.envoy(&EmbeddedOptions::default())
}

fn bearer(claims: &Value) -> String {
    let section = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", section(&json!({"alg": "HS256"})), section(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    let signature = hmac::sign(&key, signed.as_bytes());
    format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn the_claim_replaces_what_the_client_sent() {
    let token = bearer(&json!({"name": "Ann"}));
    let headers = [("authorization", &*token), ("x-name", "Bob")];
    let answer = envoy().send(0, &get("/in/a", &headers)).unwrap();
    assert_eq!((answer.status, saw(&answer)), (200, 1));
    let seen = answer.seen.unwrap();
    let names = seen.headers.iter().filter(|(name, _)| name == b"x-name");
    assert_eq!(
        names.map(|(_, value)| &value[..]).collect::<Vec<_>>(),
        [b"Ann"]
    );
}

#[test]
fn without_a_token_no_filter_runs() {
    let mut envoy = envoy();
    let refused = envoy.send(0, &get("/in", &[])).unwrap();
    assert_eq!((refused.status, saw(&refused)), (401, 0));
    assert_eq!(refused.body, b"Jwt is missing");
    let elsewhere = envoy.send(0, &get("/teapot", &[])).unwrap();
    assert_eq!(elsewhere.status, 418);
}

#[test]
fn tokens_begin_and_end_in_virtual_time() {
    let mut envoy = envoy();
    let now = envoy.process().clock().now().as_secs();
    let token = bearer(&json!({"nbf": now + 160, "exp": now + 260}));
    let mut told = |after| {
        envoy.advance(Duration::from_secs(after));
        let answer = envoy.send(0, &get("/in", &[("authorization", &token)]));
        (answer.as_ref().unwrap().status, answer.unwrap().body)
    };
    // The clocks may be a minute apart.
    assert_eq!(told(99), (401, b"Jwt not yet valid".to_vec()));
    assert_eq!(told(1).0, 200);
    assert_eq!(told(220).0, 200);
    assert_eq!(told(1), (401, b"Jwt is expired".to_vec()));
}
