//! `gwf explain`: why a Gateway answers a request as it does.

mod backend;
mod canary;
mod condition;
mod criterion;
mod explainer;
mod facts;
mod filters;
mod limits;
mod listener;
mod matches;
mod places;
mod request;
mod text;

pub use self::explainer::{ExplainOptions, Explainer};
pub use self::facts::*;
pub use self::request::{InvalidRequest, Request};

use std::io::Write;
use std::net::IpAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gateway_bundle::{Bundle, GatewayBundle, GatewayName, Manifests, bundle};
use gateway_harness::manifest_files;
use gateway_harness::proxy::Modules;
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime};
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, miette};
use serde::Serialize;

use crate::modules::ModuleSources;

const EXAMPLES: &str = "\
Examples:
  gwf explain shop.yaml --request 'GET https://app.example.com/api/v2?x=1' -H 'x-user-tier: premium'
  gwf explain manifests/ --request http://app.example.com/ -H 'x-api-key: ann' --requests 12
  gwf explain manifests/ --request http://shop.example.com/ --at 2026-01-31T12:00:00Z --format json
  gwf explain shop.yaml --request http://app.example.com/shop.Orders/Get -H 'content-type: application/grpc'

The compiled filters answer in the embedded host: no Envoy and no backend is needed, backends are
echoes, and a rate limit service is taken to have room.

Exit status: 0 explained, whatever the answer; 2 wrong usage, or manifests that cannot be used.";

/// Tell why a request is answered as it is: which listener, rule, limit and backend, and why.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainCommand {
    /// Manifests, or folders: every .yaml and .yml file below.
    #[arg(required = true, value_name = "MANIFESTS")]
    paths: Vec<PathBuf>,
    /// The request: a URL, or a method and a URL.
    #[arg(long, value_name = "[METHOD] URL")]
    request: String,
    /// Its method, before that of the request.
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<String>,
    /// A header, repeated. `host` goes before the URL's; a content type of gRPC makes a gRPC call.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Address of the TCP peer; loopback if not given.
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// The Gateway, which serves Ingress objects, too; if not given each that has a listener for the request.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<GatewayName>,
    /// The time, for ramps; now if not given.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// How often the request is sent, all at that time: to see limits count.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    requests: u32,
    /// Seed of everything that is random.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How to print the explanation.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    modules: ModuleSources,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Document<'a> {
    /// One for each Gateway.
    explanations: &'a [Explanation],
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

impl ExplainCommand {
    /// Always true: whatever the answer, it is explained.
    pub(super) fn run(&self) -> Result<bool> {
        let method = self.method.as_deref();
        let request = Request::parse(&self.request, method, &self.headers, self.client);
        let request = request.into_diagnostic()?;
        let (manifests, remarks) = manifest_files::read(&self.paths, self.gateway.as_ref())?;
        anstream::eprint!("{remarks}");
        let bundle = bundle(&manifests);
        let gateways = self.gateways(&bundle, &request)?;
        let runtime = Runtime::new(EnvoyVersion::default(), Deadline::default());
        let runtime = runtime.map_err(|error| miette!("wasmtime cannot be set up: {error:#}"))?;
        let modules = self.modules.read().into_diagnostic()?;
        let made = (&manifests, &bundle);
        let mut explanations = Vec::new();
        for gateway in gateways {
            explanations.push(self.explain(&runtime, &modules, made, gateway, &request)?);
        }
        self.print(&explanations).into_diagnostic()?;
        Ok(true)
    }

    /// The Gateway that is named, else those that take the request, else all: to say why they don't.
    fn gateways<'b>(
        &self,
        bundle: &'b Bundle,
        request: &Request,
    ) -> Result<Vec<&'b GatewayBundle>> {
        let served = bundle.gateways.iter();
        let served = served.filter(|gateway| !gateway.listeners.is_empty());
        let name = |gateway: &GatewayBundle| format!("{}/{}", gateway.namespace, gateway.name);
        let is_named = |gateway: &&GatewayBundle| {
            let wanted = self.gateway.as_ref();
            wanted.is_none_or(|wanted| {
                wanted.namespace == gateway.namespace && wanted.name == gateway.name
            })
        };
        let named: Vec<&GatewayBundle> = served.clone().filter(is_named).collect();
        if named.is_empty() {
            let there: Vec<String> = served.map(name).collect();
            let there = match there.is_empty() {
                true => "none".to_owned(),
                false => there.join(", "),
            };
            return Err(match &self.gateway {
                Some(wanted) => miette!(
                    "there is no Gateway {wanted} with a listener for HTTP; there is {there}"
                ),
                None => miette!("the manifests have no Gateway with a listener for HTTP"),
            });
        }
        let takes = |gateway: &&GatewayBundle| Explainer::takes(gateway, request);
        let taking: Vec<&GatewayBundle> = named.iter().copied().filter(takes).collect();
        Ok(match taking.is_empty() {
            true => named,
            false => taking,
        })
    }

    fn explain(
        &self,
        runtime: &Runtime,
        modules: &Modules,
        made: (&Manifests, &Bundle),
        gateway: &GatewayBundle,
        request: &Request,
    ) -> Result<Explanation> {
        let at = self.at.map_or_else(now, Timestamp::as_duration);
        let at = Duration::try_from(at).map_err(|_| miette!("--at: the time is before 1970"))?;
        let options = ExplainOptions {
            at,
            seed: self.seed,
            workers: NonZero::<usize>::MIN,
        };
        let explainer = Explainer::new(runtime, modules, made, gateway, options);
        let explained = explainer.into_diagnostic()?.explain(request, self.requests);
        explained.into_diagnostic()
    }

    fn print(&self, explanations: &[Explanation]) -> std::io::Result<()> {
        let mut out = anstream::stdout().lock();
        match self.format {
            Format::Json => {
                serde_json::to_writer_pretty(&mut out, &Document { explanations })?;
                writeln!(out)?;
            }
            Format::Text => {
                for (index, explanation) in explanations.iter().enumerate() {
                    if index > 0 {
                        writeln!(out)?;
                    }
                    text::write(explanation, &mut out)?;
                }
            }
        }
        out.flush()
    }
}

/// In whole seconds: what is printed says the same when it is asked for again.
fn now() -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(Timestamp::now().as_second())
}
