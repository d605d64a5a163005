//! What becomes of tokens: a real Envoy's `jwt_authn` and the embedded host's must agree.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_harness::chain::{self, EmbeddedEnvoy, StartError};
use gateway_harness::envoy::{EnvoyHost, EnvoyOptions};
use gateway_harness::exchange::{Answer, Exchange, Headers, Protocol};
use gateway_harness::model::{JwtRequirement, Proxy};
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::fixture::{forward, get, header, module, proxy, route, start, values, with_filter};
use crate::required_envoy;

/// An RSA key and a token signed with it, for `"name": "John Doe"`, without end.
const RSA_N: &str = "u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0_IzW7yWR7QkrmBL7jTKEn5u-qKhbwKfBstIs-bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW_VDL5AaWTg0nLVkjRo9z-40RQzuVaE8AkAFmxZzow3x-VJYKdjykkJ0iT9wCS0DRTXu269V264Vf_3jvredZiKRkgwlL9xNAwxXFg0x_XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC-9aGVd-Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbcmw";
const RSA_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiYWRtaW4iOnRydWUsImlhdCI6MTUxNjIzOTAyMn0.NHVaYe26MbtOYhSKkoKYdFVomg4i8ZJd8_-RU8VNbftc4TSMb4bXP3l3YlNWACwyXPGffz5aXHc6lty1Y2t4SWRqGteragsVdZufDn5BlnJl9pdR_kdVFUsra2rWKEofkZeIC4yWytE58sMIihvo9H1ScmmVwBcQP6XETqYd0aSHp1gOa9RdUPDvoXQ5oqygTqVtxaDr6wUFKrKItgBMzWIdNZ6y7O9E0DhEPTbE9rfBo6KTFsHAZnMg4k68CDp2woYIaXbmYTWcvbzIuHO7_37GT79XdIwkm95QJ7hYC9RiwrV7mesbY4PAahERJawntho0my942XheVLmGwLMBkQ";
/// A token signed with the key 0123456789abcdef0123456789abcdef, for `"name": "Ann"`.
const HMAC_TOKEN: &str =
    "eyJhbGciOiJIUzI1NiJ9.eyJuYW1lIjoiQW5uIn0.SrDKYMbZuG09jEDeGXKPbFtrpQG4jD3NHLFNuKzcMOs";
/// Says in a header of the response that it saw it.
const WITNESS: &str = r#"(module
    (import "env" "proxy_add_header_map_value"
        (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "x-sawyes")
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "_initialize"))
    (func (export "malloc") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $add
            (i32.const 2) (i32.const 0) (i32.const 5) (i32.const 5) (i32.const 3)))
        (i32.const 0)))"#;

struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    fn new() -> Self {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self { key, random }
    }

    fn jwks(&self) -> String {
        let point = self.key.public_key().as_ref();
        let encode = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [
            {"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "one", "x": encode(&point[1..33]), "y": encode(&point[33..])},
            {"kty": "RSA", "alg": "RS256", "n": RSA_N, "e": "AQAB"},
            {"kty": "oct", "alg": "HS256", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"},
        ]})
        .to_string()
    }

    fn sign(&self, header: &Value, claims: &str) -> String {
        let section = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let signed = format!("{}.{}", section(&header.to_string()), section(claims));
        let signature = self.key.sign(&self.random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": "ES256"}), &claims.to_string())
    }
}

fn requiring(jwks: String) -> Proxy {
    let header = |claim: &str| (claim.into(), format!("x-claim-{}", claim.replace('.', "-")));
    Proxy {
        jwt: vec![JwtRequirement {
            prefix: "/private".into(),
            provider: "example".into(),
            jwks,
            claim_to_headers: ["name", "a.b", "n", "list"].map(header).to_vec(),
        }],
        ..proxy(vec![
            route("/private", forward("v1")),
            route("/privately", forward("v1")),
        ])
    }
}

fn embedded(proxy: &Proxy) -> Result<EmbeddedEnvoy, StartError> {
    let runtime = Runtime::new(EnvoyVersion::default(), Deadline::Fuel(1_000_000)).unwrap();
    EmbeddedEnvoy::new(&runtime, proxy, &chain::EmbeddedOptions::default())
}

/// Both hosts, with tokens required for `/private`.
struct Hosts {
    real: EnvoyHost,
    embedded: EmbeddedEnvoy,
}

impl Hosts {
    fn start(jwks: String) -> Option<Self> {
        let binary = required_envoy::find()?;
        let proxy = with_filter(requiring(jwks), module(WITNESS));
        Some(Self {
            real: start(&binary, &proxy),
            embedded: embedded(&proxy).unwrap(),
        })
    }

    /// What both answer, as far as they are compared.
    #[track_caller]
    fn send(&mut self, exchange: &Exchange) -> ComparedAnswer {
        let real = compared(&self.real.send(exchange).unwrap());
        let embedded = compared(&self.embedded.send(0, exchange).unwrap());
        assert_eq!(embedded, real, "the embedded host and Envoy differ");
        real
    }
}

#[derive(Debug, PartialEq)]
struct ComparedAnswer {
    status: u16,
    /// Of a refusal; the body of a backend is not compared.
    body: String,
    headers: Headers,
    claims: Headers,
}

fn compared(answer: &Answer) -> ComparedAnswer {
    let named = |headers: &Headers, names: &[&str]| {
        let wanted = |name: &[u8]| names.iter().any(|n| name.starts_with(n.as_bytes()));
        let mut found = headers.clone();
        found.retain(|(name, _)| wanted(name));
        found.sort();
        found
    };
    let seen = answer.seen.as_ref();
    let body = if seen.is_some() {
        &[][..]
    } else {
        &answer.body
    };
    ComparedAnswer {
        status: answer.status,
        body: String::from_utf8_lossy(body).into_owned(),
        headers: named(
            &answer.headers,
            &["www-authenticate", "content-type", "grpc-", "x-saw"],
        ),
        claims: seen.map_or_else(Headers::new, |seen| {
            named(&seen.headers, &["x-claim-", "authorization"])
        }),
    }
}

fn bearer(path: &str, token: &str) -> Exchange {
    header(get(path), "authorization", format!("Bearer {token}"))
}

#[test]
fn every_kind_of_key_verifies() {
    let signer = Signer::new();
    let Some(mut hosts) = Hosts::start(signer.jwks()) else {
        return;
    };
    let named = json!({"alg": "ES256", "kid": "one"});
    let padded = format!("{}R", RSA_TOKEN.strip_suffix('Q').unwrap());
    for (token, name) in [
        (RSA_TOKEN, "John Doe"),
        (&padded, "John Doe"),
        (HMAC_TOKEN, "Ann"),
        (&signer.sign(&named, r#"{"name": "Kid"}"#), "Kid"),
    ] {
        let by_header = hosts.send(&bearer("/private/a", token));
        let by_query = hosts.send(&get(&format!("/private?a&access_token={token}")));
        for answer in [by_header, by_query] {
            assert_eq!(values(&answer.claims, "x-claim-name"), [name.as_bytes()]);
            assert_eq!(values(&answer.headers, "x-saw"), [b"yes"]);
        }
    }
}

#[test]
fn claims_of_a_good_token_become_headers() {
    let signer = Signer::new();
    let Some(mut hosts) = Hosts::start(signer.jwks()) else {
        return;
    };
    let mut with = |claims| {
        let forged = header(get("/private/a?b"), "x-claim-name", "Bob");
        let token = format!("Bearer {}", signer.token(&claims));
        hosts.send(&header(forged, "authorization", token)).claims
    };
    let claim = |claims: &Headers, name| String::from_utf8(values(claims, name).concat()).unwrap();
    let claims = with(json!({
        "name": "Ann", "a": {"b": 1.5}, "n": true, "list": [1, "x"], "exp": 4_102_444_800_u64
    }));
    assert_eq!(claim(&claims, "x-claim-name"), "Ann");
    assert_eq!(claim(&claims, "x-claim-a-b"), "1.500000");
    assert_eq!(claim(&claims, "x-claim-n"), "true");
    assert_eq!(claim(&claims, "x-claim-list"), "WzEsIngiXQ==");
    let claims = with(json!({"name": "", "a": {"b": -2}, "n": 1_300_819_380_000_u64}));
    assert_eq!(claim(&claims, "x-claim-name"), "");
    assert_eq!(claim(&claims, "x-claim-a-b"), "-2.000000");
    assert_eq!(claim(&claims, "x-claim-n"), "1300819380000");
    let elsewhere = hosts.send(&header(get("/privately"), "x-claim-name", "Bob"));
    assert_eq!(claim(&elsewhere.claims, "x-claim-name"), "Bob");
}

#[track_caller]
fn refused(hosts: &mut Hosts, token: &str, why: &str) {
    let answer = hosts.send(&bearer("/private/a?b", token));
    let expected = (401, format!("Jwt {why}"));
    assert_eq!((answer.status, answer.body), expected, "{token}");
}

#[test]
fn tokens_that_are_not_signed_so_are_refused_with_the_reason() {
    let signer = Signer::new();
    let Some(mut hosts) = Hosts::start(signer.jwks()) else {
        return;
    };
    let good = signer.token(&json!({"name": "Ann"}));
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let (rsa, _) = RSA_TOKEN.rsplit_once('.').unwrap();
    let with = |header| signer.sign(&header, "{}");
    for (token, why) in [
        (&*Signer::new().token(&json!({})), "verification fails"),
        (
            &format!("{unsigned}.{}", signature.repeat(2)),
            "verification fails",
        ),
        (&format!("{rsa}.{signature}"), "verification fails"),
        (&format!("{HMAC_TOKEN}A"), "verification fails"),
        (&with(json!({"alg": "RS256"})), "verification fails"),
        (
            unsigned,
            "is not in the form of Header.Payload.Signature with two dots and 3 sections",
        ),
        (
            &format!("{unsigned}.a"),
            "signature is an invalid Base64url encoded",
        ),
        ("a.b.c", "header is an invalid Base64url encoded"),
        ("YWI.e30.YWI", "header is an invalid JSON"),
        (
            "e30.e30.YWI",
            "header [alg] field is required and must be a string",
        ),
        (
            &with(json!({"alg": "none"})),
            "header [alg] is not supported",
        ),
        (
            &with(json!({"alg": "ES256", "kid": 1})),
            "header [kid] field is not a string",
        ),
    ] {
        refused(&mut hosts, token, why);
    }
    for header in [
        json!({"alg": "ES256", "kid": "two"}),
        json!({"alg": "RS512"}),
    ] {
        let answer = hosts.send(&bearer("/private", &with(header)));
        assert_eq!(
            answer.body,
            "Jwks doesn't have key to match kid or alg from Jwt"
        );
    }
}

#[test]
fn claims_that_do_not_hold_are_refused_with_the_reason() {
    let signer = Signer::new();
    let Some(mut hosts) = Hosts::start(signer.jwks()) else {
        return;
    };
    let claims = |claims| signer.sign(&json!({"alg": "ES256"}), claims);
    for (token, why) in [
        (&*claims(r#"{"exp": 1300819380}"#), "is expired"),
        (&claims(r#"{"nbf": 4102444800}"#), "not yet valid"),
        (&claims("[]"), "payload is an invalid JSON"),
        (
            &claims(r#"{"exp": "a"}"#),
            "payload [exp] field is not an integer",
        ),
        (
            &claims(r#"{"nbf": -1}"#),
            "payload [nbf] field is not a positive 64 bit integer",
        ),
        (
            &claims(r#"{"sub": 1}"#),
            "payload [sub] field is not a string",
        ),
        (
            &claims(r#"{"aud": [1]}"#),
            "payload [aud] field is not a string or string list",
        ),
    ] {
        refused(&mut hosts, token, why);
    }
}

#[test]
fn a_refused_request_learns_what_it_needs() {
    let signer = Signer::new();
    let Some(mut hosts) = Hosts::start(signer.jwks()) else {
        return;
    };
    let challenge = |answer: &ComparedAnswer| {
        let values = values(&answer.headers, "www-authenticate").concat();
        String::from_utf8(values).unwrap()
    };
    let realm = |path: &str| format!("Bearer realm=\"http://x.example{path}\"");
    let long = format!("/private/{}", "a".repeat(300));
    for path in ["/private/a?b=c", &long] {
        for exchange in [get(path), header(get(path), "authorization", "Basic YTpi")] {
            let answer = hosts.send(&exchange);
            assert_eq!((answer.status, &*answer.body), (401, "Jwt is missing"));
            assert_eq!(challenge(&answer), realm(path.get(..256).unwrap_or(path)));
        }
    }
    // One good token does not make up for a bad one.
    let both = bearer("/private?access_token=a.b.c", &signer.token(&json!({})));
    let told = format!(
        "{}, error=\"invalid_token\"",
        realm("/private?access_token=a.b.c")
    );
    assert_eq!(challenge(&hosts.send(&both)), told);
    let grpc = Exchange {
        protocol: Protocol::Grpc,
        method: "POST".into(),
        ..get("/private/a")
    };
    assert_eq!(values(&hosts.send(&grpc).headers, "grpc-status"), [b"16"]);
}

#[test]
fn tokens_are_asked_for_before_a_route_is() {
    let Some(mut hosts) = Hosts::start(Signer::new().jwks()) else {
        return;
    };
    assert_eq!(hosts.send(&get("/elsewhere")).status, 404);
    let elsewhere = Exchange {
        authority: "y.example".into(),
        ..get("/private")
    };
    assert_eq!(hosts.send(&elsewhere).status, 401);
}

#[test]
fn keys_of_which_none_can_be_read_are_refused() {
    let Some(binary) = required_envoy::find() else {
        return;
    };
    for jwks in [
        r#"{"keys": []}"#,
        r#"{"keys": [{"kty": "RSA", "n": "!"}]}"#,
        "{",
    ] {
        let proxy = requiring(jwks.into());
        let real = EnvoyHost::start(&binary, &proxy, &EnvoyOptions::default());
        assert!(real.unwrap_err().to_string().contains("invalid local jwks"));
        let refused = embedded(&proxy).unwrap_err();
        assert!(matches!(refused, StartError::NoKey(provider) if provider == "example"));
    }
}
