//! One scenario's run: sends what its cases say and remembers what later steps need.

mod many;

use std::collections::BTreeMap;

use crate::exchange::{Answer, Exchange, REQUEST_ID, Seen};
use crate::host::{Host, HostError, HostKind};
use crate::judge::{Mismatch, cookie_value, copied, header_text, judge};
use crate::scenario::model::{
    Awaited, Capture, Case, Eventually, Request, Requests, Scenario, Trial, Until, What,
};
use crate::scenario::{Captured, fill, numbered, uuid, variables_of};

use super::{Failure, Verdict};

/// The host that a request without one is for: the gateway's own address, which no hostname of a
/// manifest covers. `.invalid` is reserved (RFC 2606).
pub const GATEWAY_ADDRESS: &str = "gateway.invalid";

/// A scenario and what its steps have left so far.
pub(super) struct Run<'a> {
    scenario: &'a Scenario,
    host: HostKind,
    captured: Captured,
    last_seen: Option<Seen>,
    /// Requests of the case at hand that were sent so far.
    sent: u32,
    /// The backend, by namespace and name, that the requests of a label are answered by.
    pods: BTreeMap<String, String>,
}

/// A request that was answered, and how the answer does not fit.
struct Answered {
    exchange: Exchange,
    answer: Answer,
    mismatches: Vec<Mismatch>,
}

/// An answer that fits, or the failure.
type Judged = Result<Answered, Box<Failure>>;

impl Answered {
    fn fits(&self) -> bool {
        self.mismatches.is_empty()
    }

    /// `attempt` is the number of the request if it is one of several.
    fn judged(self, attempt: Option<u32>) -> Judged {
        if self.fits() {
            Ok(self)
        } else {
            Err(self.failed(attempt))
        }
    }

    fn failed(self, attempt: Option<u32>) -> Box<Failure> {
        Box::new(Failure {
            mismatches: self.mismatches,
            exchange: self.exchange,
            answer: self.answer,
            attempt,
        })
    }

    fn but(mut self, field: impl Into<String>, expected: String, got: String) -> Self {
        self.mismatches.push(Mismatch {
            field: field.into(),
            expected,
            got,
        });
        self
    }
}

/// Whether the filters have counted what the case states.
fn compare_metrics(
    case: &Case,
    mut last: Answered,
    host: &mut dyn Host,
) -> Result<Judged, HostError> {
    for (name, &expected) in &case.metrics {
        let got = host.metric(name, expected)?;
        if got != Some(expected) {
            let got = got.map_or_else(|| "(absent)".to_owned(), |got| got.to_string());
            last = last.but(format!("metrics.{name}"), expected.to_string(), got);
        }
    }
    Ok(last.judged(None))
}

impl<'a> Run<'a> {
    pub(super) fn new(scenario: &'a Scenario, host: HostKind) -> Self {
        Self {
            scenario,
            host,
            captured: Captured::new(),
            last_seen: None,
            sent: 0,
            pods: BTreeMap::new(),
        }
    }

    /// Why a case cannot run: the step that had to capture a value for it did not pass.
    pub(super) fn missing_value(&self, case: &Case) -> Option<String> {
        let What::Requests(requests) = &case.what else {
            return None;
        };
        let mut used = requests.trials().flat_map(variables_of);
        used.find(|name| !self.captured.contains_key(name))
            .map(|name| format!("the step that captures ${{{name}}} did not pass"))
    }

    pub(super) fn case(&mut self, case: &Case, host: &mut dyn Host) -> Result<Verdict, HostError> {
        self.sent = 0;
        let judged = match &case.what {
            What::Requests(requests) => self.send(case, requests, host)?,
            What::Weights(weights) => self.weights(case, weights, host)?,
            What::Mirrors(mirrors) => self.mirrors(case, mirrors, host)?,
            What::Wait => return Ok(Verdict::Passed),
            What::Unjudged => {
                let reason = "sends nothing that a host answers".to_owned();
                return Ok(Verdict::Skipped { reason });
            }
        };
        let judged = match judged {
            Ok(last) => compare_metrics(case, last, host)?,
            failed => failed,
        };
        Ok(match judged {
            Ok(last) => {
                self.last_seen = last.answer.seen;
                Verdict::Passed
            }
            Err(failure) => Verdict::Failed(failure),
        })
    }

    fn send(
        &mut self,
        case: &Case,
        requests: &Requests,
        host: &mut dyn Host,
    ) -> Result<Judged, HostError> {
        let mut requests = requests.clone();
        fill(&mut requests, &self.captured);
        let judged = match &requests.until {
            Until::Times(times) => self.repeat(case, &requests, *times, host)?,
            Until::Eventually(until) => self.eventually(case, &requests, until, host)?,
        };
        Ok(judged.and_then(|last| self.capture(&requests, last)))
    }

    fn capture(&mut self, requests: &Requests, mut last: Answered) -> Judged {
        for (name, from) in &requests.capture {
            let value = match from {
                Capture::Header(header) => header_text(&last.answer.headers, header),
                Capture::Cookie(cookie) => cookie_value(&last.answer.headers, cookie),
            };
            match value {
                Some(value) => {
                    self.captured.insert(name.clone(), value);
                }
                None => {
                    let field = format!("capture.{name}");
                    last = last.but(field, "(present)".to_owned(), "(absent)".to_owned());
                }
            }
        }
        last.judged(None)
    }

    fn repeat(
        &mut self,
        case: &Case,
        requests: &Requests,
        times: u32,
        host: &mut dyn Host,
    ) -> Result<Judged, HostError> {
        let mut attempt = 1;
        loop {
            let answered = self.any_of(case, requests, host)?;
            let answered = self.same_pod(requests, answered);
            if attempt == times || !answered.fits() {
                return Ok(answered.judged((times > 1).then_some(attempt)));
            }
            attempt += 1;
        }
    }

    fn eventually(
        &mut self,
        case: &Case,
        requests: &Requests,
        until: &Eventually,
        host: &mut dyn Host,
    ) -> Result<Judged, HostError> {
        let mut attempt = 1;
        loop {
            let answered = self.any_of(case, requests, host)?;
            let status = answered.answer.status;
            let got = format!("request {attempt}, status {status}");
            if self.is_awaited(until.awaited, &answered.answer) {
                let answered = self.same_pod(requests, answered);
                // Time passes on a real Envoy, and what is counted there runs on.
                let other = until
                    .at
                    .filter(|at| *at != attempt && self.host != HostKind::Envoy);
                return Ok(match other {
                    Some(at) => answered.but("eventually.at", format!("request {at}"), got),
                    None => answered,
                }
                .judged(Some(attempt)));
            }
            let early = until.before.is_empty() || until.before.contains(&status);
            if attempt >= until.within || !early {
                let expected = format!("{} within {} requests", until.awaited, until.within);
                let mismatches = Vec::new();
                return Ok(Answered {
                    mismatches,
                    ..answered
                }
                .but("eventually", expected, got)
                .judged(Some(attempt)));
            }
            attempt += 1;
        }
    }

    fn is_awaited(&self, awaited: Awaited, answer: &Answer) -> bool {
        let backend = |seen: &Seen| (seen.namespace.clone(), seen.service.clone());
        match awaited {
            Awaited::Status(status) => answer.status == status,
            Awaited::DifferentBackend => {
                answer.seen.is_some()
                    && answer.seen.as_ref().map(backend) != self.last_seen.as_ref().map(backend)
            }
        }
    }

    /// The first request of a label says who answers all of them.
    fn same_pod(&mut self, requests: &Requests, answered: Answered) -> Answered {
        let label = requests.same_pod.as_ref();
        let Some(label) = label.filter(|_| answered.fits()) else {
            return answered;
        };
        let backends = &self.scenario.backends;
        let name = |seen: &Seen| {
            let backend = backends.behind(&seen.namespace, &seen.service);
            format!("{}/{backend}", seen.namespace)
        };
        let Some(got) = answered.answer.seen.as_ref().map(name) else {
            return answered.but("samePod", "(a backend)".into(), "(the gateway)".into());
        };
        let first = self
            .pods
            .entry(label.clone())
            .or_insert_with(|| got.clone());
        if *first == got {
            return answered;
        }
        let expected = first.clone();
        answered.but(format!("samePod.{label}"), expected, got)
    }

    /// Sends once and compares with each alternative; those with the first one's request
    /// share its answer. If none fits, the first is reported.
    fn any_of(
        &mut self,
        case: &Case,
        requests: &Requests,
        host: &mut dyn Host,
    ) -> Result<Answered, HostError> {
        let first = self.once(case, &requests.trial, host)?;
        if first.fits() {
            return Ok(first);
        }
        for other in &requests.or {
            let answered = if other.request == requests.trial.request {
                self.judged(other, first.exchange.clone(), first.answer.clone())
            } else {
                self.once(case, other, host)?
            };
            if answered.fits() {
                return Ok(answered);
            }
        }
        Ok(first)
    }

    fn once(
        &mut self,
        case: &Case,
        trial: &Trial,
        host: &mut dyn Host,
    ) -> Result<Answered, HostError> {
        self.sent += 1;
        let trial = numbered(trial, self.sent);
        if trial.mirrored_to.is_empty() {
            let exchange = exchange(case, &trial.request);
            let answer = host.send(&exchange)?;
            return Ok(self.judged(&trial, exchange, answer));
        }
        let id = uuid();
        let trial = marked(&trial, &id);
        let exchange = exchange(case, &trial.request);
        let answer = host.send(&exchange)?;
        let mut answered = self.judged(&trial, exchange, answer);
        if answered.fits() {
            let received = host.received(&id)?;
            answered.mismatches = copied(&trial, &received, &self.scenario.backends);
        }
        Ok(answered)
    }

    fn judged(&self, trial: &Trial, exchange: Exchange, answer: Answer) -> Answered {
        let mismatches = judge(&trial.expected, &exchange, &answer, &self.scenario.backends);
        Answered {
            exchange,
            answer,
            mismatches,
        }
    }
}

/// The trial with the query parameter by which copies of its request are found.
fn marked(trial: &Trial, id: &str) -> Trial {
    let mut trial = trial.clone();
    let seen = trial.expected.request.as_mut();
    let paths = seen.and_then(|seen| seen.path.as_mut());
    for path in std::iter::once(&mut trial.request.path).chain(paths) {
        let separator = if path.contains('?') { '&' } else { '?' };
        *path = format!("{path}{separator}{REQUEST_ID}={id}");
    }
    trial
}

fn exchange(case: &Case, request: &Request) -> Exchange {
    let own_port = if request.scheme == "https" { 443 } else { 80 };
    let authority = match request.host.as_str() {
        "" if request.port == own_port => GATEWAY_ADDRESS.to_owned(),
        "" => format!("{GATEWAY_ADDRESS}:{}", request.port),
        host => host.to_owned(),
    };
    let lower = |(name, value): (&String, &String)| {
        (
            name.to_ascii_lowercase().into_bytes(),
            value.clone().into_bytes(),
        )
    };
    Exchange {
        gateway_namespace: case.gateway.namespace.clone(),
        gateway: case.gateway.name.clone(),
        port: request.port,
        protocol: request.protocol.clone(),
        tls: request.tls.clone(),
        method: request.method.clone(),
        authority,
        path: request.path.clone().into_bytes(),
        headers: request.headers.iter().map(lower).collect(),
        body: request.body.clone(),
        trailers: request.trailers.iter().map(lower).collect(),
        client: request.client,
        backend_response_headers: request
            .backend_response_headers
            .clone()
            .into_iter()
            .collect(),
        backend_status: request.backend_status.clone().into_iter().collect(),
        backend_response: request.backend_response.clone(),
        simulation: request.simulation.clone(),
        messages: request.messages.clone(),
    }
}
