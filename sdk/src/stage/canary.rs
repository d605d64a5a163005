//! The canary stage: which backend a request goes to, and what its response tells the guard.

use crate::filter::Response;
use crate::host::{Host, HostError, LogLevel, Pairs};
use crate::request::RequestHead;
use crate::split::{Canaries, CanaryAction, Chosen, Observation, Selection};

/// Selects a backend for a request of that route. Where the host refuses what a choice needs, the
/// request stays with what was chosen without canaries.
pub fn select<'c>(
    canaries: &'c Canaries,
    route: &str,
    head: &RequestHead,
    host: &dyn Host,
) -> Selection<'c> {
    let selection = canaries.decide(route, head, host);
    selection.unwrap_or_else(|error| {
        host.log(LogLevel::Error, &format!("canaries: {error}"));
        Selection {
            forged: canaries.forged(head, None),
            action: CanaryAction::Pass,
        }
    })
}

/// A choice, until its response has told the guard how it went.
#[derive(Debug, Default)]
pub struct CanaryResponse(Option<Chosen>);

impl CanaryResponse {
    /// Awaits the response of a choice.
    pub fn of(chosen: Chosen) -> Self {
        CanaryResponse(Some(chosen))
    }

    /// Changes the response and reports its headers.
    ///
    /// # Errors
    /// The host refuses a header, or cannot say the status.
    pub fn on_response_headers(
        &mut self,
        canaries: &Canaries,
        response: &Response,
    ) -> Result<(), HostError> {
        let Some(chosen) = &mut self.0 else {
            return Ok(());
        };
        for edit in canaries.response_edits(chosen) {
            response.edit(edit)?;
        }
        if canaries.is_guarded(chosen) {
            let host = response.host();
            let status = status(host)?;
            let grpc_status = match canaries.is_grpc(chosen) {
                true => grpc_status(&response.headers()?),
                false => None,
            };
            let observation = canaries.responded(chosen, status, grpc_status, host);
            if observation == Observation::Complete {
                self.0 = None;
            }
        }
        Ok(())
    }

    /// Reports the status that is in a gRPC response's trailers.
    ///
    /// # Errors
    /// The host has no trailers.
    pub fn on_response_trailers(
        &mut self,
        canaries: &Canaries,
        response: &Response,
    ) -> Result<(), HostError> {
        let chosen = self.0.take();
        if let Some(chosen) = chosen.filter(|chosen| canaries.is_grpc(chosen)) {
            let status = grpc_status(&response.headers()?).unwrap_or(UNKNOWN);
            canaries.ended(&chosen, status, response.host());
        }
        Ok(())
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
