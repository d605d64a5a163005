//! What is explained is what `gwf replay` gets: every request of every scenario is sent to both.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gateway_bundle::{Bundle, GatewayBundle, Manifests};
use gateway_filter_modules::{GATEWAY, Module};
use gateway_harness::exchange::{Answer, Exchange};
use gateway_harness::host::{Host, HostError, HostKind};
use gateway_harness::hosts::{self, Hosts};
use gateway_harness::proxy::Modules;
use gateway_harness::runner::{Runner, Verdict};
use gateway_harness::scenario::{self, GatewayRef, Scenario};
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime, WasmCode};
use gwf::explain::{ExplainOptions, Explainer, Explanation, Request};

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/scenarios");

/// The virtual time at which the embedded host starts.
const START: Duration = Duration::from_secs(1_767_225_600);

/// Requests after which a host is not compared any more: shares need thousands.
const ENOUGH: usize = 300;

/// Requests that both answered.
static COMPARED: AtomicUsize = AtomicUsize::new(0);

/// What a scenario is not compared for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotCompared(&'static str);

/// The embedded host, and the same Gateway explained.
struct Both {
    wasmtime: Box<dyn Host>,
    explainer: Explainer<'static>,
    compared: usize,
}

impl Host for Both {
    fn send(&mut self, exchange: &Exchange) -> Result<Answer, HostError> {
        if self.compared == ENOUGH {
            return Err(HostError::unable(&NotCompared("it is enough")));
        }
        let answer = self.wasmtime.send(exchange)?;
        self.compared += 1;
        let request = Request {
            exchange: exchange.clone(),
            tls: false,
        };
        let explanation = self.explainer.explain(&request, 1)?;
        compare(exchange, &answer, &explanation);
        COMPARED.fetch_add(1, Ordering::Relaxed);
        Ok(answer)
    }

    fn metric(&mut self, name: &str, awaited: u64) -> Result<Option<u64>, HostError> {
        self.wasmtime.metric(name, awaited)
    }

    fn advance(&mut self, by: Duration) {
        self.wasmtime.advance(by);
        self.explainer.advance(by);
    }
}

fn value(headers: &[(Vec<u8>, Vec<u8>)], name: &str) -> Option<String> {
    let found = headers.iter().find(|header| header.0 == name.as_bytes())?;
    Some(String::from_utf8_lossy(&found.1).into_owned())
}

/// Holds an explanation against the answer of the host that replays.
fn compare(exchange: &Exchange, answer: &Answer, explanation: &Explanation) {
    let context = format!("{exchange:?}\n{answer:?}\n{explanation:#?}");
    let [told] = explanation.answers.as_slice() else {
        panic!("one answer: {context}");
    };
    assert_eq!(told.status, Some(answer.status), "{context}");
    let backend = told
        .backend
        .as_ref()
        .map(|id| id.split(':').next().unwrap());
    let seen = answer.seen.as_ref();
    let service = seen.map(|seen| format!("{}/{}", seen.namespace, seen.service));
    assert_eq!(backend, service.as_deref(), "{context}");

    // The rule that the router ranks first is the one that the module followed.
    let winner = explanation
        .winner
        .as_ref()
        .map(|winner| winner.r#match.name.clone());
    let routed = explanation
        .filters
        .iter()
        .flat_map(|filter| &filter.request);
    let mut routed = routed.filter(|change| change.name == "x-gateway-route");
    match (routed.next(), seen) {
        (Some(route), _) => assert_eq!(winner, route.after, "{context}"),
        (None, Some(seen)) => {
            assert_eq!(winner, value(&seen.headers, "x-gateway-route"), "{context}");
        }
        (None, None) => {}
    }
    let chosen = explanation
        .backend
        .as_ref()
        .and_then(|backend| backend.chosen.as_ref());
    assert_eq!(chosen, told.backend.as_ref(), "{context}");
    compare_limits(answer, explanation, &context);
    compare_canary(explanation, &context);
}

/// The figures in the answer are those of one of the limits, the one with the least left.
fn compare_limits(answer: &Answer, explanation: &Explanation, context: &str) {
    let number = |name: &str| value(&answer.headers, name).map(|text| text.parse::<u64>().unwrap());
    let limit = number("x-ratelimit-limit").filter(|limit| *limit != u64::from(u32::MAX));
    let (Some(limit), Some(remaining)) = (limit, number("x-ratelimit-remaining")) else {
        return;
    };
    let limits = explanation.limits.iter();
    let least = limits.clone().map(|limit| limit.remaining).min();
    assert!(least.is_some_and(|least| least <= remaining), "{context}");
    let mut told = limits.filter(|one| (one.burst, one.remaining) == (limit, remaining));
    let told = told
        .next()
        .unwrap_or_else(|| panic!("not among the limits: {context}"));
    assert_eq!(
        number("x-ratelimit-reset"),
        Some(told.reset_seconds),
        "{context}"
    );
}

/// An override or share that leaves one side only is where the request went.
fn compare_canary(explanation: &Explanation, context: &str) {
    let Some(canary) = &explanation.canary else {
        return;
    };
    let only = match canary.percent {
        _ if canary.decided_by != gwf::explain::DecidedBy::Sticky => return,
        Some(0.0) => "stable",
        Some(100.0) => "canary",
        _ => return,
    };
    assert_eq!(canary.side.as_deref(), Some(only), "{context}");
}

struct Opener {
    hosts: Hosts,
    runtime: Runtime,
    modules: Modules,
}

impl Opener {
    fn open(&self, scenario: &Scenario, gateway: &GatewayRef) -> Result<Box<dyn Host>, HostError> {
        let manifests = gateway_bundle::load(&scenario.manifests).unwrap();
        let manifests: &'static Manifests = Box::leak(Box::new(manifests));
        let bundle: &'static Bundle = Box::leak(Box::new(gateway_bundle::bundle(manifests)));
        let is_wanted = |one: &&GatewayBundle| {
            (&one.namespace, &one.name) == (&gateway.namespace, &gateway.name)
        };
        let bundled = bundle.gateways.iter().find(is_wanted).unwrap();
        let limits = bundled.rate_limit.as_ref();
        if limits.is_some_and(|limits| limits.service.is_some()) {
            return Err(HostError::unable(&NotCompared("a service counts")));
        }
        if !scenario.jwt.is_empty() {
            return Err(HostError::unable(&NotCompared("tokens are verified")));
        }
        let options = ExplainOptions {
            at: START,
            seed: 0,
            workers: NonZero::new(scenario.workers.get()).unwrap(),
        };
        let made = (manifests, bundle);
        Ok(Box::new(Both {
            wasmtime: self.hosts.open(HostKind::Wasmtime, scenario, gateway)?,
            explainer: Explainer::new(&self.runtime, &self.modules, made, bundled, options)?,
            compared: 0,
        }))
    }
}

#[test]
fn every_request_of_every_scenario_is_explained_as_it_is_answered() {
    let code = |module: Module| WasmCode::from_static(module.name, module.bytes);
    let modules = Modules {
        gateway: code(GATEWAY),
    };
    let opener = Opener {
        hosts: Hosts::new(hosts::HostOptions::new(modules.clone())).unwrap(),
        runtime: Runtime::new(EnvoyVersion::default(), Deadline::default()).unwrap(),
        modules,
    };
    let mut scenarios = Vec::new();
    for folder in fs::read_dir(Path::new(SCENARIOS)).unwrap() {
        scenarios.extend(scenario::load(&folder.unwrap().path()).unwrap());
    }
    let outcomes = Runner::new(HostKind::Wasmtime, |scenario, gateway| {
        opener.open(scenario, gateway)
    })
    .run(&scenarios);
    for outcome in &outcomes {
        let passed = matches!(outcome.verdict, Verdict::Passed | Verdict::Skipped { .. });
        assert!(passed, "{outcome:#?}");
    }
    let compared = COMPARED.load(Ordering::Relaxed);
    assert!(compared > 2_000, "only {compared} requests were compared");
}
