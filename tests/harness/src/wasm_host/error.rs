//! Why a module is refused, and why a VM has failed.

use std::fmt;

use super::plugin::LogLine;
use super::version::{AbiVersion, EnvoyVersion};

/// A module that Envoy would not load, or whose plugin would not start.
#[derive(Debug, thiserror::Error)]
#[error("{module}: {problem}")]
pub struct LoadError {
    /// The module, as it was named to [`Runtime`](super::Runtime).
    pub module: String,
    /// What is wrong with it.
    #[source]
    pub problem: LoadProblem,
}

/// What is wrong with a module. Envoy refuses each of these, with `failOpen` too.
#[derive(Debug, thiserror::Error)]
pub enum LoadProblem {
    /// Not WebAssembly, or cut short.
    #[error("Failed to parse corrupted Wasm module: {0}")]
    Corrupted(String),
    /// No export declares an ABI version that is known.
    #[error(
        "Missing or unknown Proxy-Wasm ABI version: it must export one of {}",
        AbiVersion::ALL.map(AbiVersion::export).join(", ")
    )]
    UnknownAbi,
    /// An import that this Envoy does not offer to this ABI version.
    #[error("Envoy {envoy} does not offer the import {module}.{name}")]
    UnknownImport {
        /// Module of the import.
        module: String,
        /// Name of the import.
        name: String,
        /// The Envoy that is imitated.
        envoy: EnvoyVersion,
    },
    /// An import with another type than Envoy gives it.
    #[error("Bad import signature: {0}")]
    ImportType(String),
    /// A callback with another type than Envoy calls it with.
    #[error("Bad function signature for {name}: expected {expected}, found {found}")]
    ExportType {
        /// Name of the export.
        name: String,
        /// The type that Envoy wants.
        expected: String,
        /// The type that it has.
        found: String,
    },
    /// Neither `malloc` nor `proxy_on_memory_allocate` is exported.
    #[error("Wasm module is missing malloc function (nor has it proxy_on_memory_allocate)")]
    NoAllocator,
    /// A program without a `main`.
    #[error("it does not export _start, so it is no program")]
    NoStart,
    /// It trapped before it was ready.
    #[error("{failure}{}", last_words(.log))]
    Trapped {
        /// Where and why.
        failure: Failure,
        /// What the guest logged until then.
        log: Vec<LogLine>,
    },
    /// `proxy_on_vm_start` or `proxy_on_configure` answered false.
    #[error("{callback} refused{}", last_words(.log))]
    Refused {
        /// The callback that did.
        callback: &'static str,
        /// What the guest logged until then.
        log: Vec<LogLine>,
    },
}

impl LoadProblem {
    /// Whether the guest ran, and trapped.
    pub fn is_trap(&self) -> bool {
        matches!(self, Self::Trapped { .. })
    }
}

/// A VM that trapped. It stays dead on its worker, as in Envoy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The callback that ran.
    pub callback: &'static str,
    /// The trap, or that it ran too long.
    pub reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.callback, self.reason)
    }
}

/// The callback was not run to its end: the VM has failed, now or before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// A guest says why it gives up in its last lines.
fn last_words(log: &[LogLine]) -> String {
    let last = log.iter().rev().take(3).rev();
    last.map(|line| format!("\n  {line}")).collect()
}
