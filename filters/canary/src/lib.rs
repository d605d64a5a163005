//! The `canary` filter: splits that stick, ramp and back off by themselves.
//!
//! What a request gets is decided by the SDK's [`Canaries`]; here it is carried out: a header names the
//! chosen backend, and the route is matched anew.

use gateway_filter_sdk::filter::{Flow, HttpFilter, Request, Response, http_filter, json};
use gateway_filter_sdk::host::{Host, HostError, Pairs};
use gateway_filter_sdk::route::InvalidConfig;
use gateway_filter_sdk::split::spec::CanaryFilterSpec;
use gateway_filter_sdk::split::{Canaries, CanaryAction, Chosen, Observation};
use std::rc::Rc;

/// One request on its way.
#[derive(Debug)]
pub struct Canary {
    canaries: Rc<Canaries>,
    chosen: Option<Chosen>,
}

#[http_filter]
impl HttpFilter for Canary {
    type Config = Canaries;

    fn configure(text: &[u8], host: &dyn Host) -> Result<Canaries, InvalidConfig> {
        Canaries::new(&json::<CanaryFilterSpec>(text)?, host)
    }

    fn new(canaries: Rc<Canaries>) -> Self {
        Canary {
            canaries,
            chosen: None,
        }
    }

    fn on_request_headers(&mut self, request: &Request) -> Result<Flow, HostError> {
        let canaries = Rc::clone(&self.canaries);
        let selection = canaries.decide(&request.head()?, request.host())?;
        for name in &selection.forged {
            request.remove_header(name)?;
        }
        let mut changed = !selection.forged.is_empty();
        match selection.action {
            CanaryAction::Pass => {}
            CanaryAction::Reply(reply) => return Ok(Flow::Reply(reply)),
            CanaryAction::Forward {
                header,
                backend,
                is_named,
                chosen,
            } => {
                if !is_named {
                    request.set_header(header, backend)?;
                    changed = true;
                }
                self.chosen = Some(chosen);
            }
        }
        Ok(if changed {
            Flow::Reroute
        } else {
            Flow::Continue
        })
    }

    fn on_response_headers(&mut self, response: &Response) -> Result<Flow, HostError> {
        let Some(chosen) = &mut self.chosen else {
            return Ok(Flow::Continue);
        };
        for (name, value) in chosen.headers.drain(..) {
            if name == "set-cookie" {
                response.add_header(name, value)?;
            } else {
                response.set_header(name, value)?;
            }
        }
        if let Some((name, value)) = self.canaries.variant(chosen) {
            response.set_header(name, value)?;
        }
        if self.canaries.is_guarded(chosen) {
            let host = response.host();
            let status = status(host)?;
            let grpc_status = match self.canaries.is_grpc(chosen) {
                true => grpc_status(&response.headers()?),
                false => None,
            };
            let observation = self.canaries.responded(chosen, status, grpc_status, host);
            if observation == Observation::Complete {
                self.chosen = None;
            }
        }
        Ok(Flow::Continue)
    }

    fn on_response_trailers(&mut self, response: &Response) -> Result<Flow, HostError> {
        if let Some(chosen) = self
            .chosen
            .take()
            .filter(|chosen| self.canaries.is_grpc(chosen))
        {
            let status = grpc_status(&response.headers()?).unwrap_or(UNKNOWN);
            self.canaries.ended(&chosen, status, response.host());
        }
        Ok(Flow::Continue)
    }

    fn on_tick(canaries: &Canaries, host: &dyn Host) {
        canaries.tick(host);
    }
}

/// gRPC UNKNOWN, of a response that does not tell.
const UNKNOWN: u8 = 2;

/// The attribute costs less than all headers.
fn status(host: &dyn Host) -> Result<u16, HostError> {
    let code = host.property(&["response", "code"])?;
    let code = code.and_then(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?)));
    Ok(code.and_then(|code| u16::try_from(code).ok()).unwrap_or(0))
}

fn grpc_status(headers: &Pairs) -> Option<u8> {
    let (_, value) = headers.iter().find(|(name, _)| *name == b"grpc-status")?;
    std::str::from_utf8(value).ok()?.parse().ok()
}
