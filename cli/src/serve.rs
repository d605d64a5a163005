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
use std::time::Duration;

use clap::{Args, ValueEnum};
use gateway_bundle::GatewayName;
use gateway_harness::envoy::{self, Binary, EnvoyError};
use gateway_harness::hosts::RATE_LIMIT_SERVICE;
use gateway_harness::proxy::Services;
use miette::{IntoDiagnostic, Report, Result, miette};

use self::backends::BackendAddress;
use self::error::ServeError;
pub(crate) use self::event::Event;
use self::options::ServeOptions;
use crate::ErrorForm;
use crate::manifests::ManifestArgs;
use crate::modules::ModuleSources;
use crate::output::{self, ErrorDocument, Remarks};

const EXAMPLES: &str = "\
Examples:
  gwf serve -f manifests/
  gwf serve -f shop.yaml --backend checkout=127.0.0.1:3000
  gwf serve -f shop.yaml --backend shop/cart:8080=localhost:5000 --port 80=8888 --access-log
  gwf serve -f manifests/ --gateway infra/public -o json
  gwf serve -f shop.yaml --module gateway=target/my-filter.wasm
  gwf serve -f shop.yaml --install-envoy

A port below 1024 moves up by 10000: port 80 becomes http://127.0.0.1:10080. A Service without an address
gets a backend that echoes the request. Global limits need a rate limit service; give its address with
--cluster. An edit of a manifest or module takes effect while gwf serves; a configuration that is rejected
changes nothing.

gwf looks for Envoy in GWF_ENVOY, then in GWF_DATA_DIR, where --install-envoy puts it, then on the PATH.

Exit status: 0 ended by Ctrl-C or SIGTERM, or by an event that nobody reads any more; 1 Envoy ended by itself; 2 wrong usage, or manifests, a module,
a port or an Envoy that cannot be used.";

/// Run manifests as a gateway on this machine: a real Envoy with the filters, on local ports.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ServeCommand {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// Serve only this Gateway. By default one Envoy serves all of them.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    gateway: Option<GatewayName>,
    /// Where a Service listens. NAME is SERVICE, NAMESPACE/SERVICE or NAMESPACE/SERVICE:PORT. Repeat it for
    /// several.
    #[arg(long, value_name = "NAME=HOST:PORT")]
    backend: Vec<BackendAddress>,
    /// The local port for a port of a Gateway; with 80=0 the kernel chooses one. Repeat it for several.
    #[arg(long, value_name = "PORT=LOCAL", value_parser = port)]
    port: Vec<(u16, u16)>,
    /// Where a service listens that filters call. Repeat it, or separate several by commas. By default the
    /// rate limit service is ratelimit=127.0.0.1:18081.
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
    /// Print a line for each request: rule, backend, limit and what is left of it, status, duration.
    #[arg(long)]
    access_log: bool,
    /// How long requests may go on that began before a reload; longer ones are cut off.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    drain: u64,
    /// How to print what happens.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    output: Format,
    /// Install an Envoy if this machine has none, without asking.
    #[arg(long)]
    install_envoy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// A JSON document on a line for each event (`gwf schema serve`).
    Json,
}

fn port(text: &str) -> Result<(u16, u16), String> {
    let (port, local) = text.split_once('=').ok_or("expected PORT=LOCAL")?;
    let number = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a port"));
    Ok((number(port)?, number(local)?))
}

impl ServeCommand {
    pub(super) fn error_form(&self) -> ErrorForm {
        match self.output {
            Format::Text => ErrorForm::None,
            Format::Json => ErrorForm::Event,
        }
    }

    /// Whether it was ended, and did not end by itself.
    pub(super) fn run(self, remarks: Remarks) -> Result<bool> {
        let binary = self.envoy(remarks)?;
        let format = self.output;
        let options = self.options()?;
        match server::run(&binary, options, move |event| print(format, remarks, event)) {
            Ok(()) => Ok(true),
            Err(error @ ServeError::Died { .. }) => {
                output::error_line(format_args!("{:?}", Report::new(error)));
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn options(self) -> Result<ServeOptions> {
        let (name, address) = RATE_LIMIT_SERVICE;
        let mut services: Services = [(name.to_owned(), address)].into();
        services.extend(self.cluster);
        Ok(ServeOptions {
            modules: self.modules,
            manifests: self.manifests.sources()?,
            gateway: self.gateway,
            backends: self.backend,
            ports: self.port.into_iter().collect(),
            services,
            access_log: self.access_log,
            drain: Duration::from_secs(self.drain),
        })
    }

    /// An Envoy, installed if that is wanted.
    fn envoy(&self, remarks: Remarks) -> Result<Binary> {
        let missing = match envoy::find() {
            Ok(binary) => return Ok(binary),
            Err(error) => error,
        };
        // An Envoy that was named is never replaced by one that could be installed.
        let none = matches!(missing, EnvoyError::NotFound);
        if none && (self.install_envoy || agrees()) {
            remarks.line(format_args!("installing Envoy {} …", envoy::VERSION));
            return envoy::install().into_diagnostic();
        }
        Err(miette!(help = envoy::how_to_get_one(), "{missing}"))
    }
}

/// Asks on a terminal; elsewhere the answer is no.
fn agrees() -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return false;
    }
    anstream::eprint!(
        "This machine has no Envoy. Install Envoy {} for gwf alone? [y/N] ",
        envoy::VERSION
    );
    let mut answer = String::new();
    stdin.read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// The event of a command that could not begin.
///
/// # Errors
/// Standard output cannot be written.
pub(crate) fn print_failed(document: ErrorDocument) -> Result<()> {
    let event = Event::Failed {
        errors: document.errors,
    };
    let line = serde_json::to_string(&event).into_diagnostic()?;
    output::print(|out| writeln!(out, "{line}"))
}

/// Prints an event, and says whether anybody may still read. A disk that is full is no reason to stop.
fn print(format: Format, remarks: Remarks, event: &Event) -> bool {
    let is_remark = matches!(event, Event::Ready(_) | Event::Reloaded { .. });
    if remarks.quiet && is_remark && format == Format::Text {
        return true;
    }
    let mut out = anstream::stdout().lock();
    let printed = match format {
        Format::Text => text::write(event, &mut out),
        Format::Json => match serde_json::to_string(event) {
            Ok(line) => writeln!(out, "{line}"),
            Err(error) => writeln!(out, "{error}"),
        },
    };
    let printed = printed.and_then(|()| out.flush());
    !printed.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
