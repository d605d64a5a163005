//! What is printed. `INSTA_UPDATE=always` writes the snapshots anew.

use super::{explain, text};

/// The output for a request at the beginning of 2026.
fn told(manifests: &str, args: &[&str]) -> String {
    let at = ["--at", "2026-01-01T00:00:00Z"];
    let mut all = vec![manifests, "--request"];
    all.extend(args);
    if !args.contains(&"--at") {
        all.extend(at);
    }
    let output = explain(&all);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let out = text(&output.stdout);
    assert!(!out.contains('\u{1b}'), "styles although it is no terminal");
    out
}

fn scenario(name: &str) -> String {
    format!("tests/scenarios/{name}/manifests.yaml")
}

const OWN: &str = "cli/tests/explain/manifests.yaml";

macro_rules! snapshot {
    ($name:ident, $manifests:expr, $($arg:expr),+) => {
        #[test]
        fn $name() {
            let mut settings = insta::Settings::clone_current();
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| {
                insta::assert_snapshot!(stringify!($name), told(&$manifests, &[$($arg),+]));
            });
        }
    };
}

snapshot!(
    exact_before_prefix,
    scenario("priority"),
    "http://paths.example.com/a",
    "-H",
    "x: 1"
);
snapshot!(
    runners_up_and_shadowed,
    OWN,
    "POST https://app.example.com/api/stock?q=1",
    "-H",
    "x-version: 1",
    "-H",
    "x-debug: 1"
);
snapshot!(
    black_hole,
    scenario("black-hole"),
    "http://app.example.com/hole"
);
snapshot!(share_without_grant, OWN, "http://other.example.com/");
snapshot!(
    redirect_keeps_the_scheme,
    OWN,
    "https://app.example.com/",
    "--client",
    "192.0.2.7"
);
snapshot!(
    preflight,
    scenario("cors"),
    "http://app.example.com/api",
    "-X",
    "OPTIONS",
    "-H",
    "origin: https://a.example.com",
    "-H",
    "access-control-request-method: PUT"
);
snapshot!(
    tiers_count_down,
    scenario("rate-limit-tiers"),
    "http://app.example.com/",
    "-H",
    "x-user-tier: free",
    "-H",
    "x-api-key: ann",
    "--requests",
    "12"
);
snapshot!(
    refused,
    scenario("rate-limit-tiers"),
    "http://app.example.com/",
    "-H",
    "x-api-key: crawler",
    "--requests",
    "3"
);
snapshot!(
    limits_of_several_rules,
    scenario("rate-limit-local"),
    "http://app.example.com/keys?key=a%20b",
    "--gateway",
    "default/example",
    "-H",
    "cookie: session=7"
);
snapshot!(
    asked_of_the_service,
    scenario("rate-limit-global"),
    "http://app.example.com/",
    "--gateway",
    "default/example",
    "-H",
    "x-user-tier: free"
);
snapshot!(
    ramp,
    scenario("canary-ramp"),
    "http://shop.example.com/",
    "-H",
    "x-user: ann",
    "--at",
    "2026-01-01T02:30:00Z"
);
snapshot!(
    canary_override,
    scenario("canary-overrides"),
    "http://all.example.com/",
    "-H",
    "cookie: a=b; canary=never"
);
snapshot!(
    session,
    scenario("canary-session"),
    "http://cookie.example.com/cart",
    "-H",
    "cookie: cart=46d8b8a2c5f0637e.6955b8f0.6955b8f0"
);
snapshot!(
    grpc,
    scenario("grpc-method-routing"),
    "http://grpc.example.com/shop.v1.Cart/Add",
    "-H",
    "content-type: application/grpc"
);
snapshot!(
    no_match,
    scenario("grpc-method-routing"),
    "http://grpc.example.com/shop.v1.Card/Add",
    "-H",
    "content-type: application/grpc"
);
snapshot!(
    nearly_another_rule,
    scenario("header-routing"),
    "http://app.example.com/",
    "-H",
    "x-version: two"
);
snapshot!(
    no_hostname,
    scenario("canary-session"),
    "http://shop.example.com/cart"
);
snapshot!(no_listener, OWN, "https://app.example.org/");
snapshot!(no_listener_hostname, OWN, "http://app.example.com:8080/");
snapshot!(refused_policy, OWN, "http://admin.example.com:8080/limited");
snapshot!(
    refused_filter,
    OWN,
    "http://admin.example.com:8080/filtered"
);
snapshot!(
    answered_before_the_filters,
    scenario("path-routing"),
    "http://app.example.com/a%2fb"
);
snapshot!(
    json,
    OWN,
    "POST https://app.example.com/api/stock?q=1",
    "-H",
    "x-version: 1",
    "-o",
    "json"
);

#[test]
fn each_gateway_that_takes_a_request_is_explained() {
    let all = told(&scenario("rate-limit-global"), &["http://app.example.com/"]);
    assert_eq!(all.matches("Request ").count(), 4, "{all}");
    assert!(all.contains("default/leasing/http"), "{all}");
}

#[test]
fn the_documentation_shows_what_is_printed() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/explain.md");
    let page = std::fs::read_to_string(page).unwrap();
    let args = [
        "http://app.example.com/",
        "-H",
        "x-user-tier: free",
        "-H",
        "x-api-key: ann",
    ];
    let out = told(&scenario("rate-limit-tiers"), &args);
    assert!(page.contains(&out), "docs/explain.md does not show\n{out}");
    let out = told(&scenario("black-hole"), &["http://app.example.com/hole"]);
    assert!(page.contains(&out), "docs/explain.md does not show\n{out}");
}
