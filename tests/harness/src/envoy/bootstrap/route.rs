//! Virtual hosts and routes, and what Envoy does on a route by itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::duration;
use super::filter::enabled;
use crate::model::{
    Forward, Mirror, Retry, Route, RouteAction, StringMatch, VirtualHost, WasmFilter,
};

/// Envoy Gateway's, where a route says nothing else.
const RETRY_ON: &str =
    "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes";
const RETRIED_CODES: [u16; 1] = [503];
const RETRIES: u32 = 2;

/// Where a route has a timeout, its streams may be idle for so long, or for the timeout if that is
/// longer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);

pub(super) fn virtual_host(host: &VirtualHost, filters: &[WasmFilter]) -> Value {
    let routes: Vec<_> = host
        .routes
        .iter()
        .map(|route| self::route(route, filters))
        .collect();
    json!({"name": host.name, "domains": host.domains, "routes": routes})
}

fn route(route: &Route, filters: &[WasmFilter]) -> Value {
    let headers: Vec<_> = route
        .headers
        .iter()
        .map(|(name, value)| json!({"name": name, "string_match": string_match(value)}))
        .collect();
    let mut matches = path_match(&route.prefix);
    if let Some(matches) = matches.as_object_mut().filter(|_| !headers.is_empty()) {
        matches.insert("headers".to_owned(), headers.into());
    }
    let (direct_response, forward) = match &route.action {
        RouteAction::DirectResponse(status) => (json!({"status": status}), Value::Null),
        RouteAction::Forward(forward) => (Value::Null, self::forward(forward)),
    };
    json!({
        "name": route.name,
        "match": matches,
        "typed_per_filter_config": route.filters_enabled.then(|| enabled(filters)),
        "direct_response": direct_response,
        "route": forward,
    })
}

/// Envoy refuses a `path_separated_prefix` that ends in a slash.
pub(super) fn path_match(prefix: &str) -> Value {
    match prefix.trim_end_matches('/') {
        "" => json!({"prefix": "/"}),
        prefix => json!({"path_separated_prefix": prefix}),
    }
}

fn string_match(wanted: &StringMatch) -> Value {
    match wanted {
        StringMatch::Exact(value) => json!({"exact": value}),
        StringMatch::RegularExpression(pattern) => {
            json!({"safe_regex": {"regex": pattern.as_str()}})
        }
    }
}

fn forward(forward: &Forward) -> Value {
    let idle = |timeout: Duration| match timeout {
        Duration::ZERO => Duration::ZERO,
        timeout => timeout.max(IDLE_TIMEOUT),
    };
    let copied = |mirror: &&Mirror| mirror.parts_per_million > 0;
    let mirrors: Vec<_> = forward.mirrors.iter().filter(copied).map(mirror).collect();
    json!({
        "cluster": forward.cluster,
        "host_rewrite_header": forward.host_rewrite_header,
        "append_x_forwarded_host": forward.host_rewrite_header.is_some(),
        "timeout": forward.timeout.map(duration),
        "idle_timeout": forward.timeout.map(idle).map(duration),
        "retry_policy": forward.retry.as_ref().map(retry),
        "request_mirror_policies": mirrors,
        "upgrade_configs": [{"upgrade_type": "websocket"}],
    })
}

fn retry(retry: &Retry) -> Value {
    let (retry_on, codes) = match (retry.triggers.as_slice(), retry.codes.as_slice()) {
        ([], []) => (RETRY_ON.to_owned(), &RETRIED_CODES[..]),
        ([], codes) => (RETRY_ON.to_owned(), codes),
        (triggers, codes) => (triggers.join(","), codes),
    };
    let backoff = |base| json!({"base_interval": duration(base)});
    json!({
        "retry_on": retry_on,
        "retriable_status_codes": codes,
        "num_retries": retry.attempts.unwrap_or(RETRIES),
        "per_try_timeout": retry.per_try_timeout.map(duration),
        "retry_back_off": retry.backoff.map(backoff),
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
            },
        }],
        "host_selection_retry_max_attempts": 5,
    })
}

fn mirror(mirror: &Mirror) -> Value {
    json!({
        "cluster": mirror.cluster,
        "runtime_fraction": {
            "default_value": {"numerator": mirror.parts_per_million, "denominator": "MILLION"},
        },
        "disable_shadow_host_suffix_append": true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_c(prefix: &str) -> Route {
        Route {
            name: "httproute/infra/r/rule/0/match/0/*".into(),
            prefix: prefix.into(),
            headers: Vec::new(),
            filters_enabled: false,
            action: RouteAction::Forward(Forward::to("c")),
        }
    }

    #[test]
    fn filters_are_on_where_the_route_enables_them() {
        let filter = WasmFilter {
            name: "a".into(),
            root_id: String::new(),
            module: crate::wasm_host::WasmCode::from_static("a", b"a"),
            configuration: "{}".into(),
            fail_open: true,
        };
        let filters = [filter.clone(), filter];
        let on = Route {
            filters_enabled: true,
            ..to_c("/")
        };
        let on = route(&on, &filters)["typed_per_filter_config"].clone();
        assert_eq!(on, Value::Object(enabled(&filters)));
        assert_eq!(
            route(&to_c("/"), &filters)["typed_per_filter_config"],
            Value::Null
        );
    }

    #[test]
    fn prefixes_are_whole_segments() {
        let matches = |prefix| route(&to_c(prefix), &[])["match"].clone();
        assert_eq!(matches("/"), json!({"prefix": "/"}));
        assert_eq!(matches("/a"), json!({"path_separated_prefix": "/a"}));
        assert_eq!(matches("/a/"), json!({"path_separated_prefix": "/a"}));
    }

    #[test]
    fn a_timeout_of_zero_is_none_for_idle_streams_either() {
        let timeouts = |seconds| {
            let timed = forward(&Forward {
                timeout: Some(Duration::from_millis(seconds)),
                ..Forward::to("c")
            });
            ["timeout", "idle_timeout"].map(|field| timed[field].as_str().unwrap().to_owned())
        };
        assert_eq!(timeouts(500), ["0.500000000s", "3600.000000000s"]);
        assert_eq!(timeouts(7_200_000), ["7200.000000000s"; 2]);
        assert_eq!(timeouts(0), ["0.000000000s"; 2]);
        let untimed = forward(&Forward::to("c"));
        assert_eq!(
            [&untimed["timeout"], &untimed["idle_timeout"]],
            [&Value::Null; 2]
        );
    }

    #[test]
    fn a_retry_that_says_nothing_has_envoy_gateways_defaults() {
        let default = retry(&Retry::default());
        assert_eq!(default["retriable_status_codes"], json!([503]));
        assert_eq!(default["num_retries"], 2);
        assert_eq!(default["retry_back_off"], Value::Null);
        let stated = retry(&Retry {
            attempts: Some(0),
            codes: vec![500, 504],
            backoff: Some(Duration::from_millis(100)),
            per_try_timeout: Some(Duration::from_secs(1)),
            ..Retry::default()
        });
        assert_eq!(stated["retry_on"], RETRY_ON);
        assert_eq!(stated["retriable_status_codes"], json!([500, 504]));
        assert_eq!(stated["num_retries"], 0);
        assert_eq!(stated["retry_back_off"]["base_interval"], "0.100000000s");
        assert_eq!(stated["per_try_timeout"], "1.000000000s");
        let triggered = retry(&Retry {
            triggers: ["reset", "5xx"].map(str::to_owned).into(),
            ..Retry::default()
        });
        assert_eq!(triggered["retry_on"], "reset,5xx");
        assert_eq!(triggered["retriable_status_codes"], json!([]));
    }

    #[test]
    fn a_mirror_that_gets_nothing_is_left_out() {
        let mirrored = forward(&Forward {
            mirrors: [0, 200_000]
                .map(|parts_per_million| Mirror {
                    cluster: "m".into(),
                    parts_per_million,
                })
                .into(),
            ..Forward::to("c")
        });
        let policies = mirrored["request_mirror_policies"].as_array().unwrap();
        let numerator = "/runtime_fraction/default_value/numerator";
        let numerators: Vec<_> = policies.iter().map(|one| one.pointer(numerator)).collect();
        assert_eq!(numerators, [Some(&json!(200_000))]);
    }
}
