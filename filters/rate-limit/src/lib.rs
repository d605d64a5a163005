//! The `rate-limit` filter: limits by tier, client and route, with honest answers.
//!
//! What may pass is decided by the SDK's [`Limiter`]; here its verdicts are carried out.

use gateway_filter_sdk::filter::{
    CallAnswer, Flow, HttpFilter, Request, Response, http_filter, json,
};
use gateway_filter_sdk::host::{BufferType, Host, HostError};
use gateway_filter_sdk::limit::spec::RateLimitFilterSpec;
use gateway_filter_sdk::limit::{Asked, Limiter, Pass, Verdict};
use gateway_filter_sdk::request::RequestHead;
use gateway_filter_sdk::route::InvalidConfig;
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct RateLimit {
    limiter: Rc<Limiter>,
    /// Call and question, while the service is asked.
    asked: Option<Box<(u32, Asked)>>,
    /// Absent where nothing is left to do.
    passed: Option<Box<Pass>>,
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
            asked: None,
            passed: None,
        }
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        let head = request.head()?;
        hand_over(&self.limiter, &head, request)?;
        let verdict = self.limiter.check(&head, request.host())?;
        self.carry_out(verdict, request)
    }

    fn on_grpc_response(
        &mut self,
        answer: &CallAnswer,
        request: &Request,
    ) -> Result<Flow, HostError> {
        // Responses are charged with calls whose answers concern nobody.
        let Some(asked) = self.asked.take_if(|asked| asked.0 == answer.call) else {
            return Ok(Flow::Pause);
        };
        let (_, asked) = *asked;
        let message = match answer.grpc_status {
            0 => {
                let message = request
                    .host()
                    .buffer(BufferType::GrpcReceive, 0, answer.size);
                message.map_err(|_| UNKNOWN)
            }
            status => Err(status),
        };
        let message = message.as_deref().map_err(|status| *status);
        let verdict = self.limiter.answered(asked, message, request.host())?;
        self.carry_out(verdict, request)
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        for header in self
            .passed
            .iter_mut()
            .flat_map(|pass| pass.response_headers.drain(..))
        {
            if header.add {
                response.add_header(&*header.name, header.value)?;
            } else {
                response.set_header(&*header.name, header.value)?;
            }
        }
        Ok(Flow::Continue)
    }

    fn on_log(&mut self, request: &Request) {
        if let Some(pass) = &self.passed {
            self.limiter.charge_response(pass, request.host());
        }
    }

    fn on_tick(limiter: &Limiter, host: &dyn Host) {
        limiter.flush(host);
    }
}

/// gRPC UNKNOWN, for an answer that the host does not hand over.
const UNKNOWN: u32 = 2;

impl RateLimit {
    fn carry_out(&mut self, mut verdict: Verdict, request: &Request) -> Result<Flow, HostError> {
        let limiter = Rc::clone(&self.limiter);
        loop {
            match verdict {
                Verdict::Refuse(reply) => return Ok(Flow::Reply(reply)),
                Verdict::Pass(mut pass) => {
                    for header in pass.request_headers.drain(..) {
                        request.add_header(&*header.name, header.value)?;
                    }
                    self.passed = (!pass.is_done()).then(|| Box::new(pass));
                    return Ok(Flow::Continue);
                }
                Verdict::Ask(asked) => {
                    let call = limiter.call(&asked).map(|call| request.grpc_call(&call));
                    match call {
                        Some(Ok(call)) => {
                            self.asked = Some(Box::new((call, asked)));
                            return Ok(Flow::Pause);
                        }
                        // An unknown cluster is a service that does not answer.
                        Some(Err(_)) | None => {
                            verdict = limiter.answered(asked, Err(UNKNOWN), request.host())?;
                        }
                    }
                }
            }
        }
    }
}

/// Headers of ours that a client sent are overwritten or removed.
fn hand_over(limiter: &Limiter, head: &RequestHead, request: &Request) -> Result<(), HostError> {
    let Some(hand_over) = limiter.hand_over() else {
        return Ok(());
    };
    for (name, value) in hand_over.headers(head, request.host())? {
        match value {
            Some(value) => request.set_header(name, value)?,
            None => request.remove_header(name)?,
        }
    }
    hand_over.set_cost(head, request.host())
}
