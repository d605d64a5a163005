//! Refuses requests that lack a header: `{"header": "x-api-key", "status": 401}`.

use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, http_filter, json};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::reply::Reply;
use gateway_filter_sdk::route::InvalidConfig;
use serde::Deserialize;
use std::rc::Rc;

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the header, in lower case.
    header: String,
    /// HTTP status of the refusal.
    status: u16,
}

/// One request.
#[derive(Debug)]
pub struct RequireHeader(Rc<Config>);

#[http_filter]
impl HttpFilter for RequireHeader {
    type Config = Config;

    fn configure(text: &[u8], _host: &dyn Host) -> Result<Config, InvalidConfig> {
        json(text)
    }

    fn new(config: Rc<Config>) -> Self {
        RequireHeader(config)
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        let head = request.head()?;
        if head.header(self.0.header.as_bytes()).is_some() {
            return Ok(Flow::Continue);
        }
        Ok(Flow::Reply(
            Reply::new(self.0.status).body("a header is missing\n"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway_filter_sdk::host::mock::MockHost;

    fn flow(host: &MockHost) -> Flow {
        let config = br#"{"header": "x-api-key", "status": 401}"#;
        let config = RequireHeader::configure(config, host).unwrap();
        let mut filter = RequireHeader::new(Rc::new(config));
        filter
            .on_request_headers(&Request::new(host, true))
            .unwrap()
    }

    #[test]
    fn a_request_with_the_header_goes_on() {
        let host = MockHost::default().request([(":path", "/"), ("x-api-key", "a")]);
        assert_eq!(flow(&host), Flow::Continue);
    }

    #[test]
    fn a_request_without_it_is_answered() {
        let host = MockHost::default().request([(":path", "/")]);
        assert!(matches!(flow(&host), Flow::Reply(reply) if reply.status == 401));
    }

    #[test]
    fn a_wrong_field_is_named() {
        let error = RequireHeader::configure(br#"{"haeder": "a"}"#, &MockHost::default());
        let message = error.unwrap_err().to_string();
        assert!(
            message.starts_with("haeder: unknown field `haeder`, expected `header` or `status`"),
            "{message}"
        );
    }
}
