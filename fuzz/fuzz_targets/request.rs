//! Any request against a configuration with every feature: method, path and authority on the first
//! line, parted by blanks, then a header on each line. What the core decides can go out as it is.
#![no_main]

use gateway_filter_sdk::header::{HeaderEdit, is_value, is_writable_name};
use gateway_filter_sdk::request::{HeaderRef, RequestHead};
use gateway_filter_sdk::route::spec::RouteMatchSpec;
use gateway_filter_sdk::router::{Decision, Outcome, Router};
use libfuzzer_sys::fuzz_target;
use std::net::{IpAddr, Ipv4Addr};

const CONFIG: &str = include_str!("../../tests/harness/tests/hostile/config.json");

thread_local! {
    static ROUTER: Router = {
        let spec: RouteMatchSpec = serde_json::from_str(CONFIG).expect("the configuration is JSON");
        Router::try_from(spec).expect("the configuration is valid")
    };
}

fn head(text: &[u8]) -> RequestHead<'_> {
    let mut lines = text.split(|&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let mut parts = first.splitn(3, |&byte| byte == b' ');
    let pseudo = [&b":method"[..], b":path", b":authority"];
    let pseudo = pseudo.map(|name| (name, parts.next().unwrap_or_default()));
    let header = |line| -> HeaderRef<'_> {
        let line: &[u8] = line;
        match line.windows(2).position(|two| two == b": ") {
            Some(at) => (&line[..at], &line[at + 2..]),
            None => (line, b""),
        }
    };
    RequestHead::new(pseudo.into_iter().chain(lines.map(header)))
}

fn check_outcome(decision: &Decision) {
    match &decision.outcome {
        Outcome::Reply(reply) => {
            assert!((200..600).contains(&reply.status));
            for (name, value) in &reply.headers {
                assert!(
                    is_writable_name(name.as_bytes()) && is_value(value),
                    "{name}: {value:?}"
                );
            }
        }
        Outcome::Forward { path, .. } => {
            assert!(
                path.as_ref().is_none_or(|path| path.starts_with(b"/")),
                "{path:?}"
            );
        }
    }
}

fn check_edit(edit: HeaderEdit) {
    // The query goes out as it came in, and the SDK refuses to write one that is no value.
    if let Some((name, value)) = edit.written().filter(|(name, _)| *name != ":path") {
        assert!(is_writable_name(name.as_bytes()) && is_value(value));
    }
}

fuzz_target!(|text: &[u8]| {
    let mut head = head(text);
    let draw = text
        .iter()
        .fold(0u64, |sum, &byte| sum.rotate_left(7) ^ u64::from(byte));
    head.source = Some(IpAddr::V4(Ipv4Addr::from_bits((draw >> 32) as u32)));
    ROUTER.with(|router| {
        let listener = router.listener_for(None, &head.host());
        let decision = router.decide(listener, &head, || draw);
        check_outcome(&decision);
        router.request_edits(&decision, &head).for_each(check_edit);
        if let Some(applied) = decision.applied {
            router.response_edits(applied).for_each(check_edit);
        }
    });
});
