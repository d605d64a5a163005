//! What a module may import, and from which Envoy on (proxy-wasm-cpp-host
//! `WasmBase::registerCallbacks`).

use wasmtime::{Engine, FuncType, Linker, Val, ValType};

use super::hostcalls::{
    buffers, calls, foreign, headers, metrics, plain, properties, shared, streams,
};
use super::memory::Guest;
use super::state::{Restriction, State};
use super::status::to_guest;
use super::version::{AbiVersion, EnvoyVersion};
use super::wasi;

/// The functions of one ABI version of one Envoy, with the names that are counted.
pub(crate) struct Imports {
    pub(crate) linker: Linker<State>,
    pub(crate) names: Vec<&'static str>,
}

/// What is done before any hostcall.
#[derive(Clone, Copy)]
struct Entry {
    /// Where it is counted.
    number: usize,
    name: &'static str,
    open: Open,
}

/// When a hostcall may be called besides the usual callbacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    Never,
    Start,
    StartAndAllocation,
}

impl Entry {
    fn enter(self, guest: &mut Guest<'_>) -> wasmtime::Result<()> {
        let state = guest.data_mut();
        if let Some(count) = state.calls.get_mut(self.number) {
            *count += 1;
        }
        let when = match state.restriction {
            Restriction::None => return Ok(()),
            Restriction::Start if self.open != Open::Never => return Ok(()),
            Restriction::Allocation if self.open == Open::StartAndAllocation => return Ok(()),
            Restriction::Start => "while the module is initialized",
            Restriction::Allocation => "while memory is allocated for the host",
        };
        Err(wasmtime::format_err!(
            "restricted_callback: {} must not be called {when}",
            self.name
        ))
    }
}

/// Registers functions of module `env` whose parameters are all words.
macro_rules! env {
    ($imports:expr; $($name:literal => $function:path, ($($argument:ident)*);)*) => {$(
        let entry = $imports.entry($name, Open::Never);
        $imports.linker.func_wrap(
            "env",
            $name,
            move |mut guest: Guest<'_>, $($argument: u32),*| -> wasmtime::Result<u32> {
                entry.enter(&mut guest)?;
                to_guest($function(&mut guest, $($argument),*))
            },
        )?;
    )*};
}

impl Imports {
    pub(crate) fn new(
        engine: &Engine,
        envoy: EnvoyVersion,
        abi: AbiVersion,
    ) -> wasmtime::Result<Self> {
        let mut imports = Self {
            linker: Linker::new(engine),
            names: Vec::new(),
        };
        imports.register_general()?;
        imports.register_streams(abi)?;
        imports.register_shared()?;
        imports.register_wide()?;
        imports.register_wasi(engine, envoy)?;
        Ok(imports)
    }

    fn entry(&mut self, name: &'static str, open: Open) -> Entry {
        self.names.push(name);
        Entry {
            number: self.names.len() - 1,
            name,
            open,
        }
    }

    fn register_general(&mut self) -> wasmtime::Result<()> {
        env! { self;
            "proxy_get_status" => plain::get_status, (a b c);
            "proxy_set_tick_period_milliseconds" => plain::set_tick_period, (a);
            "proxy_get_current_time_nanoseconds" => plain::get_current_time, (a);
            "proxy_set_effective_context" => plain::set_effective_context, (a);
            "proxy_done" => plain::done, ();
            "proxy_call_foreign_function" => foreign::call, (a b c d e f);
            "proxy_get_property" => properties::get, (a b c d);
            "proxy_set_property" => properties::set, (a b c d);
            "proxy_http_call" => calls::http_call, (a b c d e f g h i j);
            "proxy_grpc_call" => calls::grpc_call, (a b c d e f g h i j k l);
            "proxy_grpc_stream" => calls::grpc_stream, (a b c d e f g h i);
            "proxy_grpc_send" => calls::grpc_send, (a b c d);
            "proxy_grpc_cancel" => calls::grpc_end, (a);
            "proxy_grpc_close" => calls::grpc_end, (a);
            "envoy_resolve_dns" => calls::resolve_dns, (a b c);
        }
        let entry = self.entry("proxy_log", Open::StartAndAllocation);
        let log = move |mut guest: Guest<'_>, level: u32, message: u32, size: u32| {
            entry.enter(&mut guest)?;
            to_guest(plain::log(&mut guest, level, message, size))
        };
        self.linker.func_wrap("env", "proxy_log", log)?;
        Ok(())
    }

    fn register_streams(&mut self, abi: AbiVersion) -> wasmtime::Result<()> {
        env! { self;
            "proxy_get_header_map_value" => headers::get_value, (a b c d e);
            "proxy_get_header_map_pairs" => headers::get_pairs, (a b c);
            "proxy_get_header_map_size" => headers::get_size, (a b);
            "proxy_add_header_map_value" => headers::add, (a b c d e);
            "proxy_replace_header_map_value" => headers::replace, (a b c d e);
            "proxy_remove_header_map_value" => headers::remove, (a b c);
            "proxy_set_header_map_pairs" => headers::set_pairs, (a b c);
            "proxy_get_buffer_bytes" => buffers::get_bytes, (a b c d e);
            "proxy_get_buffer_status" => buffers::get_status, (a b c);
            "proxy_set_buffer_bytes" => buffers::set_bytes, (a b c d e);
            "proxy_send_local_response" => streams::send_local_response, (a b c d e f g h);
        }
        if abi == AbiVersion::V0_1_0 {
            env! { self;
                "proxy_get_configuration" => plain::get_configuration, (a b);
                "proxy_continue_request" => streams::continue_request, ();
                "proxy_continue_response" => streams::continue_response, ();
                "proxy_clear_route_cache" => streams::clear_route_cache, ();
            }
        } else {
            env! { self;
                "proxy_continue_stream" => streams::continue_stream, (a);
                "proxy_close_stream" => streams::close_stream, (a);
            }
        }
        if abi == AbiVersion::V0_2_1 {
            env! { self; "proxy_get_log_level" => plain::get_log_level, (a); }
        }
        Ok(())
    }

    fn register_shared(&mut self) -> wasmtime::Result<()> {
        env! { self;
            "proxy_get_shared_data" => shared::get_data, (a b c d e);
            "proxy_set_shared_data" => shared::set_data, (a b c d e);
            "proxy_register_shared_queue" => shared::register_queue, (a b c);
            "proxy_resolve_shared_queue" => shared::resolve_queue, (a b c d e);
            "proxy_dequeue_shared_queue" => shared::dequeue, (a b c);
            "proxy_enqueue_shared_queue" => shared::enqueue, (a b c);
            "proxy_define_metric" => metrics::define, (a b c d);
            "proxy_get_metric" => metrics::get, (a b);
        }
        Ok(())
    }

    /// Functions with 64-bit parameters, and those that answer with something else than a status.
    fn register_wide(&mut self) -> wasmtime::Result<()> {
        let entry = self.entry("proxy_increment_metric", Open::Never);
        let increment = move |mut guest: Guest<'_>, id: u32, offset: i64| {
            entry.enter(&mut guest)?;
            to_guest(metrics::increment(&mut guest, id, offset))
        };
        self.linker
            .func_wrap("env", "proxy_increment_metric", increment)?;
        let entry = self.entry("proxy_record_metric", Open::Never);
        let record = move |mut guest: Guest<'_>, id: u32, value: u64| {
            entry.enter(&mut guest)?;
            to_guest(metrics::record(&mut guest, id, value))
        };
        self.linker
            .func_wrap("env", "proxy_record_metric", record)?;
        self.linker
            .func_wrap("env", "pthread_equal", |left: u32, right: u32| {
                u32::from(left == right)
            })?;
        self.linker
            .func_wrap("env", "emscripten_notify_memory_growth", |_: u32| {})?;
        Ok(())
    }

    fn register_wasi(&mut self, engine: &Engine, envoy: EnvoyVersion) -> wasmtime::Result<()> {
        for (name, parameters) in wasi::FUNCTIONS.iter().take(envoy.wasi_functions()) {
            let open = match *name {
                "fd_write" | "clock_time_get" | "poll_oneoff" => Open::StartAndAllocation,
                _ => Open::Start,
            };
            let entry = self.entry(name, open);
            let has_result = *name != "proc_exit";
            let word = |kind| {
                if kind == 'I' {
                    ValType::I64
                } else {
                    ValType::I32
                }
            };
            let results = has_result.then_some(ValType::I32);
            let ty = FuncType::new(engine, parameters.chars().map(word), results);
            for module in wasi::MODULES {
                let call = move |mut guest: Guest<'_>, given: &[Val], out: &mut [Val]| {
                    entry.enter(&mut guest)?;
                    let words: Vec<u64> = given.iter().map(widen).collect();
                    let number = wasi::call(&mut guest, name, &words);
                    if let Some(result) = out.first_mut() {
                        *result = Val::I32(number.cast_signed());
                    }
                    Ok(())
                };
                self.linker.func_new(module, name, ty.clone(), call)?;
            }
        }
        Ok(())
    }
}

fn widen(value: &Val) -> u64 {
    match value {
        Val::I32(word) => word.cast_unsigned().into(),
        Val::I64(long) => long.cast_unsigned(),
        _ => 0,
    }
}
