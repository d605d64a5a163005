//! One VM of one worker: instantiation, root contexts, and the way into the guest.
//!
//! The life of a VM is Envoy's (`WasmBase::initialize`, `start`, `configure`): `_initialize` or
//! `_start`, then for each plugin a root context with `on_vm_start` and `on_configure`. A trap
//! anywhere makes it dead for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::{
    Store, StoreLimitsBuilder, Trap, TypedFunc, WasmBacktrace, WasmParams, WasmResults,
};

use super::error::{Failed, Failure, LoadError, LoadProblem};
use super::exports::{Exports, find};
use super::plugin::{LogLevel, LogLine, Plugin};
use super::process::Process;
use super::runtime::{Deadline, Module};
use super::state::{Access, CallData, Context, Restriction, State};

/// `PROXY_WASM_HOST_MAX_WASM_MEMORY_SIZE_BYTES`.
const MEMORY_MAX: usize = 1 << 30;

/// Distinguishes the VMs of a process, for the queues.
static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

/// A module at work on one worker. Everything it has done is in its store.
pub struct Vm {
    pub(crate) store: Store<State>,
    pub(crate) exports: Arc<Exports>,
    failure: Option<Failure>,
    deadline: Deadline,
    fuel: u64,
    hostcalls: Arc<Module>,
    next_context: u32,
    root: u32,
}

/// How a VM starts besides its plugin.
#[derive(Debug, Clone, Copy, Default)]
pub struct VmOptions {
    /// Seed of what `random_get` gives.
    pub seed: u64,
    /// Lines below this level are not kept.
    pub log_level: LogLevel,
}

impl Vm {
    /// Starts a VM and configures the plugin in it.
    ///
    /// # Errors
    ///
    /// When it traps on the way, or `on_vm_start` or `on_configure` answers false.
    pub fn start(
        module: &Arc<Module>,
        process: &Arc<Process>,
        plugin: Arc<Plugin>,
        options: VmOptions,
    ) -> Result<Self, LoadError> {
        let refused = |problem| LoadError {
            module: module.name.clone(),
            problem,
        };
        let mut vm =
            Self::instantiate(module, process, Arc::clone(&plugin), options).map_err(refused)?;
        vm.initialize().map_err(refused)?;
        vm.configure(plugin)?;
        Ok(vm)
    }

    /// A further root context in the running VM, as an update of the plugin configuration makes
    /// one; new streams belong to it. If it is refused, the one before stays in force.
    ///
    /// # Errors
    ///
    /// When the VM traps, or `on_vm_start` or `on_configure` answers false.
    pub fn configure(&mut self, plugin: Arc<Plugin>) -> Result<(), LoadError> {
        let root = self.add_context(0, Arc::clone(&plugin));
        let configured = self.run_configuration(root, &plugin);
        match configured {
            Ok(()) => {
                self.root = root;
                Ok(())
            }
            Err(problem) => {
                self.remove_context(root);
                Err(LoadError {
                    module: self.hostcalls.name.clone(),
                    problem,
                })
            }
        }
    }

    /// Why the VM is dead, if it is.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// Size of linear memory in bytes, and 0 for a module without one.
    pub fn memory_size(&self) -> usize {
        let memory = self.store.data().memory;
        memory.map_or(0, |memory| memory.data_size(&self.store))
    }

    /// Instructions executed since the last call of this; 0 unless they are counted.
    pub fn take_fuel(&mut self) -> u64 {
        std::mem::take(&mut self.fuel)
    }

    /// Hostcalls made since the last call of this, by name, in no order that matters.
    pub fn take_hostcalls(&mut self) -> Vec<(&'static str, u32)> {
        let counts = &mut self.store.data_mut().calls;
        let names = self.hostcalls.hostcalls.iter().copied();
        let taken = names.zip(counts.iter_mut().map(std::mem::take));
        taken.filter(|(_, count)| *count > 0).collect()
    }

    /// Lines logged since the last call of this.
    pub fn take_log(&mut self) -> Vec<LogLine> {
        std::mem::take(&mut self.store.data_mut().log)
    }

    /// The root context of the configuration in force.
    pub(crate) fn root(&self) -> u32 {
        self.root
    }

    pub(super) fn instantiate(
        module: &Arc<Module>,
        process: &Arc<Process>,
        plugin: Arc<Plugin>,
        options: VmOptions,
    ) -> Result<Self, LoadProblem> {
        let state = new_state(module, process, plugin, options);
        let mut store = Store::new(module.instance.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        arm(&mut store, module.deadline);
        let instance = match module.instance.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => {
                let failure = Failure {
                    callback: "the start section",
                    reason: describe(&error, module.deadline),
                };
                let log = std::mem::take(&mut store.data_mut().log);
                return Err(LoadProblem::Trapped { failure, log });
            }
        };
        let exports = Arc::new(Exports::new(&instance, &mut store));
        let malloc: Option<TypedFunc<u32, u32>> = find(&instance, &mut store, "malloc");
        let allocate = find(&instance, &mut store, "proxy_on_memory_allocate");
        let memory = instance.get_memory(&mut store, "memory");
        let state = store.data_mut();
        state.allocate = malloc.or(allocate).map(Arc::new);
        state.memory = memory;
        state.on_grpc_close = exports.on_grpc_close.clone();
        Ok(Self {
            store,
            exports,
            failure: None,
            deadline: module.deadline,
            fuel: 0,
            hostcalls: Arc::clone(module),
            next_context: 1,
            root: 0,
        })
    }

    /// `WasmBase::startVm`: a reactor's `_initialize` and its `main`, or a command's `_start`.
    fn initialize(&mut self) -> Result<(), LoadProblem> {
        self.store.data_mut().restriction = Restriction::Start;
        let started = self.run_start();
        self.store.data_mut().restriction = Restriction::None;
        started.map_err(|Failed| self.trapped())
    }

    fn run_start(&mut self) -> Result<(), Failed> {
        let exports = Arc::clone(&self.exports);
        let Some(initialize) = exports.initialize.as_ref() else {
            let start = exports.start.as_ref();
            return self.call("_start", start, 0, ()).map(|_| ());
        };
        self.call("_initialize", Some(initialize), 0, ())?;
        if let Some(main) = exports.main.as_ref() {
            self.call("main", Some(main), 0, (0, 0))?;
        } else {
            self.call("__main_void", exports.main_void.as_ref(), 0, ())?;
        }
        Ok(())
    }

    fn run_configuration(&mut self, root: u32, plugin: &Plugin) -> Result<(), LoadProblem> {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let exports = Arc::clone(&self.exports);
        let create = exports.on_context_create.as_ref();
        let start = exports.on_vm_start.as_ref();
        let configure = exports.on_configure.as_ref();
        let vm_size = size(&self.store.data().plugin.vm_configuration);
        self.call("proxy_on_context_create", create, root, (root, 0))
            .map_err(|Failed| self.trapped())?;
        let callback = "proxy_on_vm_start";
        let started = self.call(callback, start, root, (root, vm_size));
        self.accepted(callback, started)?;
        self.store.data_mut().configuring = true;
        let callback = "proxy_on_configure";
        let parameters = (root, size(&plugin.configuration));
        let configured = self.call(callback, configure, root, parameters);
        self.store.data_mut().configuring = false;
        self.accepted(callback, configured)
    }

    fn accepted(
        &mut self,
        callback: &'static str,
        answer: Result<Option<u32>, Failed>,
    ) -> Result<(), LoadProblem> {
        match answer {
            Err(Failed) => Err(self.trapped()),
            Ok(Some(0)) => Err(LoadProblem::Refused {
                callback,
                log: self.take_log(),
            }),
            Ok(_) => Ok(()),
        }
    }

    pub(super) fn trapped(&mut self) -> LoadProblem {
        let unknown = || Failure {
            callback: "the VM",
            reason: String::new(),
        };
        LoadProblem::Trapped {
            failure: self.failure.clone().unwrap_or_else(unknown),
            log: self.take_log(),
        }
    }

    pub(crate) fn add_context(&mut self, root: u32, plugin: Arc<Plugin>) -> u32 {
        let id = self.next_context;
        self.next_context = self.next_context.wrapping_add(1).max(1);
        self.store.data_mut().contexts.push(Context {
            id,
            root,
            plugin,
            access: Access::default(),
            tick: None,
            declared: Vec::new(),
        });
        id
    }

    pub(crate) fn remove_context(&mut self, id: u32) {
        self.store.data_mut().contexts.retain(|c| c.id != id);
    }

    /// Calls into the guest, if it has that callback. A trap is kept as the VM's failure.
    pub(crate) fn call<P: WasmParams, R: WasmResults>(
        &mut self,
        callback: &'static str,
        function: Option<&TypedFunc<P, R>>,
        context: u32,
        parameters: P,
    ) -> Result<Option<R>, Failed> {
        if self.failure.is_some() {
            return Err(Failed);
        }
        let state = self.store.data_mut();
        state.current = context;
        state.effective = 0;
        state.stop_iteration = false;
        let Some(function) = function else {
            return Ok(None);
        };
        let given = arm(&mut self.store, self.deadline);
        let answer = function.call(&mut self.store, parameters);
        let left = self.store.get_fuel().unwrap_or_default();
        self.fuel += given.saturating_sub(left);
        answer.map(Some).map_err(|error| {
            self.store.data_mut().deferred.clear();
            self.failure = Some(Failure {
                callback,
                reason: describe(&error, self.deadline),
            });
            Failed
        })
    }
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vm")
            .field("module", &self.hostcalls.name)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

fn new_state(
    module: &Module,
    process: &Arc<Process>,
    plugin: Arc<Plugin>,
    options: VmOptions,
) -> State {
    State {
        envoy: module.envoy,
        abi: module.abi,
        process: Arc::clone(process),
        number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
        plugin,
        limits: StoreLimitsBuilder::new().memory_size(MEMORY_MAX).build(),
        random: fastrand::Rng::with_seed(options.seed),
        memory: None,
        allocate: None,
        on_grpc_close: None,
        restriction: Restriction::None,
        contexts: Vec::new(),
        current: 0,
        effective: 0,
        configuring: false,
        stream: Box::default(),
        stop_iteration: false,
        deferred: Vec::new(),
        callouts: Vec::new(),
        last_http_token: 0,
        last_grpc_token: 0,
        call: CallData::default(),
        status: (0, Vec::new()),
        pending_done: Vec::new(),
        done: Vec::new(),
        metrics: Default::default(),
        log_level: options.log_level,
        log: Vec::new(),
        calls: vec![0; module.hostcalls.len()],
    }
}

/// Gives the next callback its deadline. Returns the fuel that it has.
fn arm(store: &mut Store<State>, deadline: Deadline) -> u64 {
    match deadline {
        Deadline::Fuel(instructions) => {
            // Cannot fail: the engine was set up to consume fuel.
            let armed = store.set_fuel(instructions);
            armed.map_or(0, |()| instructions)
        }
        Deadline::Time(limit) => {
            store.set_epoch_deadline(Deadline::epochs(limit));
            0
        }
    }
}

/// A trap in words: its cause, and the guest's functions on the way to it.
fn describe(error: &wasmtime::Error, deadline: Deadline) -> String {
    let cause = match (error.downcast_ref::<Trap>(), deadline) {
        (Some(Trap::OutOfFuel), Deadline::Fuel(instructions)) => {
            format!("it ran too long and was stopped after {instructions} instructions")
        }
        (Some(Trap::Interrupt), Deadline::Time(limit)) => {
            format!("it ran too long and was stopped after {limit:?}")
        }
        _ => error.root_cause().to_string(),
    };
    let frames = error.downcast_ref::<WasmBacktrace>();
    let names = frames.into_iter().flat_map(WasmBacktrace::frames);
    let names: Vec<_> = names.filter_map(|f| f.func_name()).take(3).collect();
    if names.is_empty() {
        return cause;
    }
    format!("{cause} (in {})", names.join(" < "))
}
