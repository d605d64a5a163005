//! Programs: modules with a `main`, such as a test binary, run to their end.
//!
//! Envoy runs no such thing. It is here so that tests of what makes hostcalls run against the very
//! host that filters run in: a program finds every hostcall open, a request whose headers can be
//! read and written, and, beyond the WASI of filters, its arguments, stdout, stderr and an exit.

use std::io::Write;
use std::sync::{Arc, OnceLock};

use wasmtime::{Caller, Linker};

use super::error::{Failed, LoadError, LoadProblem};
use super::header_map::HeaderMap;
use super::memory::{Guest, length, read, write, write_word};
use super::plugin::Plugin;
use super::process::Process;
use super::runtime::{Module, Runtime};
use super::state::State;
use super::status::Fault;
use super::stream::Stream;
use super::version::AbiVersion;
use super::vm::{Vm, VmOptions};

/// WASI's module and two of its error numbers.
const WASI: &str = "wasi_snapshot_preview1";
const BADF: u32 = 8;
const FAULT: u32 = 21;

/// What a program is started with.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// The first is the program's own name.
    pub arguments: Vec<String>,
    /// Environment that WASI shows.
    pub environment: Vec<(String, String)>,
    /// The request that header hostcalls act on.
    pub request_headers: HeaderMap,
}

impl Runtime {
    /// Runs a program to its end and returns its exit status. It speaks ABI 0.2.1 whatever it
    /// exports; to be given memory by hostcalls, it exports `proxy_on_memory_allocate`.
    ///
    /// # Errors
    ///
    /// When the module cannot be loaded or traps, as a panic does.
    pub fn run_command(
        &self,
        name: &str,
        bytes: &[u8],
        command: Command,
    ) -> Result<u32, LoadError> {
        self.run_program(name, bytes, command)
            .map_err(|problem| LoadError {
                module: name.to_owned(),
                problem,
            })
    }

    fn run_program(&self, name: &str, bytes: &[u8], command: Command) -> Result<u32, LoadProblem> {
        let exit = Arc::new(OnceLock::new());
        let module = self.program(name, bytes, command.arguments, Arc::clone(&exit))?;
        let plugin = Arc::new(Plugin {
            name: "command".to_owned(),
            environment: command.environment,
            ..Plugin::default()
        });
        let process = Arc::<Process>::default();
        let mut vm = Vm::instantiate(
            &Arc::new(module),
            &process,
            Arc::clone(&plugin),
            VmOptions::default(),
        )?;
        let root = vm.add_context(0, Arc::clone(&plugin));
        let context = vm.add_context(root, plugin);
        let state = vm.store.data_mut();
        *state.stream = Stream::new(command.request_headers);
        if let Some(context) = state.context_mut(context) {
            context.access.request_headers = true;
        }
        let start = vm.exports.start.clone().ok_or(LoadProblem::NoStart)?;
        let ended = vm.call("_start", Some(&start), context, ());
        match (exit.get(), ended) {
            (Some(status), _) => Ok(*status),
            (None, Ok(_)) => Ok(0),
            (None, Err(Failed)) => Err(vm.trapped()),
        }
    }

    fn program(
        &self,
        name: &str,
        bytes: &[u8],
        arguments: Vec<String>,
        exit: Arc<OnceLock<u32>>,
    ) -> Result<Module, LoadProblem> {
        let corrupted = |error: wasmtime::Error| LoadProblem::Corrupted(format!("{error:#}"));
        let wasm = wasmtime::Module::from_binary(&self.engine, bytes).map_err(corrupted)?;
        let offered = self.imports.iter();
        let mut offered = offered.filter(|(version, _)| *version == AbiVersion::V0_2_1);
        let (abi, imports) = offered.next().ok_or(LoadProblem::UnknownAbi)?;
        let mut linker = imports.linker.clone();
        let refused = |error: wasmtime::Error| self.import_problem(&error);
        open(&mut linker, arguments, exit).map_err(refused)?;
        Ok(Module {
            name: name.to_owned(),
            abi: *abi,
            envoy: self.envoy(),
            deadline: self.deadline,
            instance: linker.instantiate_pre(&wasm).map_err(refused)?,
            hostcalls: imports.names.clone(),
            size: bytes.len(),
        })
    }
}

/// Replaces what Envoy's WASI keeps from a filter.
fn open(
    linker: &mut Linker<State>,
    arguments: Vec<String>,
    exit: Arc<OnceLock<u32>>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let arguments: Arc<[String]> = arguments.into();
    let sized = Arc::clone(&arguments);
    linker.func_wrap(
        WASI,
        "args_sizes_get",
        move |mut guest: Guest<'_>, count_at: u32, size_at: u32| {
            errno(args_sizes_get(&mut guest, &sized, count_at, size_at))
        },
    )?;
    linker.func_wrap(
        WASI,
        "args_get",
        move |mut guest: Guest<'_>, pointers: u32, text: u32| {
            errno(args_get(&mut guest, &arguments, pointers, text))
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut guest: Guest<'_>, fd: u32, vectors: u32, count: u32, written_at: u32| {
            if fd != 1 && fd != 2 {
                return BADF;
            }
            errno(fd_write(&mut guest, fd, vectors, count, written_at))
        },
    )?;
    linker.func_wrap(
        WASI,
        "proc_exit",
        move |_: Caller<'_, State>, status: u32| -> wasmtime::Result<()> {
            let status = exit.get_or_init(|| status);
            Err(wasmtime::format_err!("exit status {status}"))
        },
    )?;
    Ok(())
}

/// What does not lie in the guest's memory is the only thing that goes wrong in these.
fn errno(done: Result<(), Fault>) -> u32 {
    done.map_or(FAULT, |()| 0)
}

fn args_sizes_get(
    guest: &mut Guest<'_>,
    arguments: &[String],
    count_at: u32,
    size_at: u32,
) -> Result<(), Fault> {
    let size = arguments.iter().map(|argument| argument.len() + 1).sum();
    write_word(guest, count_at, length(arguments.len())?)?;
    write_word(guest, size_at, length(size)?)
}

fn args_get(
    guest: &mut Guest<'_>,
    arguments: &[String],
    mut pointer_at: u32,
    mut text_at: u32,
) -> Result<(), Fault> {
    for argument in arguments {
        write_word(guest, pointer_at, text_at)?;
        write(guest, text_at, argument.as_bytes())?;
        let end = text_at.wrapping_add(length(argument.len())?);
        write(guest, end, b"\0")?;
        pointer_at = pointer_at.wrapping_add(4);
        text_at = end.wrapping_add(1);
    }
    Ok(())
}

fn fd_write(
    guest: &mut Guest<'_>,
    fd: u32,
    vectors: u32,
    count: u32,
    written_at: u32,
) -> Result<(), Fault> {
    let mut written = 0;
    let vectors = read(guest, vectors, count.saturating_mul(8))?;
    for vector in vectors.chunks_exact(8) {
        let word = |at| Some(u32::from_le_bytes(vector.get(at..at + 4)?.try_into().ok()?));
        let (address, size) = (word(0).unwrap_or_default(), word(4).unwrap_or_default());
        let text = read(guest, address, size)?;
        // A closed pipe is no reason to end: the exit status still counts.
        let _ = match fd {
            1 => std::io::stdout().write_all(&text),
            _ => std::io::stderr().write_all(&text),
        };
        written += size;
    }
    write_word(guest, written_at, written)
}
