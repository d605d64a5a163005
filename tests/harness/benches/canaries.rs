//! Configurations of `canary` and the requests for them.

use gateway_harness::wasm_host::HeaderMap;
use serde_json::{Value, json};

use crate::limits;

/// How a canary of 10 per cent decides on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    /// By chance.
    Chance,
    /// By the client's key, a header.
    Sticky,
    /// By the client's key, a cookie that it has.
    Cookie,
    /// By a cookie that it gets.
    NewCookie,
    /// By its key, where so many overrides do not decide.
    Overrides(usize),
    /// By its key, with the share of a linear ramp.
    Ramp,
    /// By its key, with a guard that counts failures and slow responses.
    Guard,
    /// By chance, and a session begins.
    NewSession,
    /// By its key, among so many backends.
    Backends(usize),
}

const COOKIE: &str = "shop-client";

impl Canary {
    /// The configuration; what is chosen stands in the header of that name.
    pub fn configuration(self, header: &str) -> String {
        let sticky = json!({"keys": [{"header": "x-api-key"}]});
        let fields = match self {
            Canary::Chance => json!({}),
            Canary::Sticky => json!({"sticky": sticky}),
            Canary::Cookie | Canary::NewCookie => json!({"sticky": {"cookie": {"name": COOKIE}}}),
            Canary::Overrides(count) => {
                let one = |at: usize| json!({"key": {"header": format!("x-override-{at}")}});
                let overrides: Vec<_> = (0..count).map(one).collect();
                json!({"sticky": sticky, "overrides": overrides})
            }
            Canary::Ramp => json!({"sticky": sticky, "ramp": ramp()}),
            Canary::Guard => {
                json!({"sticky": sticky, "guard": {"latency": {"threshold": "1s"}}})
            }
            Canary::NewSession => {
                json!({"sessionPersistence": {"sessionName": COOKIE, "type": "Header"}})
            }
            Canary::Backends(count) => {
                let one =
                    |at: usize| json!({"name": format!("shop/service-{at}:8080"), "weight": at});
                let backends: Vec<_> = (1..=count).map(one).collect();
                json!({"sticky": sticky, "backends": backends})
            }
        };
        let is_weighted = !matches!(self, Canary::Ramp | Canary::Backends(_));
        let mut canary = json!({"name": "shop", "header": header});
        if let (Value::Object(canary), Value::Object(fields)) = (&mut canary, fields) {
            canary.extend(fields);
            canary.extend(is_weighted.then(|| ("weight".to_owned(), 10.into())));
        }
        json!({"canaries": [canary]}).to_string()
    }

    /// A request of that client.
    pub fn request(self, client: usize) -> HeaderMap {
        let mut headers = limits::request(client);
        if self == Canary::Cookie {
            let cookie = format!("lang=en; {COOKIE}={client:016x}; theme=dark");
            headers.add(b"cookie", cookie.as_bytes());
        }
        headers
    }
}

/// Over the time at which the virtual clock stands.
fn ramp() -> Value {
    let steps = [1, 10, 50, 100].map(|weight| json!({"weight": weight, "duration": "24h"}));
    json!({"start": "2025-12-31T12:00:00Z", "mode": "Linear", "steps": steps})
}
