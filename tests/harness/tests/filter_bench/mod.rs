//! One filter without Envoy around it: for several test targets and the benchmarks.

use std::sync::Arc;

use gateway_harness::wasm_host::{
    Deferred, Failed, Failure, Flow, HeaderMap, LoadError, LocalReply, Module, Plugin, Process,
    Runtime, Stream, Vm, VmOptions, WasmCode,
};

/// A VM whose callbacks are called directly: nothing is refused, normalised or routed.
#[derive(Debug)]
pub struct FilterBench {
    vm: Vm,
}

/// What one request cost and came to.
#[derive(Debug)]
pub struct Measured {
    /// The stream as the filter left it; its headers are what would be routed.
    pub stream: Box<Stream>,
    /// Whether the request went on.
    pub flow: Flow,
    /// The reply that it sent instead.
    pub reply: Option<LocalReply>,
    /// Instructions executed by all callbacks; 0 unless the runtime counts them.
    pub fuel: u64,
    /// Hostcalls made, by name.
    pub hostcalls: Vec<(&'static str, u32)>,
}

impl FilterBench {
    /// Loads a module and configures it.
    ///
    /// # Errors
    ///
    /// When Envoy would refuse the module or its configuration.
    pub fn load(
        runtime: &Runtime,
        module: &WasmCode,
        configuration: &str,
    ) -> Result<Self, LoadError> {
        let plugin = Plugin {
            name: "bench".to_owned(),
            configuration: configuration.into(),
            ..Plugin::default()
        };
        Self::start(&runtime.load(module)?, &Arc::default(), plugin)
    }

    /// Starts a compiled module in a process of the caller's.
    ///
    /// # Errors
    ///
    /// When the plugin does not start.
    pub fn start(
        module: &Arc<Module>,
        process: &Arc<Process>,
        plugin: Plugin,
    ) -> Result<Self, LoadError> {
        let vm = Vm::start(module, process, Arc::new(plugin), VmOptions::default())?;
        Ok(Self { vm })
    }

    /// The VM, for its memory, log and counts.
    pub fn vm(&mut self) -> &mut Vm {
        &mut self.vm
    }

    /// One request without body: every callback from the creation of the context to its end. One
    /// that goes on is answered 200.
    ///
    /// # Errors
    ///
    /// When the VM fails, or has failed before.
    pub fn request(&mut self, headers: HeaderMap) -> Result<Measured, Failure> {
        self.vm.take_fuel();
        self.vm.take_hostcalls();
        let mut stream = Box::new(Stream::new(headers));
        let verdict = self.callbacks(&mut stream);
        let verdict = verdict.map_err(|Failed| self.failure())?;
        let reply = verdict.1.into_iter().find_map(|action| match action {
            Deferred::LocalReply(reply) => Some(reply),
            _ => None,
        });
        Ok(Measured {
            stream,
            flow: verdict.0,
            reply,
            fuel: self.vm.take_fuel(),
            hostcalls: self.vm.take_hostcalls(),
        })
    }

    fn callbacks(&mut self, stream: &mut Box<Stream>) -> Result<(Flow, Vec<Deferred>), Failed> {
        let context = self.vm.create_stream(stream);
        let verdict = self.vm.on_request_headers(context, stream, true)?;
        if verdict.flow == Flow::Continue {
            stream.response_headers.add(b":status", b"200");
            self.vm.on_response_headers(context, stream, true)?;
        }
        self.vm.on_log(context, stream)?;
        self.vm.end_stream(context, stream)?;
        Ok((verdict.flow, verdict.actions))
    }

    fn failure(&self) -> Failure {
        let unknown = || Failure {
            callback: "the VM",
            reason: String::new(),
        };
        self.vm.failure().cloned().unwrap_or_else(unknown)
    }
}
