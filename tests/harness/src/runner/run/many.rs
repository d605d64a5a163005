//! Many requests: how they, or their copies, spread over backends.

use super::{Judged, Run, marked};
use crate::host::{Host, HostError};
use crate::judge::{Distribution, copies};
use crate::scenario::model::{Case, Mirrors, Weights};
use crate::scenario::uuid;

impl Run<'_> {
    pub(super) fn weights(
        &mut self,
        case: &Case,
        weights: &Weights,
        host: &mut dyn Host,
    ) -> Result<Judged, HostError> {
        let mut run = 1;
        loop {
            let mut spread = Distribution::default();
            let mut last = self.once(case, &weights.trial, host)?;
            for _ in 1..weights.requests {
                if !last.fits() {
                    break;
                }
                spread.count(last.answer.seen.as_ref(), &self.scenario.backends);
                last = self.once(case, &weights.trial, host)?;
            }
            if !last.fits() {
                return Ok(last.judged(None));
            }
            spread.count(last.answer.seen.as_ref(), &self.scenario.backends);
            last.mismatches = spread.judge(weights);
            if last.fits() || run >= weights.attempts {
                return Ok(last.judged(Some(run)));
            }
            run += 1;
        }
    }

    pub(super) fn mirrors(
        &mut self,
        case: &Case,
        mirrors: &Mirrors,
        host: &mut dyn Host,
    ) -> Result<Judged, HostError> {
        let mut run = 1;
        loop {
            let id = uuid();
            let trial = marked(&mirrors.trial, &id);
            let mut last = self.once(case, &trial, host)?;
            for _ in 1..mirrors.requests {
                if !last.fits() {
                    break;
                }
                last = self.once(case, &trial, host)?;
            }
            if !last.fits() {
                return Ok(last.judged(None));
            }
            let received = host.received(&id)?;
            last.mismatches = copies(&mirrors.copies, &received, &self.scenario.backends);
            if last.fits() || run >= mirrors.attempts {
                return Ok(last.judged(Some(run)));
            }
            run += 1;
        }
    }
}
