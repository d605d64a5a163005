//! A line for each request: Envoy writes it to its standard output, from where it is told.

use std::process::ChildStdout;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::event::{Event, RequestLine};

/// Envoy writes what it has this often, in milliseconds.
pub(super) const FLUSH: &str = "100";

/// The access log of a connection manager. Its members are those of [`RequestLine`].
pub(super) fn logger() -> Value {
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"json_format": {
                "method": "%REQ(:METHOD)%",
                "authority": "%REQ(:AUTHORITY)%",
                "path": "%REQ(:PATH)%",
                "protocol": "%PROTOCOL%",
                "status": "%RESPONSE_CODE%",
                "grpcStatus": "%GRPC_STATUS%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "durationMs": "%DURATION%",
                "rule": "%REQ(X-GATEWAY-ROUTE)%",
                "backend": "%REQ(X-GATEWAY-BACKEND?X-GATEWAY-CANARY)%",
                "limit": "%RESP(X-RATELIMIT-LIMIT)%",
                "remaining": "%RESP(X-RATELIMIT-REMAINING)%",
                "reset": "%RESP(X-RATELIMIT-RESET)%",
                "retryAfter": "%RESP(RETRY-AFTER)%",
            }},
        },
    })
}

/// Tells every line until Envoy ends.
pub(super) async fn follow(stdout: ChildStdout, tell: impl Fn(&Event)) -> std::io::Result<()> {
    let stdout = tokio::process::ChildStdout::from_std(stdout)?;
    let mut lines = BufReader::new(stdout).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        // Clients may send what is not UTF-8.
        let line = String::from_utf8_lossy(&line);
        if let Ok(request) = serde_json::from_str::<RequestLine>(&line) {
            tell(&Event::Request(request));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_is_what_is_told() {
        let logged = logger();
        let logged = logged["typed_config"]["log_format"]["json_format"].clone();
        let told = serde_json::to_value(RequestLine::default()).unwrap();
        let names = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&logged), names(&told));
    }
}
