//! What the store of one VM holds: nothing of a VM lives anywhere else.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Memory, StoreLimits, TypedFunc};

use super::callout::Callout;
use super::header_map::HeaderMap;
use super::plugin::{LogLevel, LogLine, Plugin};
use super::process::Process;
use super::stream::{LocalReply, Stream};
use super::version::{AbiVersion, EnvoyVersion};

/// Lines kept between two calls of `Vm::take_log`; further ones are dropped, so that a filter
/// that logs for ever cannot fill the memory.
const LOG_LINES: usize = 10_000;

/// Which hostcalls are open (proxy-wasm-cpp-host `setRestrictedCallback`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restriction {
    /// All.
    None,
    /// `_initialize` or `_start` runs.
    Start,
    /// The guest's allocator runs, within a hostcall.
    Allocation,
}

/// What a stream context may reach: Envoy's pointers, null or not.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Access {
    pub(crate) request_headers: bool,
    pub(crate) request_body: bool,
    pub(crate) request_ended: bool,
    pub(crate) request_trailers: bool,
    pub(crate) response_headers: bool,
    pub(crate) response_body: bool,
    pub(crate) response_trailers: bool,
    /// `on_log` runs: all maps can be read.
    pub(crate) log: bool,
}

/// A context of the VM, root or stream.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) id: u32,
    /// Its root context; 0 for a root context.
    pub(crate) root: u32,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) access: Access,
    /// Tick period of a root context, and when the next tick is due.
    pub(crate) tick: Option<(Duration, Duration)>,
    /// Properties that a root context declared.
    pub(crate) declared: Vec<Vec<u8>>,
}

/// What happens once the VM has returned (proxy-wasm-cpp-host `addAfterVmCallAction`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deferred {
    /// `proxy_send_local_response`.
    LocalReply(LocalReply),
    /// `proxy_continue_stream` of the request.
    ContinueRequest,
    /// `proxy_continue_stream` of the response.
    ContinueResponse,
    /// `proxy_close_stream`.
    Reset,
}

/// What a callout's callback may read while it runs.
#[derive(Debug, Default)]
pub(crate) struct CallData {
    pub(crate) http_headers: Option<HeaderMap>,
    pub(crate) http_trailers: Option<HeaderMap>,
    pub(crate) http_body: Option<Vec<u8>>,
    pub(crate) grpc_message: Vec<u8>,
}

/// Data of the store.
pub(crate) struct State {
    pub(crate) envoy: EnvoyVersion,
    pub(crate) abi: AbiVersion,
    pub(crate) process: Arc<Process>,
    /// Number of this VM in the process.
    pub(crate) number: u64,
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) limits: StoreLimits,
    pub(crate) random: fastrand::Rng,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<Arc<TypedFunc<u32, u32>>>,
    pub(crate) on_grpc_close: Option<TypedFunc<(u32, u32, u32), ()>>,
    pub(crate) restriction: Restriction,
    pub(crate) contexts: Vec<Context>,
    pub(crate) current: u32,
    /// Set by `proxy_set_effective_context`; 0 is none.
    pub(crate) effective: u32,
    /// `on_configure` runs, so the plugin configuration can be read.
    pub(crate) configuring: bool,
    /// The stream that callbacks are about.
    pub(crate) stream: Box<Stream>,
    /// A local reply was sent in this callback: its return value does not count.
    pub(crate) stop_iteration: bool,
    pub(crate) deferred: Vec<Deferred>,
    pub(crate) callouts: Vec<Callout>,
    pub(crate) last_http_token: u32,
    pub(crate) last_grpc_token: u32,
    pub(crate) call: CallData,
    /// What `proxy_get_status` tells.
    pub(crate) status: (u32, Vec<u8>),
    /// Root contexts whose `on_done` answered false and that have not called `proxy_done` yet.
    pub(crate) pending_done: Vec<u32>,
    /// Root contexts that have.
    pub(crate) done: Vec<u32>,
    /// Stats behind the metric ids of this VM, by kind.
    pub(crate) metrics: [Vec<usize>; 3],
    pub(crate) log_level: LogLevel,
    pub(crate) log: Vec<LogLine>,
    /// How often each hostcall was called, by its number in the linker.
    pub(crate) calls: Vec<u32>,
}

impl State {
    pub(crate) fn context(&self, id: u32) -> Option<&Context> {
        self.contexts.iter().find(|c| c.id == id)
    }

    pub(crate) fn context_mut(&mut self, id: u32) -> Option<&mut Context> {
        self.contexts.iter_mut().find(|c| c.id == id)
    }

    /// The context that hostcalls act on: the effective one while it exists, else the current.
    pub(crate) fn target(&self) -> Option<&Context> {
        let effective = self.context(self.effective);
        effective.or_else(|| self.context(self.current))
    }

    /// The stream and what of it is reachable, unless a root context or none is the target.
    pub(crate) fn target_stream(&mut self) -> Option<(&mut Stream, &mut Access)> {
        let id = self.target().filter(|c| c.root != 0)?.id;
        let context = self.contexts.iter_mut().find(|c| c.id == id)?;
        Some((&mut self.stream, &mut context.access))
    }

    /// Id of the root context behind the target.
    pub(crate) fn target_root(&self) -> u32 {
        self.target()
            .map_or(0, |c| if c.root == 0 { c.id } else { c.root })
    }

    /// The plugin that the target belongs to.
    pub(crate) fn target_plugin(&self) -> &Arc<Plugin> {
        self.target().map_or(&self.plugin, |c| &c.plugin)
    }

    pub(crate) fn write_log(&mut self, level: LogLevel, message: &[u8]) {
        if level < self.log_level || self.log.len() >= LOG_LINES {
            return;
        }
        let line = LogLine {
            level,
            plugin: self.target_plugin().name.clone(),
            message: String::from_utf8_lossy(message).into_owned(),
        };
        self.log.push(line);
    }
}
