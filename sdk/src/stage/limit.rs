//! The limit stage: whether there is room for a request, here or at the rate limit service.

use crate::filter::{CallAnswer, Request, Response};
use crate::header::HeaderEdit;
use crate::host::{BufferType, Host, HostError, LogLevel};
use crate::limit::{Asked, Limiter, Pass, RequestScope, Verdict};
use crate::reply::Reply;
use crate::request::RequestHead;

/// What the limits say of a request.
#[derive(Debug)]
pub enum Limited {
    /// It goes on; [`LimitStage::request_edits`] has what is written.
    Pass,
    /// It is answered.
    Refuse(Reply),
    /// It waits for the service, whose answer goes to [`LimitStage::answered`].
    Wait,
}

/// One request's way through the limits.
#[derive(Debug, Default)]
pub struct LimitStage {
    /// Call and question, while the service is asked.
    asked: Option<Box<(u32, Asked)>>,
    /// Absent where nothing is left to do.
    passed: Option<Box<Pass>>,
}

/// gRPC UNKNOWN, for an answer that the host does not hand over.
const UNKNOWN: u32 = 2;

impl LimitStage {
    /// Counts the request. A host that refuses what counting needs has the declared outcome of
    /// `failClosed`.
    pub fn check(
        &mut self,
        limiter: &Limiter,
        scope: &RequestScope,
        head: &RequestHead,
        request: &Request,
    ) -> Limited {
        let verdict = limiter.check(scope, head, request.host());
        let limited = verdict.and_then(|verdict| self.carry_out(limiter, verdict, request));
        declared(limiter, limited, request.host())
    }

    /// Takes the answer of the service; none if the call was not about this request.
    pub fn answered(
        &mut self,
        limiter: &Limiter,
        answer: &CallAnswer,
        request: &Request,
    ) -> Option<Limited> {
        // Responses are charged with calls whose answers concern nobody.
        let (_, asked) = *self.asked.take_if(|asked| asked.0 == answer.call)?;
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
        let verdict = limiter.answered(asked, message, request.host());
        let limited = verdict.and_then(|verdict| self.carry_out(limiter, verdict, request));
        Some(declared(limiter, limited, request.host()))
    }

    fn carry_out(
        &mut self,
        limiter: &Limiter,
        mut verdict: Verdict,
        request: &Request,
    ) -> Result<Limited, HostError> {
        loop {
            match verdict {
                Verdict::Refuse(reply) => return Ok(Limited::Refuse(reply)),
                Verdict::Pass(pass) => {
                    self.passed = (!pass.is_done()).then(|| Box::new(pass));
                    return Ok(Limited::Pass);
                }
                Verdict::Ask(asked) => {
                    let call = limiter.call(&asked).map(|call| request.grpc_call(&call));
                    if let Some(Ok(call)) = call {
                        self.asked = Some(Box::new((call, asked)));
                        return Ok(Limited::Wait);
                    }
                    // An unknown cluster is a service that does not answer.
                    verdict = limiter.answered(asked, Err(UNKNOWN), request.host())?;
                }
            }
        }
    }

    /// What is written into a request that goes on: what Envoy Gateway's own limiter is handed over,
    /// and what the service wants added.
    ///
    /// # Errors
    /// The host cannot say what the request has.
    pub fn request_edits<'l>(
        &mut self,
        limiter: &'l Limiter,
        request: &Request,
    ) -> Result<Vec<HeaderEdit<'l>>, HostError> {
        let mut edits = Vec::new();
        if let Some(hand_over) = limiter.hand_over() {
            let head = request.head()?;
            edits = hand_over.request_edits(&head, request.host())?;
            hand_over.set_cost(&head, request.host())?;
        }
        if let Some(pass) = &mut self.passed {
            edits.extend(std::mem::take(&mut pass.request_headers));
        }
        Ok(edits)
    }

    /// Tells the client where it stands.
    ///
    /// # Errors
    /// The host refuses a header.
    pub fn on_response_headers(&mut self, response: &Response) -> Result<(), HostError> {
        let passed = self.passed.iter_mut();
        let mut edits = passed.flat_map(|pass| pass.response_headers.drain(..));
        edits.try_for_each(|edit| response.edit(edit))
    }

    /// Charges the response, where a limit wants that.
    pub fn on_log(&self, limiter: &Limiter, host: &dyn Host) {
        if let Some(pass) = &self.passed {
            limiter.charge_response(pass, host);
        }
    }
}

fn declared(limiter: &Limiter, limited: Result<Limited, HostError>, host: &dyn Host) -> Limited {
    limited.unwrap_or_else(|error| {
        host.log(LogLevel::Error, &format!("limits: {error}"));
        match limiter.fails_closed() {
            true => Limited::Refuse(Reply::new(500)),
            false => Limited::Pass,
        }
    })
}
