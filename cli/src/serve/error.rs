//! Why a configuration is rejected, and why serving ends.

use std::io;
use std::process::ExitStatus;

use gateway_bundle::GatewayName;
use miette::Diagnostic;
use thiserror::Error;

use crate::manifests::ManifestError;
use crate::modules::UnreadableModule;
use gateway_harness::envoy::EnvoyError;
use gateway_harness::proxy::{InvalidNames, ProxyError};

/// Why manifests or modules are not put in force.
#[derive(Debug, Error, Diagnostic)]
pub enum Rejection {
    /// The manifests cannot be read or have mistakes.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifests(#[from] ManifestError),
    /// A module's file cannot be read.
    #[error(transparent)]
    UnreadableModule(#[from] UnreadableModule),
    /// A module cannot be written where Envoy reads it.
    #[error("cannot write a module for Envoy: {0}")]
    Module(io::Error),
    /// There is no Gateway, or not the one that was asked for.
    #[error("there is no Gateway {}in these manifests{}", named(wanted.as_ref()), those(there))]
    NoGateway {
        /// The one that was asked for.
        wanted: Option<GatewayName>,
        /// Those that there are.
        there: Vec<String>,
    },
    /// Nothing would listen.
    #[error("no Gateway of these manifests has a listener for HTTP that is accepted{}", entries(.0))]
    NoListener(Vec<String>),
    /// `--port` names a port that no Gateway has.
    #[error(
        "--port {port}: no Gateway has a listener on port {port}; there are {}",
        list(there)
    )]
    Port {
        /// As it was given.
        port: u16,
        /// Those that can be named.
        there: Vec<String>,
    },
    /// `--backend` names a Service that is not there, or several.
    #[error("--backend {name}: {problem}; the Services are {}", list(there))]
    Backend {
        /// As it was given.
        name: String,
        /// What is wrong.
        problem: &'static str,
        /// Those that can be named.
        there: Vec<String>,
    },
    /// An echo backend cannot be started.
    #[error("cannot start a backend: {0}")]
    Echo(io::Error),
    /// Somebody else listens where a listener should.
    #[error(
        "port {port} of Gateway {gateway} would listen on 127.0.0.1:{local}, where another program \
         does ({source}); choose another port with `--port {port}=PORT`, or let the kernel choose one with \
         `--port {port}=0`"
    )]
    PortTaken {
        /// Whose listener.
        gateway: String,
        /// Its port.
        port: u16,
        /// Where it would listen.
        local: u16,
        /// What the operating system says.
        source: io::Error,
    },
    /// A certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] InvalidNames),
    /// A Gateway cannot be served.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Envoy does not take the configuration or a module.
    #[error("Envoy rejects it:\n{0}")]
    Envoy(String),
}

/// Why serving did not begin, or ended by itself.
#[derive(Debug, Error, Diagnostic)]
pub enum ServeError {
    /// The first configuration is rejected, and there is none to fall back to.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rejected(#[from] Rejection),
    /// Envoy cannot be run or talked to.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// Envoy ended.
    #[error("envoy ended ({status}); its last words:\n{log}")]
    Died {
        /// How.
        status: ExitStatus,
        /// What it said last.
        log: String,
    },
    /// The files cannot be watched.
    #[error("cannot watch the manifests and modules: {0}")]
    Watch(#[from] notify::Error),
    /// The operating system refused something else.
    #[error("{what}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// Why it could not be.
        source: io::Error,
    },
}

impl ServeError {
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

impl Rejection {
    /// What Envoy's log says, in which it escapes quotes and backslashes.
    pub(super) fn envoy(log: &str) -> Self {
        let unescaped = [("\\'", "'"), ("\\\"", "\""), ("\\\\", "\\")];
        let log = unescaped
            .iter()
            .fold(log.to_owned(), |log, (escaped, plain)| {
                log.replace(escaped, plain)
            });
        Self::Envoy(log)
    }
}

fn named(wanted: Option<&GatewayName>) -> String {
    wanted.map_or_else(String::new, |name| format!("{name} "))
}

fn those(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("; there is {}", names.join(", ")),
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

fn entries(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}
