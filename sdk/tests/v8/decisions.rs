//! From a configuration in JSON to decisions.

use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::spec::RouteMatchSpec;
use gateway_filter_sdk::router::{Outcome, Router};
use wasm_bindgen_test::wasm_bindgen_test;

const CONFIG: &str = r#"{"routes": [
  {"kind": "HTTPRoute", "metadata": {"namespace": "ns", "name": "r"}, "spec": {"hostnames": ["h.com", "*.w.com"], "rules": [
    {"matches": [{"path": {"type": "RegularExpression", "value": "/v[0-9]+/(a|ab)"}}],
     "backendRefs": [{"name": "regex", "port": 80}]},
    {"matches": [{"path": {"value": "/split"}}],
     "backendRefs": [{"name": "one", "port": 80, "weight": 1}, {"name": "three", "port": 80, "weight": 3}]},
    {"matches": [{"path": {"value": "/old"}}],
     "filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301,
       "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}}}]},
    {"matches": [{"path": {"value": "/rewrite"}}],
     "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "in.ner",
       "path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}}],
     "backendRefs": [{"name": "rewritten", "port": 80}]},
    {"matches": [{"path": {"value": "/cors"}, "method": "PUT"}],
     "filters": [{"type": "CORS", "cors": {"allowOrigins": ["https://*.a.com"], "allowMethods": ["PUT"], "allowCredentials": true}}],
     "backendRefs": [{"name": "cors", "port": 80}]},
    {"matches": [{"path": {"value": "/gone"}}], "backendRefs": [{"name": "gone", "invalid": "BackendNotFound"}]},
    {"matches": [{"path": {"value": "/own"}, "cookies": [{"name": "beta", "value": "1"}], "not": [{"headers": [{"name": "x", "value": "y"}]}]}],
     "filters": [{"type": "DirectResponse", "directResponse": {"statusCode": 418, "body": "%REQ(X-NAME)%"}}]}
  ]}},
  {"kind": "GRPCRoute", "metadata": {"namespace": "ns", "name": "g"}, "spec": {"hostnames": ["h.com"], "rules": [
    {"matches": [{"method": {"service": "pkg.S", "method": "M"}}], "backendRefs": [{"name": "grpc", "port": 80}]}]}}
]}"#;

/// A router and how it answers: `status [location]`, or `backend[@host][ path]`.
struct Core(Router);

impl Core {
    fn new() -> Self {
        let spec: RouteMatchSpec = serde_json::from_str(CONFIG).unwrap();
        Core(Router::try_from(spec).unwrap())
    }

    fn answer(&self, method: &str, url: &str, headers: &[(&str, &str)], draw: u64) -> String {
        let (host, path) = url.split_at(url.find('/').unwrap());
        let fixed = [
            (":method", method),
            (":authority", host),
            (":path", path),
            (":scheme", "http"),
        ];
        let entries = fixed.iter().chain(headers);
        let head =
            RequestHead::new(entries.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let listener = self.0.listener_for(None, &head.host());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        match self.0.decide(listener, &head, || draw).outcome {
            Outcome::Reply(reply) => {
                let location = reply
                    .headers
                    .into_iter()
                    .find(|(name, _)| name == "location");
                let location = location.map(|(_, value)| format!(" {}", text(value)));
                format!(
                    "{}{}{}",
                    reply.status,
                    location.unwrap_or_default(),
                    text(reply.body)
                )
            }
            Outcome::Forward {
                backend,
                hostname,
                path,
            } => {
                let host = hostname.map(|name| format!("@{name}")).unwrap_or_default();
                let path = path
                    .map(|path| format!(" {}", text(path)))
                    .unwrap_or_default();
                format!("{backend}{host}{path}")
            }
        }
    }
}

#[wasm_bindgen_test]
fn requests_are_decided() {
    let core = Core::new();
    for (method, url, headers, expected) in [
        ("GET", "h.com/v12/ab", &[][..], "ns/regex:80"),
        ("GET", "h.com/v12/abc", &[], "404"),
        ("GET", "x.y.w.com:8080/v1/a?q", &[], "ns/regex:80"),
        ("GET", "w.com/v1/a", &[], "404"),
        ("GET", "h.com/old/a?q=1", &[], "301 https://h.com/new/a?q=1"),
        ("GET", "h.com/rewrite//a", &[], "ns/rewritten:80@in.ner /a"),
        ("GET", "h.com/rewrite", &[], "ns/rewritten:80@in.ner /"),
        ("GET", "h.com/rewritten", &[], "404"),
        ("GET", "h.com/gone", &[], "500"),
        (
            "GET",
            "h.com/own",
            &[("cookie", "a=b; beta=1"), ("x-name", "me")],
            "418me",
        ),
        (
            "GET",
            "h.com/own",
            &[("cookie", "beta=1"), ("x", "y")],
            "404",
        ),
        (
            "POST",
            "h.com/pkg.S/M",
            &[("content-type", "application/grpc")],
            "ns/grpc:80",
        ),
        ("POST", "h.com/pkg.S/N", &[], "404"),
    ] {
        assert_eq!(
            core.answer(method, url, headers, 0),
            expected,
            "{method} {url}"
        );
    }
}

#[wasm_bindgen_test]
fn a_preflight_is_answered_for_the_origin_and_method_it_asks_for() {
    let core = Core::new();
    let asks = |origin, method| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", method),
        ];
        core.answer("OPTIONS", "h.com/cors", &headers, 0)
    };
    assert_eq!(asks("https://x.a.com", "PUT"), "200");
    assert_eq!(asks("https://x.a.com", "GET"), "404");
}

/// The scaling of a draw is arithmetic on 128 bits, which Wasm does not have.
#[wasm_bindgen_test]
fn weights_share_the_draws_exactly() {
    let core = Core::new();
    let at = |part: u64| core.answer("GET", "h.com/split", &[], part << 62);
    assert_eq!(
        [at(0), at(1), at(2), at(3)],
        ["one", "three", "three", "three"].map(|name| format!("ns/{name}:80"))
    );
    assert_eq!(
        core.answer("GET", "h.com/split", &[], (1 << 62) - 1),
        "ns/one:80"
    );
    assert_eq!(
        core.answer("GET", "h.com/split", &[], u64::MAX),
        "ns/three:80"
    );
}
