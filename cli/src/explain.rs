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
mod request;
mod source_location;
mod text;

pub use self::explainer::{ExplainOptions, Explainer};
pub use self::facts::*;
pub use self::request::{InvalidRequest, Request};

use std::net::IpAddr;
use std::num::NonZero;
use std::time::Duration;

use clap::Args;
use gateway_bundle::{Bundle, GatewayBundle, GatewayName, Manifests, bundle};
use gateway_harness::proxy::Modules;
use gateway_harness::wasm_host::{Deadline, EnvoyVersion, Runtime};
use jiff::Timestamp;
use miette::{IntoDiagnostic, Result, miette};
use schemars::JsonSchema;
use serde::Serialize;

use crate::ErrorForm;
use crate::manifests::ManifestArgs;
use crate::modules::ModuleSources;
use crate::output::{self, Format};

const EXAMPLES: &str = "\
Examples:
  gwf explain -f shop.yaml --request 'GET https://app.example.com/api/v2?x=1' -H 'x-user-tier: premium'
  gwf explain -f manifests/ --request http://app.example.com/ -H 'x-api-key: ann' --requests 12
  gwf explain -f manifests/ --request http://shop.example.com/ --at 2026-01-31T12:00:00Z -o json
  gwf explain -f shop.yaml --request http://app.example.com/shop.Orders/Get -H 'content-type: application/grpc'
  kubectl get gateway,httproute,service -A -o yaml | gwf explain -f - --request http://app.example.com/

The compiled filters answer in an embedded host: you need no Envoy and no backend. Backends echo the
request, and the rate limit service always has room.

Exit status: 0 explained, whatever the answer; 2 wrong usage, or manifests that cannot be used.";

/// Explain why a request is answered as it is: which listener, rule, limit and backend, and why.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExplainCommand {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// The request: a URL, or a method and a URL.
    #[arg(long, value_name = "[METHOD] URL")]
    request: String,
    /// The method of the request; takes precedence over the method in --request.
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<String>,
    /// A header of the request. `host` takes precedence over the URL; a gRPC content type makes a gRPC
    /// call. Repeat it for several.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The address of the TCP peer. Loopback by default.
    #[arg(long, value_name = "IP")]
    client: Option<IpAddr>,
    /// Explain for this Gateway, which also serves Ingress objects. By default, for each Gateway that has
    /// a listener for the request.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<GatewayName>,
    /// The time of the request, which ramps depend on. Now by default.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// Send the request this often, all at that time, to see limits count.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=100_000)
    )]
    requests: u32,
    /// The seed of every random choice.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How to print the explanation.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    output: Format,
    #[command(flatten)]
    modules: ModuleSources,
}

/// What `gwf explain -o json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExplainDocument {
    /// One for each Gateway.
    explanations: Vec<Explanation>,
}

impl ExplainCommand {
    pub(super) fn error_form(&self) -> ErrorForm {
        match self.output {
            Format::Text => ErrorForm::None,
            Format::Json => ErrorForm::Json,
        }
    }

    /// Always true: whatever the answer, it is explained.
    pub(super) fn run(&self) -> Result<bool> {
        let method = self.method.as_deref();
        let request = Request::parse(&self.request, method, &self.headers, self.client);
        let request = request.into_diagnostic()?;
        let (manifests, migrated) = self.manifests.read(self.gateway.as_ref())?;
        migrated.entries.iter().for_each(output::error_line);
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
        self.print(explanations)?;
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

    fn print(&self, explanations: Vec<Explanation>) -> Result<()> {
        if self.output == Format::Json {
            return output::print_json(&ExplainDocument { explanations });
        }
        output::print(|out| {
            for (index, explanation) in explanations.iter().enumerate() {
                if index > 0 {
                    writeln!(out)?;
                }
                text::write(explanation, out)?;
            }
            Ok(())
        })
    }
}

/// In whole seconds: what is printed says the same when it is asked for again.
fn now() -> jiff::SignedDuration {
    jiff::SignedDuration::from_secs(Timestamp::now().as_second())
}
