//! Runs scenarios on one kind of host.

mod run;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::exchange::{Answer, Exchange};
use crate::host::{Host, HostError, HostKind};
use crate::judge::Mismatch;
use crate::scenario::{Case, GatewayRef, Scenario, skip};

pub use self::run::GATEWAY_ADDRESS;
use self::run::Run;

/// What came of one case on one host.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the case.
    pub case: String,
    /// The `cases.yaml` that it is in.
    pub file: PathBuf,
    /// Its line there, from 1.
    pub line: u64,
    /// The host it ran on.
    pub host: HostKind,
    /// What came of it.
    pub verdict: Verdict,
    /// Of a case that got a fresh VM: the case in which a trap ended the VM before.
    pub fresh_vm_after: Option<String>,
}

/// What came of a case.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Every answer fits.
    Passed,
    /// An answer does not fit.
    Failed(Box<Failure>),
    /// It was not run.
    Skipped {
        /// Why not.
        reason: String,
    },
    /// There was no answer. Counts as failed.
    Error {
        /// Why not.
        message: String,
        /// The end of the host's log.
        log: Vec<String>,
    },
}

/// An answer that does not fit.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What is not as expected.
    pub mismatches: Vec<Mismatch>,
    /// What was sent.
    pub exchange: Exchange,
    /// What came back.
    pub answer: Answer,
    /// Which of several requests it was, from 1; absent if there is only one.
    pub attempt: Option<u32>,
}

type Open<'a> = Box<dyn FnMut(&Scenario, &GatewayRef) -> Result<Box<dyn Host>, HostError> + 'a>;
type Skip<'a> = Box<dyn FnMut(&Scenario, &Case) -> Option<String> + 'a>;
type Watch<'a> = Box<dyn FnMut(&Outcome) + 'a>;

/// Runs scenarios on one kind of host.
pub struct Runner<'a> {
    kind: HostKind,
    open: Open<'a>,
    skip: Skip<'a>,
    watch: Watch<'a>,
}

impl std::fmt::Debug for Runner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl<'a> Runner<'a> {
    /// `open` starts a host for a Gateway of a scenario. It is called when the first case for that
    /// Gateway runs; the host ends with its scenario.
    pub fn new(
        kind: HostKind,
        open: impl FnMut(&Scenario, &GatewayRef) -> Result<Box<dyn Host>, HostError> + 'a,
    ) -> Self {
        Self {
            kind,
            open: Box::new(open),
            skip: Box::new(|_, _| None),
            watch: Box::new(|_| {}),
        }
    }

    /// Reasons to skip a case that are not in its data, such as native features of the rules it
    /// meets. Asked after [`skip::reason`].
    #[must_use]
    pub fn skipping(self, skip: impl FnMut(&Scenario, &Case) -> Option<String> + 'a) -> Self {
        let skip = Box::new(skip);
        Self { skip, ..self }
    }

    /// Called with every outcome as it comes.
    #[must_use]
    pub fn watching(self, watch: impl FnMut(&Outcome) + 'a) -> Self {
        let watch = Box::new(watch);
        Self { watch, ..self }
    }

    /// Runs all cases of the scenarios, in order.
    pub fn run(&mut self, scenarios: &[Scenario]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for scenario in scenarios {
            let mut hosts = Hosts::default();
            let mut run = Run::new(scenario, self.kind);
            for case in &scenario.cases {
                let fresh_vm_after = hosts.trapped.remove(&case.gateway);
                let outcome = Outcome {
                    scenario: scenario.name.clone(),
                    case: case.name.clone(),
                    file: scenario.file.clone(),
                    line: case.line,
                    host: self.kind,
                    verdict: self.case(scenario, case, &mut hosts, &mut run),
                    fresh_vm_after,
                };
                // Steps go on with what earlier ones left, a dead VM among it.
                if !scenario.ordered {
                    hosts.replace_trapped(case);
                }
                (self.watch)(&outcome);
                outcomes.push(outcome);
            }
        }
        outcomes
    }

    fn case(
        &mut self,
        scenario: &Scenario,
        case: &Case,
        hosts: &mut Hosts,
        run: &mut Run<'_>,
    ) -> Verdict {
        let reason = skip::reason(scenario, case, self.kind)
            .or_else(|| (self.skip)(scenario, case))
            .or_else(|| run.missing_value(case));
        if let Some(reason) = reason {
            return Verdict::Skipped { reason };
        }
        if let Some(by) = case.advance {
            hosts.advance(by);
        }
        let elapsed = hosts.elapsed;
        let open = || {
            let mut host = (self.open)(scenario, &case.gateway)?;
            host.advance(elapsed);
            Ok(host)
        };
        let opened = hosts.opened.entry(case.gateway.clone());
        let opened = opened.or_insert_with(open);
        let answered = match opened {
            Ok(host) => run.case(case, host.as_mut()),
            Err(error) => Ok(Verdict::from(&*error)),
        };
        answered.unwrap_or_else(|error| Verdict::from(&error))
    }
}

/// The hosts of a scenario, one for each Gateway; one that could not be opened is not tried again.
#[derive(Default)]
struct Hosts {
    opened: BTreeMap<GatewayRef, Result<Box<dyn Host>, HostError>>,
    /// Virtual time that has passed, for those that are opened later, too.
    elapsed: Duration,
    /// The Gateways whose VM has trapped, and in which case.
    trapped: BTreeMap<GatewayRef, String>,
}

impl Hosts {
    /// Ends the host of a case whose VM has trapped: the next case opens a fresh one.
    fn replace_trapped(&mut self, case: &Case) {
        let host = self.opened.get_mut(&case.gateway);
        let failure = host.and_then(|host| host.as_mut().ok()?.vm_failure());
        if failure.is_some() {
            self.opened.remove(&case.gateway);
            self.trapped.insert(case.gateway.clone(), case.name.clone());
        }
    }

    /// Time passes for all of them.
    fn advance(&mut self, by: Duration) {
        self.elapsed += by;
        for host in self.opened.values_mut().flatten() {
            host.advance(by);
        }
    }
}

impl From<&HostError> for Verdict {
    fn from(error: &HostError) -> Self {
        if error.unable {
            let reason = error.to_string();
            return Self::Skipped { reason };
        }
        Self::Error {
            message: error.to_string(),
            log: error.log.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
