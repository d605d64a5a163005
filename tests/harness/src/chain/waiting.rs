//! Calling a filter, and what its answer means: on to the next, a local reply, or waiting until
//! an answered call or a tick lets the stream go on.

use crate::wasm_host::{
    Callout, CalloutAnswer, Deferred, Failed, Flow, LocalReply, Stream, Verdict, Vm,
};

use super::envoy::{Error, Worker};
use super::filter_chain::Run;
use super::local_reply::plain;

/// What a paused stream waits for at most; a filter that asks again and again is stuck.
const WAITS: usize = 1_000;

/// Direction of what a filter paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Request,
    Response,
}

/// How a callback of one filter ends.
pub(super) enum Step {
    Next,
    /// Data that was not let through, with more to come.
    Held(Flow),
    Reply(LocalReply),
}

impl Run<'_> {
    /// Calls a filter and keeps what it logged. An absent VM has failed.
    pub(super) fn call<T>(
        &mut self,
        filter: usize,
        callback: impl FnOnce(&mut Vm, &mut Box<Stream>) -> Result<T, Failed>,
    ) -> Result<T, Failed> {
        let vm = self.worker.vms.get_mut(filter).ok_or(Failed)?;
        let result = callback(vm, &mut self.stream);
        self.why
            .extend(vm.take_log().iter().map(ToString::to_string));
        if let (Err(Failed), Some(failure)) = (&result, vm.failure()) {
            let failure = failure.to_string();
            let line = format!("{}: {failure}", self.name(filter));
            if !self.why.contains(&line) {
                self.why.push(line);
            }
        }
        result
    }

    pub(super) fn name(&self, filter: usize) -> &str {
        let filter = self.config.filters.get(filter);
        filter.map_or("", |filter| &filter.name)
    }

    /// The stream context of a filter, made when the filter is first called.
    pub(super) fn create(&mut self, filter: usize) -> u32 {
        if let Some(Some(context)) = self.contexts.get(filter) {
            return *context;
        }
        let created = self.call(filter, |vm, stream| Ok(vm.create_stream(stream)));
        let context = created.unwrap_or_default();
        if let Some(place) = self.contexts.get_mut(filter) {
            *place = Some(context);
        }
        context
    }

    /// What a verdict comes to once the filter is done with waiting.
    pub(super) fn settle(
        &mut self,
        filter: usize,
        way: Way,
        verdict: Result<Verdict, Failed>,
    ) -> Result<Step, Error> {
        match self.judge(filter, way, verdict)? {
            Step::Held(_) => self.wait(filter, way),
            step => Ok(step),
        }
    }

    /// What a verdict comes to as it stands.
    pub(super) fn judge(
        &mut self,
        filter: usize,
        way: Way,
        verdict: Result<Verdict, Failed>,
    ) -> Result<Step, Error> {
        let Ok(verdict) = verdict else {
            return Ok(self.fail(filter));
        };
        let step = self.act(filter, way, verdict.actions)?;
        Ok(match (step, verdict.flow) {
            (Some(step), _) => step,
            (None, Flow::Continue) => Step::Next,
            (None, flow) => Step::Held(flow),
        })
    }

    /// A dead filter is skipped with `failOpen`, and else answers 503, which it lets pass itself
    /// (Envoy `failStream`).
    fn fail(&mut self, filter: usize) -> Step {
        let config = self.config.filters.get(filter);
        if config.is_some_and(|config| config.fail_open) || self.failed.contains(&filter) {
            return Step::Next;
        }
        self.failed.push(filter);
        Step::Reply(plain(503, "wasm_fail_stream"))
    }

    /// Does what a filter asked for. The first reply counts.
    fn act(
        &mut self,
        filter: usize,
        way: Way,
        actions: Vec<Deferred>,
    ) -> Result<Option<Step>, Error> {
        let mut step = None;
        for action in actions {
            match action {
                Deferred::LocalReply(reply) => return Ok(Some(Step::Reply(reply))),
                Deferred::ContinueRequest if way == Way::Request => step = Some(Step::Next),
                Deferred::ContinueResponse if way == Way::Response => step = Some(Step::Next),
                Deferred::ContinueRequest | Deferred::ContinueResponse => {}
                Deferred::Reset => {
                    return Err(Error::Reset {
                        filter: self.name(filter).to_owned(),
                        why: std::mem::take(&mut self.why),
                    });
                }
            }
        }
        Ok(step)
    }

    /// Answers calls, then lets time pass to the next tick, until the stream goes on.
    pub(super) fn wait(&mut self, filter: usize, way: Way) -> Result<Step, Error> {
        for _ in 0..WAITS {
            self.collect_calls();
            let (caller, actions) = if let Some((caller, call)) = self.calls.pop_front() {
                let Some(answer) = self.answer_call(&call) else {
                    continue;
                };
                let actions = self.call(caller, |vm, stream| vm.deliver(&call, answer, stream));
                (caller, actions)
            } else if let Some(actions) = self.next_tick(filter) {
                (filter, actions)
            } else {
                break;
            };
            let Ok(actions) = actions else {
                if caller == filter {
                    return Ok(self.fail(filter));
                }
                continue;
            };
            let step = self.act(caller, way, actions)?;
            match step {
                Some(Step::Next) if caller != filter => {}
                Some(step) => return Ok(step),
                None => {}
            }
        }
        Err(Error::Stuck {
            filter: self.name(filter).to_owned(),
            what: match way {
                Way::Request => "request",
                Way::Response => "response",
            },
            why: std::mem::take(&mut self.why),
        })
    }

    /// Answers what was asked while nobody waited: headers are out of the filter's reach by then.
    pub(super) fn settle_calls(&mut self) {
        for _ in 0..WAITS {
            self.collect_calls();
            let Some((caller, call)) = self.calls.pop_front() else {
                return;
            };
            let answer = (self.worker.process.responder)(&call);
            // A VM that fails here is dead from its next callback on.
            let _ = self.call(caller, |vm, stream| vm.deliver(&call, answer, stream));
        }
    }

    /// Tells this worker's VMs of what is in their queues.
    pub(super) fn drain_queues(&mut self) {
        for filter in 0..self.worker.vms.len() {
            if self
                .worker
                .vms
                .get(filter)
                .is_some_and(|vm| vm.failure().is_none())
            {
                // A VM that fails here is dead from its next callback on.
                let _ = self.call(filter, |vm, _| vm.drain_queues());
            }
        }
    }

    fn collect_calls(&mut self) {
        for (filter, vm) in self.worker.vms.iter_mut().enumerate() {
            let calls = vm.take_callouts();
            self.calls
                .extend(calls.into_iter().map(|call| (filter, call)));
        }
    }

    /// What comes of a call that is waited for. Silence lasts until the deadline, for which
    /// virtual time passes, or for ever.
    fn answer_call(&mut self, call: &Callout) -> Option<CalloutAnswer> {
        let answer = (self.worker.process.responder)(call);
        if matches!(answer, CalloutAnswer::Silence) {
            self.worker.process.clock().advance(call.timeout?);
        }
        Some(answer)
    }

    /// Lets time pass to the filter's next tick, if it has a timer.
    fn next_tick(&mut self, filter: usize) -> Option<Result<Vec<Deferred>, Failed>> {
        let due = self.worker.vms.get(filter)?.next_tick()?;
        let clock = self.worker.process.clock();
        clock.advance(due.saturating_sub(clock.now()));
        Some(self.call(filter, |vm, stream| vm.tick(stream)))
    }
}

/// Answers the calls of a worker that has no request; nobody waits, so no time passes.
pub(super) fn answer_idle_calls(worker: &mut Worker) {
    for _ in 0..WAITS {
        let mut idle = true;
        for vm in &mut worker.vms {
            for call in vm.take_callouts() {
                idle = false;
                let answer = (worker.process.responder)(&call);
                // A VM that fails here is dead from the next request on.
                let _ = vm.deliver(&call, answer, &mut Box::default());
            }
        }
        if idle {
            return;
        }
    }
}
