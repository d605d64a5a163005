//! The `rate-limit` filter: limits by tier, client and route, with honest answers.

use gateway_filter_sdk::filter::{
    CallAnswer, Flow, HttpFilter, Request, Response, http_filter, json,
};
use gateway_filter_sdk::host::{Host, HostError};
use gateway_filter_sdk::limit::Limiter;
use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::stage::limit::{LimitStage, Limited};
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct RateLimit {
    limiter: Rc<Limiter>,
    stage: LimitStage,
}

#[http_filter]
impl HttpFilter for RateLimit {
    type Config = Limiter;

    fn configure(text: &[u8], host: &dyn Host) -> Result<Limiter, InvalidConfig> {
        Limiter::new(&json::<RateLimitFilterSpec>(text)?, host)
    }

    fn new(limiter: Rc<Limiter>) -> Self {
        RateLimit {
            limiter,
            stage: LimitStage::default(),
        }
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        let head = request.head()?;
        let scope = self.limiter.read_scope(&head, request.host())?;
        let limited = self.stage.check(&self.limiter, &scope, &head, request);
        self.carry_out(limited, request)
    }

    fn on_grpc_response(
        &mut self,
        answer: &CallAnswer,
        request: &Request,
    ) -> Result<Flow, HostError> {
        match self.stage.answered(&self.limiter, answer, request) {
            Some(limited) => self.carry_out(limited, request),
            None => Ok(Flow::Pause),
        }
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        self.stage.on_response_headers(response)?;
        Ok(Flow::Continue)
    }

    fn on_log(&mut self, request: &Request) {
        self.stage.on_log(&self.limiter, request.host());
    }

    fn on_tick(limiter: &Limiter, host: &dyn Host) {
        limiter.flush(host);
    }
}

impl RateLimit {
    fn carry_out(&mut self, limited: Limited, request: &Request) -> Result<Flow, HostError> {
        match limited {
            Limited::Wait => Ok(Flow::Pause),
            Limited::Refuse(reply) => Ok(Flow::Reply(reply)),
            Limited::Pass => {
                let edits = self.stage.request_edits(&self.limiter, request)?;
                edits.into_iter().try_for_each(|edit| request.edit(edit))?;
                Ok(Flow::Continue)
            }
        }
    }
}
