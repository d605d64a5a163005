//! The filter in a real Envoy, which asks the service itself.

use gateway_harness::envoy::{EnvoyHost, EnvoyOptions};
use serde_json::json;

use crate::fixture::{DOMAIN, get, header, limited, proxy, service};
use crate::required_envoy;

fn status(envoy: &EnvoyHost, path: &str) -> u16 {
    let answer = envoy.send(&get(path));
    answer.unwrap_or_else(|error| panic!("{error}")).status
}

#[test]
fn envoy_limits_and_survives_the_service() {
    let (Some(binary), Some(mut service)) = (required_envoy::find(), service(&[DOMAIN])) else {
        return;
    };
    let rules = json!([{"limit": {"requests": 5, "unit": "Year"}, "shared": true}]);
    let start = |fail_closed: bool| {
        let spec = json!({"failClosed": fail_closed});
        let proxy = proxy(&limited(&rules, spec), Some(service.address()));
        let options = EnvoyOptions {
            concurrency: 2,
            ..EnvoyOptions::default()
        };
        EnvoyHost::start(&binary, &proxy, &options).unwrap_or_else(|error| panic!("{error}"))
    };
    let (open, closed) = (start(false), start(true));

    let answer = open.send(&get("/a")).unwrap();
    assert_eq!(answer.status, 200, "{:?}", answer.why);
    assert_eq!(
        header(&answer, "x-ratelimit-limit"),
        Some("5, 5;w=31536000")
    );
    assert_eq!(header(&answer, "x-ratelimit-remaining"), Some("4"));
    let statuses =
        [&closed, &open, &closed, &open, &closed, &open].map(|envoy| status(envoy, "/b"));
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429], "both together");

    service.kill_service();
    assert_eq!([(); 3].map(|()| status(&open, "/a")), [200; 3]);
    assert_eq!([(); 3].map(|()| status(&closed, "/a")), [500; 3]);

    service.start_service().unwrap();
    for (envoy, without) in [(&open, 200), (&closed, 500)] {
        let mut statuses = std::iter::repeat_with(|| status(envoy, "/a"));
        let before = statuses.by_ref().take_while(|status| *status != 429);
        assert!(before.into_iter().all(|status| status == without));
        assert_eq!(statuses.next(), Some(429), "it has not forgotten");
    }
}
