//! One Gateway of some manifests: answers requests and says why.
//!
//! What happens is what the compiled modules do in the embedded host, which is watched between the
//! filters. Why it happens is found with the SDK's own router, limiter and canaries, and where it is
//! written in the manifests.

mod trace;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway_bundle::{Bundle, GatewayBundle, Manifests};
use gateway_filter_sdk::router::Router;

use self::trace::{Trip, backend_of};
use super::facts::*;
use super::listener::{self, Met};
use super::request::Request;
use super::source_location::SourceMap;
use super::{filters, limits};
use gateway_harness::chain::{EmbeddedEnvoy, EmbeddedOptions};
use gateway_harness::exchange::{Answer, Direction, Headers};
use gateway_harness::host::HostError;
use gateway_harness::model::{Listener, Proxy};
use gateway_harness::proxy::{self, Modules, ProxyError, Services};
use gateway_harness::wasm_host::{Callout, CalloutAnswer, Clock, Runtime};

/// How requests are explained.
#[derive(Debug, Clone)]
pub struct ExplainOptions {
    /// The time, since 1970.
    pub at: Duration,
    /// Seed of everything that is random.
    pub seed: u64,
    /// Workers of the Envoy; they take turns.
    pub workers: NonZero<usize>,
}

/// One Gateway of some manifests, which answers requests and says why.
pub struct Explainer<'m> {
    gateway: &'m GatewayBundle,
    sources: SourceMap<'m>,
    router: Router,
    envoy: EmbeddedEnvoy,
    options: ExplainOptions,
    turn: usize,
    /// What was asked of the rate limit service since the last request.
    calls: Arc<Mutex<Vec<Callout>>>,
}

impl<'m> Explainer<'m> {
    /// Starts the filters of a Gateway of the bundle, which was made of the manifests.
    ///
    /// # Errors
    /// A configuration or module that is refused.
    pub fn new(
        runtime: &Runtime,
        modules: &Modules,
        (manifests, bundle): (&'m Manifests, &'m Bundle),
        gateway: &'m GatewayBundle,
        options: ExplainOptions,
    ) -> Result<Self, HostError> {
        let router = Router::try_from(gateway.route_match.clone());
        let calls: Arc<Mutex<Vec<Callout>>> = Arc::default();
        let heard = Arc::clone(&calls);
        let chain = EmbeddedOptions {
            workers: options.workers.get(),
            seed: options.seed,
            clock: Arc::new(Clock::at(options.at)),
            responder: Arc::new(move |call| {
                let room = CalloutAnswer::Grpc(limits::room(call));
                lock(&heard).push(call.clone());
                room
            }),
            watch: true,
            ..EmbeddedOptions::default()
        };
        let proxy = proxy(manifests, gateway, modules).map_err(|error| HostError::new(&error))?;
        let envoy = EmbeddedEnvoy::new(runtime, &proxy, &chain);
        Ok(Self {
            gateway,
            sources: SourceMap {
                manifests,
                report: &bundle.report,
            },
            router: router.map_err(|error| HostError::new(&error))?,
            envoy: envoy.map_err(|error| HostError::new(&error))?,
            options,
            turn: 0,
            calls,
        })
    }

    /// Whether one of the Gateway's listeners takes a request.
    #[must_use]
    pub fn takes(gateway: &GatewayBundle, request: &Request) -> bool {
        let router = Router::try_from(gateway.route_match.clone());
        router.is_ok_and(|router| {
            matches!(listener::meet(gateway, &router, request), Met::Listener(_))
        })
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        self.envoy.advance(by);
    }

    /// Sends a request so many times, at least once, and explains the last of its answers.
    ///
    /// # Errors
    /// A request that gets no answer though a listener takes it.
    pub fn explain(&mut self, request: &Request, times: u32) -> Result<Explanation, HostError> {
        let met = listener::meet(self.gateway, &self.router, request);
        let mut explanation = Explanation {
            gateway: format!("{}/{}", self.gateway.namespace, self.gateway.name),
            request: self.request_facts(request, times),
            listener: listener::facts(self.gateway, &met, request, self.sources),
            ..Explanation::default()
        };
        if met == Met::Nobody {
            explanation.answers = vec![AnswerFacts::default()];
            return Ok(explanation);
        }
        let mut last = Answer::default();
        for _ in 0..times.max(1) {
            lock(&self.calls).clear();
            last = self.send(request)?;
            explanation.answers.push(answer_facts(&last));
        }
        if let Met::Listener(listener) = &met {
            let trip = Trip {
                request,
                answer: &last,
                listener,
            };
            self.trace(&trip, &mut explanation);
        }
        Ok(explanation)
    }

    fn send(&mut self, request: &Request) -> Result<Answer, HostError> {
        let worker = self.turn % self.options.workers;
        self.turn = self.turn.wrapping_add(1);
        let answer = self.envoy.send(worker, &request.exchange);
        answer.map_err(|error| HostError::new(&error))
    }

    fn request_facts(&self, request: &Request, times: u32) -> RequestFacts {
        let exchange = &request.exchange;
        let at = self.envoy.process().clock().now();
        let at = jiff::Timestamp::UNIX_EPOCH.checked_add(at);
        RequestFacts {
            method: exchange.method.clone(),
            scheme: if request.tls { "https" } else { "http" }.into(),
            authority: exchange.authority.clone(),
            path: text_of(&exchange.path),
            port: exchange.port,
            headers: exchange.headers.iter().map(header).collect(),
            client: exchange.client.unwrap_or(LOOPBACK).to_string(),
            at: at.map(|time| time.to_string()).unwrap_or_default(),
            seed: self.options.seed,
            times,
        }
    }
}

impl std::fmt::Debug for Explainer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explainer")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// TLS is terminated before anything that is explained, so its listeners are served in cleartext here,
/// but know that they are of TLS.
fn proxy(
    manifests: &Manifests,
    gateway: &GatewayBundle,
    modules: &Modules,
) -> Result<Proxy, ProxyError> {
    let mut proxy = proxy::proxy(manifests, gateway, modules, &Services::new())?;
    let mut listeners: Vec<Listener> = Vec::new();
    for mut listener in proxy.listeners {
        // The server name is taken to be the host, so nothing is misdirected.
        listener
            .virtual_hosts
            .retain(|host| !host.name.ends_with("/misdirected"));
        match listeners.iter_mut().find(|one| one.port == listener.port) {
            Some(one) => one.virtual_hosts.append(&mut listener.virtual_hosts),
            None => listeners.push(listener),
        }
    }
    proxy.listeners = listeners;
    Ok(proxy)
}

fn answer_facts(answer: &Answer) -> AnswerFacts {
    let chosen = backend_of(answer);
    let grpc_status = |headers: &Headers| {
        let found = headers.iter().find(|(name, _)| name == b"grpc-status");
        found.map(|(_, value)| text_of(value))
    };
    let responses = answer
        .passages
        .iter()
        .filter(|one| one.of == Direction::Response);
    let changed: Vec<Change> = responses
        .flat_map(|one| filters::changes(&one.before, &one.after))
        .collect();
    let is_told = |name: &str| chosen.is_none() || changed.iter().any(|one| one.name == name);
    let headers = answer.headers.iter().map(header);
    AnswerFacts {
        status: Some(answer.status),
        grpc_status: grpc_status(&answer.trailers).or_else(|| grpc_status(&answer.headers)),
        headers: headers.filter(|one| is_told(&one.name)).collect(),
        body: match chosen {
            Some(_) => String::new(),
            None => text_of(&answer.body),
        },
        backend: chosen,
    }
}

fn header((name, value): &(Vec<u8>, Vec<u8>)) -> Header {
    Header {
        name: text_of(name),
        value: text_of(value),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
