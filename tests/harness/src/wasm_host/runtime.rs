//! The Wasm engine, what Envoy registers in it, and the modules compiled so far.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::{Config, Engine, InstancePre, UnknownImportError};

use super::code::WasmCode;
use super::error::{LoadError, LoadProblem};
use super::exports;
use super::imports::Imports;
use super::state::State;
use super::version::{AbiVersion, EnvoyVersion};

/// What stops a callback that does not end. V8 has no such limit; a test must.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// Executed Wasm instructions are counted, exactly, and a callback has this many.
    Fuel(u64),
    /// Nothing is counted, and a callback has this much real time.
    Time(Duration),
}

impl Default for Deadline {
    /// Four thousand million instructions: seconds, where a callback should take microseconds.
    fn default() -> Self {
        Self::Fuel(4_000_000_000)
    }
}

/// How often a real-time deadline is looked at.
const EPOCH: Duration = Duration::from_millis(10);

/// Compiles modules for one Envoy version and keeps them, so that all workers and all later
/// proxies share them.
pub struct Runtime {
    pub(super) engine: Engine,
    envoy: EnvoyVersion,
    pub(super) deadline: Deadline,
    pub(super) imports: Vec<(AbiVersion, Imports)>,
    /// By the SHA-256 of what they were compiled from.
    modules: Mutex<HashMap<String, Arc<Module>>>,
}

/// A module that has passed all checks that need no instance.
pub struct Module {
    pub(crate) name: String,
    pub(crate) abi: AbiVersion,
    pub(crate) envoy: EnvoyVersion,
    pub(crate) deadline: Deadline,
    pub(crate) instance: InstancePre<State>,
    pub(crate) hostcalls: Vec<&'static str>,
    pub(super) size: usize,
}

impl Module {
    /// The ABI version that it declares.
    pub fn abi(&self) -> AbiVersion {
        self.abi
    }

    /// Size of the binary, in bytes.
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Runtime {
    /// An engine that imitates that Envoy.
    ///
    /// # Errors
    ///
    /// When wasmtime cannot be set up on this machine.
    pub fn new(envoy: EnvoyVersion, deadline: Deadline) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        match deadline {
            Deadline::Fuel(_) => config.consume_fuel(true),
            Deadline::Time(_) => config.epoch_interruption(true),
        };
        let engine = Engine::new(&config)?;
        if matches!(deadline, Deadline::Time(_)) {
            count_epochs(&engine);
        }
        let imports = AbiVersion::ALL
            .into_iter()
            .map(|abi| Ok((abi, Imports::new(&engine, envoy, abi)?)))
            .collect::<wasmtime::Result<_>>()?;
        Ok(Self {
            engine,
            envoy,
            deadline,
            imports,
            modules: Mutex::default(),
        })
    }

    /// The Envoy that is imitated.
    pub fn envoy(&self) -> EnvoyVersion {
        self.envoy
    }

    /// That module, compiled once.
    ///
    /// # Errors
    ///
    /// When Envoy would refuse the module.
    pub fn load(&self, code: &WasmCode) -> Result<Arc<Module>, LoadError> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(code.sha256()) {
            return Ok(Arc::clone(module));
        }
        let checked = self.check(code.name(), code.bytes());
        let module = Arc::new(checked.map_err(|problem| LoadError {
            module: code.name().to_owned(),
            problem,
        })?);
        modules.insert(code.sha256().to_owned(), Arc::clone(&module));
        Ok(module)
    }

    fn check(&self, name: &str, bytes: &[u8]) -> Result<Module, LoadProblem> {
        if !bytes.starts_with(b"\0asm") {
            let reason = "it does not start with \\0asm, so it is no Wasm binary";
            return Err(LoadProblem::Corrupted(reason.to_owned()));
        }
        let corrupted = |error: wasmtime::Error| LoadProblem::Corrupted(format!("{error:#}"));
        let wasm = wasmtime::Module::from_binary(&self.engine, bytes).map_err(corrupted)?;
        let abi = exports::abi_version(&wasm).ok_or(LoadProblem::UnknownAbi)?;
        let offered = self.imports.iter().find(|(version, _)| *version == abi);
        let (_, imports) = offered.ok_or(LoadProblem::UnknownAbi)?;
        let instance = imports
            .linker
            .instantiate_pre(&wasm)
            .map_err(|error| self.import_problem(&error))?;
        exports::check(&wasm, abi)?;
        Ok(Module {
            name: name.to_owned(),
            abi,
            envoy: self.envoy,
            deadline: self.deadline,
            instance,
            hostcalls: imports.names.clone(),
            size: bytes.len(),
        })
    }

    pub(super) fn import_problem(&self, error: &wasmtime::Error) -> LoadProblem {
        match error.downcast_ref::<UnknownImportError>() {
            Some(unknown) => LoadProblem::UnknownImport {
                module: unknown.module().to_owned(),
                name: unknown.name().to_owned(),
                envoy: self.envoy,
            },
            None => LoadProblem::ImportType(format!("{error:#}")),
        }
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("envoy", &self.envoy)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Module")
            .field("name", &self.name)
            .field("abi", &self.abi)
            .finish_non_exhaustive()
    }
}

/// Real time passes on a thread that ends with the engine.
fn count_epochs(engine: &Engine) {
    let engine = engine.weak();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(EPOCH);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
        }
    });
}

impl Deadline {
    /// How many epochs a real-time deadline is.
    pub(crate) fn epochs(limit: Duration) -> u64 {
        u64::try_from(limit.as_nanos() / EPOCH.as_nanos()).unwrap_or(u64::MAX / 2) + 1
    }
}
