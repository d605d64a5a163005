//! What is asked of the rate limit service for a request, call by call, and what its answers decide.

use super::{Limiter, Pass, Verdict};
use crate::host::{GrpcCall, Host, HostError};
use crate::limit::answer::{Answered, leased, read, remembered};
use crate::limit::headers::{Figures, lines};
use crate::limit::lease::{Answer, Taken};
use crate::limit::metrics::count;
use crate::limit::rls::{METHOD, SERVICE};
use crate::limit::service::{Charge, Service};
use crate::reply::Reply;

/// A question under way.
#[derive(Debug)]
pub struct Asked {
    /// Boxed, as filters are moved often and ask seldom.
    progress: Box<Progress>,
    /// What this call is about, and for how many such requests.
    charges: Vec<Charge>,
    times: u32,
    message: Vec<u8>,
    /// Where hits may be leased or refusals remembered.
    leasing: Option<Leasing>,
}

/// What a question is known by to those that follow: its message for one such request.
#[derive(Debug)]
struct Leasing {
    key: Vec<u8>,
    /// When it was put, in nanoseconds since 1970.
    sent: u64,
}

/// How far a request has come.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) policy: usize,
    /// What is still to be asked.
    pub(super) rest: Vec<Charge>,
    pub(super) local: Option<Figures>,
    pub(super) figures: Vec<Figures>,
    pub(super) pass: Pass,
}

impl Limiter {
    /// What an answer of the service means: its message, or the gRPC status with which the call
    /// ended.
    ///
    /// # Errors
    /// The host does not do what every host does.
    pub fn answered(
        &self,
        asked: Asked,
        answer: Result<&[u8], u32>,
        host: &dyn Host,
    ) -> Result<Verdict, HostError> {
        let policy = self.policies.get(asked.progress.policy);
        let message = answer.ok().zip(policy);
        let read = message.and_then(|(message, policy)| read(message, &asked.charges, policy));
        let Some(answered) = read else {
            return self.unanswered(asked, host);
        };
        self.keep(&asked, &answered, host)?;
        self.decide(asked.progress, answered, host)
    }

    /// Remembers what an answer says of requests to come.
    fn keep(&self, asked: &Asked, answered: &Answered, host: &dyn Host) -> Result<(), HostError> {
        let leases = self.service.as_ref().and_then(Service::leases);
        let (Some(leases), Some(Leasing { key, sent }), Some((remaining, reset))) =
            (leases, &asked.leasing, answered.room)
        else {
            return Ok(());
        };
        let answer = Answer {
            sent: *sent,
            remaining,
            reset,
        };
        let now = host.now()?;
        if answered.refused {
            leases.refused(host, key, now, answer)
        } else {
            leases.granted(host, key, now, answer, asked.times, 1)
        }
    }

    fn decide(
        &self,
        mut progress: Box<Progress>,
        mut answered: Answered,
        host: &dyn Host,
    ) -> Result<Verdict, HostError> {
        self.report(progress.policy, &answered, host);
        answered.figures.append(&mut progress.figures);
        progress.figures = answered.figures;
        if answered.refused {
            let figures = progress.figures.as_slice();
            let (body, own) = (&answered.raw_body, &answered.response_headers);
            let reply = self.refusal.reply(figures, answered.retry_after, body, own);
            return Ok(Verdict::Refuse(reply));
        }
        progress
            .pass
            .request_headers
            .extend(answered.request_headers);
        progress
            .pass
            .response_headers
            .extend(answered.response_headers);
        self.go_on(progress, host)
    }

    /// The call could not be made or was not answered: pass or refuse, as configured.
    fn unanswered(&self, asked: Asked, host: &dyn Host) -> Result<Verdict, HostError> {
        let policy = self.policies.get(asked.progress.policy);
        for charge in &asked.charges {
            if let Some(global) = policy.and_then(|policy| policy.global.get(charge.rule)) {
                count(host, global.rule.counters.errors);
            }
        }
        if self
            .service
            .as_ref()
            .is_some_and(|service| service.fail_closed)
        {
            return Ok(Verdict::Refuse(Reply::new(500)));
        }
        self.go_on(asked.progress, host)
    }

    /// Asks for the next charges, or lets the request pass where none are left.
    pub(super) fn go_on(
        &self,
        mut progress: Box<Progress>,
        host: &dyn Host,
    ) -> Result<Verdict, HostError> {
        let (Some(service), Some(policy), false) = (
            &self.service,
            self.policies.get(progress.policy),
            progress.rest.is_empty(),
        ) else {
            return Ok(Verdict::Pass(progress.passed()));
        };
        let charges = service.next_call(&mut progress.rest);
        let mut times = 1;
        let mut message = service.message(&charges, 1);
        let mut leasing = None;
        if let Some(leases) = service.leases().filter(|_| policy.may_lease(&charges)) {
            let sent = host.now()?;
            match leases.take(host, &message, sent, 1)? {
                Taken::Leased => return self.decide(progress, leased(&charges), host),
                Taken::Refused { until } => {
                    return self.decide(progress, remembered(&charges, until, sent), host);
                }
                Taken::Ask { hits } => times = hits,
            }
            let asked = service.message(&charges, times);
            let key = std::mem::replace(&mut message, asked);
            leasing = Some(Leasing { key, sent });
        }
        Ok(Verdict::Ask(Asked {
            progress,
            charges,
            times,
            message,
            leasing,
        }))
    }

    fn report(&self, at: usize, answered: &Answered, host: &dyn Host) {
        for (rule, has_room) in &answered.rules {
            let Some(global) = self
                .policies
                .get(at)
                .and_then(|policy| policy.global.get(*rule))
            else {
                continue;
            };
            let counters = &global.rule.counters;
            match (has_room, global.rule.shadow) {
                (true, _) => counters.allowed(),
                (false, true) => count(host, counters.shadowed),
                (false, false) => count(host, counters.limited),
            }
        }
    }

    /// Charges the response of a request that has passed; nobody waits for the answer.
    pub fn charge_response(&self, pass: &Pass, host: &dyn Host) {
        let (Some(service), Some(policy)) = (&self.service, self.policies.get(pass.policy)) else {
            return;
        };
        let mut charges = service.response_charges(policy, &pass.after, host);
        while !charges.is_empty() {
            let message = service.message(&service.next_call(&mut charges), 1);
            // The response has gone: a call that cannot be made changes nothing for it.
            let _ = host.grpc_call(&call(service, &message));
        }
    }

    /// The call that a question asks for.
    pub fn call<'a>(&'a self, asked: &'a Asked) -> Option<GrpcCall<'a>> {
        self.service
            .as_ref()
            .map(|service| call(service, &asked.message))
    }
}

fn call<'a>(service: &'a Service, message: &'a [u8]) -> GrpcCall<'a> {
    GrpcCall {
        cluster: &service.cluster,
        service: SERVICE,
        method: METHOD,
        message,
        timeout: service.timeout,
    }
}

impl Pass {
    /// Whether nothing is left to do with the response.
    pub fn is_done(&self) -> bool {
        self.response_headers.is_empty() && self.after.is_empty()
    }
}

impl Progress {
    /// The figures are those of the limit that binds: of the service unless a local one has less left.
    fn passed(self) -> Pass {
        let Progress {
            policy,
            local,
            figures,
            mut pass,
            ..
        } = self;
        let least = figures.iter().map(|figures| figures.remaining).min();
        let local = local.filter(|local| least.is_none_or(|least| local.remaining < least));
        let binding = local
            .as_ref()
            .map_or(figures.as_slice(), std::slice::from_ref);
        let mut headers = lines(binding);
        headers.append(&mut pass.response_headers);
        pass.response_headers = headers;
        pass.policy = policy;
        pass
    }
}
