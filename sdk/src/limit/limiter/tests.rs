use super::*;
use crate::host::mock::MockHost;
use serde_json::{Value, json};

mod global;
mod local;
mod refused;

const ROUTE: &str = "httproute/ns/r/rule/0/match/0/*";
const SECOND: u64 = 1_000_000_000;

/// A limiter, and the Envoy that it runs in.
struct Bench {
    limiter: Limiter,
    host: MockHost,
}

impl Bench {
    fn new(config: Value) -> Self {
        let host = MockHost::default();
        host.time.set(1_767_225_600 * SECOND);
        Bench {
            limiter: limiter(&config, &host).unwrap(),
            host,
        }
    }

    /// A local policy for every route, with these rules.
    fn local(rules: Value) -> Self {
        Bench::new(json!({"routeFrom": "Header", "policies": [
            {"name": "ns/p", "rateLimit": {"local": {"rules": rules}}}]}))
    }

    fn check(&self, entries: &[(&str, &str)]) -> Verdict {
        let own = [
            (":method", "GET"),
            (":path", "/"),
            ("x-gateway-route", ROUTE),
        ];
        let named = |name: &str| entries.iter().any(|entry| entry.0 == name);
        let own = own.iter().filter(|entry| !named(entry.0));
        // Pseudo-headers come first.
        let mut entries: Vec<_> = own.chain(entries).collect();
        entries.sort_by_key(|entry| !entry.0.starts_with(':'));
        let entries = entries
            .into_iter()
            .map(|(n, v)| (n.as_bytes(), v.as_bytes()));
        let head = RequestHead::new(entries);
        let scope = self.limiter.read_scope(&head, &self.host).unwrap();
        self.limiter.check(&scope, &head, &self.host).unwrap()
    }

    /// How many of so many requests pass.
    fn admitted(&self, requests: usize, entries: &[(&str, &str)]) -> usize {
        (0..requests)
            .filter(|_| matches!(self.check(entries), Verdict::Pass(_)))
            .count()
    }

    fn metric(&self, name: &str) -> i64 {
        self.limiter.flush(&self.host);
        let metrics = self.host.metrics.borrow();
        metrics
            .iter()
            .find(|metric| metric.0 == name)
            .map_or(-1, |metric| metric.1)
    }

    fn wait(&self, seconds: u64) {
        self.host.time.set(self.host.time.get() + seconds * SECOND);
    }
}

fn limiter(config: &Value, host: &MockHost) -> Result<Limiter, InvalidConfig> {
    let spec: RateLimitFilterSpec = serde_json::from_value(config.clone()).unwrap();
    Limiter::new(&spec, host)
}

fn passed_headers(verdict: Verdict) -> Vec<(String, String)> {
    let Verdict::Pass(pass) = verdict else {
        panic!("{verdict:?}")
    };
    let written = pass.response_headers.iter().filter_map(HeaderEdit::written);
    let text = |(name, value): (&str, &[u8])| {
        (name.to_owned(), String::from_utf8_lossy(value).into_owned())
    };
    written.map(text).collect()
}

fn refusal(verdict: Verdict) -> Reply {
    let Verdict::Refuse(reply) = verdict else {
        panic!("{verdict:?}")
    };
    reply
}

fn limit(requests: u32, unit: &str) -> Value {
    json!({"requests": requests, "unit": unit})
}

fn user(name: &str, requests: u32) -> Value {
    json!({"clientSelectors": [{"headers": [{"name": "x-user", "value": name}]}], "limit": limit(requests, "Hour")})
}
