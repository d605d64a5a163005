//! Requests that no client of a scenario could send: no trap, one backend, and no forged choice.

use gateway_harness::chain::{Admission, EmbeddedEnvoy};
use serde_json::json;

use crate::fixture::{envoy, get};

/// Every way of reading a request that a canary can have.
fn everything() -> EmbeddedEnvoy {
    let fields = json!({
        "weight": 50,
        "variantHeader": "x-variant",
        "overrides": [
            {"key": {"header": "x-canary"}},
            {"key": {"cookie": "canary"}},
            {"key": {"header": "x-pattern"}, "pattern": "(a|b)*c"},
            {"key": {"jwtClaim": "a.b.c"}, "values": ["internal"]},
            {"key": {"queryParam": "q"}, "values": ["1"], "to": "Stable"},
        ],
        "sessionPersistence": {"sessionName": "session", "idleTimeout": "1h"},
        "sticky": {
            "keys": [{"header": "x-user"}, {"cookie": "user"}, {"jwtClaim": "sub"}, {"queryParam": "user"}],
            "cookie": {"name": "client"},
        },
        "guard": {"latency": {"threshold": "1s"}},
    });
    envoy(fields, 1, Admission::Everything).0
}

/// The request is answered by one backend each time, and the filter lives.
#[track_caller]
fn survives(envoy: &mut EmbeddedEnvoy, what: &str, path: &[u8], headers: &[(&str, &[u8])]) {
    let exchange = get(path, headers);
    for _ in 0..3 {
        let answer = envoy.send(0, &exchange).unwrap();
        assert_eq!(answer.status, 200, "{what}: {:?}", answer.why);
        assert_eq!(envoy.workers()[0].vms()[0].failure(), None, "{what}");
        let seen = answer.seen.unwrap();
        let choices = seen
            .headers
            .iter()
            .filter(|header| header.0 == b"x-gateway-canary");
        let choices: Vec<_> = choices.map(|(_, value)| value.as_slice()).collect();
        let chosen: &[u8] = if seen.service == "v2" {
            b"canary"
        } else {
            b"stable"
        };
        assert_eq!(choices, [chosen], "{what}");
    }
}

#[test]
fn cookies_that_are_none() {
    let mut envoy = everything();
    let many = b"a=b; ".repeat((64 << 10) / 5);
    let last = [&many[..], b"user=1"].concat();
    for cookie in [
        &b"a; =; ;;"[..],
        b"user",
        b"client",
        b"session",
        b"canary",
        b"=",
        b";;;;",
        b"client=",
        b"client=\"",
        b"session=g",
        b"session=.....",
        b"session=ffffffffffffffffffff.1.1",
        b"session=ffffffffffffffff.ffffffffffffffff.ffffffffffffffff",
        b"\xff=\xff; \xfe",
        b"client=\xff\xfe",
        b"session=\xff",
        &many,
        &last,
        &b";=".repeat(32 << 10),
        &[b"session=".as_slice(), &b"f".repeat(1 << 16)].concat(),
        &[b"client=\"".as_slice(), &b"\xff".repeat(1 << 16)].concat(),
    ] {
        survives(&mut envoy, "a cookie", b"/", &[("cookie", cookie)]);
        survives(
            &mut envoy,
            "cookies",
            b"/",
            &[("cookie", cookie), ("cookie", cookie)],
        );
    }
}

#[test]
fn headers_paths_and_tokens_of_any_bytes() {
    let mut envoy = everything();
    let many = vec![("x-header", &b"value"[..]); 9_999];
    let forged = vec![("x-gateway-canary", &b"canary"[..]); 10_000];
    let users = vec![("x-user", &b"\xff"[..]); 10_000];
    survives(
        &mut envoy,
        "10,000 headers",
        b"/",
        &[&many[..], &[("x-user", b"many")]].concat(),
    );
    survives(&mut envoy, "10,000 forged choices", b"/", &forged);
    survives(&mut envoy, "10,000 keys", b"/", &users);
    for bytes in [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"",
        &b"\xff".repeat(1 << 16),
        &b"a".repeat(1 << 16),
    ] {
        for name in [
            "x-user",
            "x-canary",
            "x-pattern",
            "x-gateway-canary",
            "content-type",
        ] {
            survives(&mut envoy, name, b"/", &[(name, bytes)]);
        }
    }
    let nested = [b"Bearer e30.".as_slice(), &b"W1tb".repeat(10_000), b".e30"].concat();
    for token in [
        &b"Bearer"[..],
        b"Bearer ..",
        b"Bearer e30.\xff\xfe.e30",
        b"Bearer e30.bnVsbA.",
        b"Bearer e30.eyJzdWIi.e30",
        &nested,
        &b"Bearer ".repeat(10_000),
    ] {
        survives(&mut envoy, "a token", b"/", &[("authorization", token)]);
    }
    let query = [b"/?".as_slice(), &b"a=%ff&".repeat(1 << 17), b"user=1"].concat();
    for path in [&b"/?user=%00%ff&q"[..], b"/?=&&=&q=%", b"/?user", &query] {
        survives(&mut envoy, "a path", path, &[]);
    }
}
