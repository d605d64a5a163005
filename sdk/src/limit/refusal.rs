//! What a refused client is answered.

use super::headers::{Figures, lines, seconds};
use super::spec::{RateLimitFilterSpec, ReplySpec};
use crate::header::{HeaderEdit, is_token, is_value};
use crate::reply::Reply;
use crate::route::InvalidConfig;
use std::time::Duration;

/// What a refused client is answered.
#[derive(Debug)]
pub(super) struct Refusal {
    reply: Reply,
    has_body: bool,
    envoy_header: bool,
}

impl Refusal {
    pub(super) fn new(spec: &RateLimitFilterSpec) -> Result<Self, InvalidConfig> {
        let default = ReplySpec::default();
        let reply = spec.reply.as_ref().unwrap_or(&default);
        let status = reply.status.unwrap_or(429);
        if !(400..=599).contains(&status) {
            let reason = format_args!("{status}: a refusal is 400 to 599");
            return Err(InvalidConfig::new("reply.status", reason));
        }
        let mut answer = Reply::new(status);
        for (at, header) in reply.headers.iter().enumerate() {
            if !is_token(header.name.as_bytes()) || !is_value(header.value.as_bytes()) {
                let reason = format_args!("`{}`: not a header that can be sent", header.name);
                return Err(InvalidConfig::new(
                    format_args!("reply.headers[{at}]"),
                    reason,
                ));
            }
            answer = answer.header(header.name.to_ascii_lowercase(), header.value.as_str());
        }
        if let Some(kind) = &reply.content_type
            && !is_value(kind.as_bytes())
        {
            let reason = "not a header value that can be sent";
            return Err(InvalidConfig::new("reply.contentType", reason));
        }
        answer.content_type = reply.content_type.as_deref().map(Into::into);
        answer.body = reply.body.clone().unwrap_or_default().into_bytes();
        // RESOURCE_EXHAUSTED; Envoy itself would make UNAVAILABLE of a 429.
        answer.grpc_status = Some(8);
        Ok(Refusal {
            reply: answer,
            has_body: reply.body.is_some(),
            envoy_header: spec.enable_envoy_headers,
        })
    }

    /// The answer to a refused client. What the service or Envoy says in the body gives way to a
    /// configured body.
    pub(super) fn reply(
        &self,
        figures: &[Figures],
        retry_after: Option<Duration>,
        body: &[u8],
        own: &[HeaderEdit<'static>],
    ) -> Reply {
        let mut reply = self.reply.clone();
        if !self.has_body {
            reply.body = body.to_vec();
        }
        let told = lines(figures).into_iter().chain(own.iter().cloned());
        reply = told.fold(reply, Reply::with);
        if let Some(wait) = retry_after {
            reply = reply.header("retry-after", seconds(wait).max(1).to_string());
        }
        if self.envoy_header {
            reply = reply.header("x-envoy-ratelimited", "true");
        }
        reply
    }
}
