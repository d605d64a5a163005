//! The callbacks of a module and their types (proxy-wasm-cpp-host `WasmBase::getFunctions`).

use wasmtime::{ExternType, Instance, Module, Store, TypedFunc, WasmParams, WasmResults};

use super::error::LoadProblem;
use super::state::State;
use super::version::AbiVersion;

/// Every function that Envoy looks up: name, number of parameters, whether there is a result. All
/// are words.
const CALLBACKS: &[(&str, usize, bool)] = &[
    ("_initialize", 0, false),
    ("_start", 0, false),
    ("malloc", 1, true),
    ("proxy_on_memory_allocate", 1, true),
    ("proxy_validate_configuration", 2, true),
    ("proxy_on_vm_start", 2, true),
    ("proxy_on_configure", 2, true),
    ("proxy_on_tick", 1, false),
    ("proxy_on_context_create", 2, false),
    ("proxy_on_new_connection", 1, true),
    ("proxy_on_downstream_data", 3, true),
    ("proxy_on_upstream_data", 3, true),
    ("proxy_on_downstream_connection_close", 2, false),
    ("proxy_on_upstream_connection_close", 2, false),
    ("proxy_on_request_body", 3, true),
    ("proxy_on_request_trailers", 2, true),
    ("proxy_on_request_metadata", 2, true),
    ("proxy_on_response_body", 3, true),
    ("proxy_on_response_trailers", 2, true),
    ("proxy_on_response_metadata", 2, true),
    ("proxy_on_http_call_response", 5, false),
    ("proxy_on_grpc_receive", 3, false),
    ("proxy_on_grpc_close", 3, false),
    ("proxy_on_grpc_receive_initial_metadata", 3, false),
    ("proxy_on_grpc_receive_trailing_metadata", 3, false),
    ("proxy_on_queue_ready", 2, false),
    ("proxy_on_done", 1, true),
    ("proxy_on_log", 1, false),
    ("proxy_on_delete", 1, false),
];

/// Checks the exports of a module before it is ever instantiated.
pub(crate) fn check(module: &Module, abi: AbiVersion) -> Result<(), LoadProblem> {
    let headers = if abi == AbiVersion::V0_1_0 { 2 } else { 3 };
    let by_version = [
        ("proxy_on_request_headers", headers, true),
        ("proxy_on_response_headers", headers, true),
        ("proxy_on_foreign_function", 3, false),
    ];
    for (name, parameters, result) in CALLBACKS.iter().copied().chain(by_version) {
        check_one(module, name, parameters, result)?;
    }
    let allocators = ["malloc", "proxy_on_memory_allocate"];
    if allocators.iter().all(|name| !is_function(module, name)) {
        return Err(LoadProblem::NoAllocator);
    }
    Ok(())
}

/// The ABI version that the first matching export declares.
pub(crate) fn abi_version(module: &Module) -> Option<AbiVersion> {
    let declared = |name: &str| AbiVersion::ALL.into_iter().find(|v| v.export() == name);
    module.exports().find_map(|export| declared(export.name()))
}

fn is_function(module: &Module, name: &str) -> bool {
    matches!(module.get_export(name), Some(ExternType::Func(_)))
}

fn check_one(
    module: &Module,
    name: &str,
    parameters: usize,
    result: bool,
) -> Result<(), LoadProblem> {
    let Some(ExternType::Func(found)) = module.get_export(name) else {
        return Ok(());
    };
    let is_word = |ty: wasmtime::ValType| ty.is_i32();
    let fits = found.params().len() == parameters
        && found.results().len() == usize::from(result)
        && found.params().all(is_word)
        && found.results().all(is_word);
    if fits {
        return Ok(());
    }
    let words = vec!["i32"; parameters].join(", ");
    Err(LoadProblem::ExportType {
        name: name.to_owned(),
        expected: format!("({words}) -> ({})", if result { "i32" } else { "" }),
        found: found.to_string(),
    })
}

type OfContext = Option<TypedFunc<u32, ()>>;
type OfTwo = Option<TypedFunc<(u32, u32), ()>>;
type OfThree = Option<TypedFunc<(u32, u32, u32), ()>>;
type OfFive = Option<TypedFunc<(u32, u32, u32, u32, u32), ()>>;
type AnswerOfTwo = Option<TypedFunc<(u32, u32), u32>>;
type AnswerOfThree = Option<TypedFunc<(u32, u32, u32), u32>>;

/// The callbacks that are called here, of an instance whose module was checked.
pub(crate) struct Exports {
    pub(crate) initialize: Option<TypedFunc<(), ()>>,
    pub(crate) main: AnswerOfTwo,
    pub(crate) main_void: Option<TypedFunc<(), u32>>,
    pub(crate) start: Option<TypedFunc<(), ()>>,
    pub(crate) on_context_create: OfTwo,
    pub(crate) on_vm_start: AnswerOfTwo,
    pub(crate) on_configure: AnswerOfTwo,
    pub(crate) on_request_headers: AnswerOfThree,
    pub(crate) on_request_headers_0_1_0: AnswerOfTwo,
    pub(crate) on_request_body: AnswerOfThree,
    pub(crate) on_request_trailers: AnswerOfTwo,
    pub(crate) on_response_headers: AnswerOfThree,
    pub(crate) on_response_headers_0_1_0: AnswerOfTwo,
    pub(crate) on_response_body: AnswerOfThree,
    pub(crate) on_response_trailers: AnswerOfTwo,
    pub(crate) on_http_call_response: OfFive,
    pub(crate) on_grpc_receive: OfThree,
    pub(crate) on_grpc_close: OfThree,
    pub(crate) on_tick: OfContext,
    pub(crate) on_queue_ready: OfTwo,
    pub(crate) on_done: Option<TypedFunc<u32, u32>>,
    pub(crate) on_log: OfContext,
    pub(crate) on_delete: OfContext,
}

impl Exports {
    pub(crate) fn new(instance: &Instance, store: &mut Store<State>) -> Self {
        Self {
            initialize: find(instance, store, "_initialize"),
            main: find(instance, store, "main"),
            main_void: find(instance, store, "__main_void"),
            start: find(instance, store, "_start"),
            on_context_create: find(instance, store, "proxy_on_context_create"),
            on_vm_start: find(instance, store, "proxy_on_vm_start"),
            on_configure: find(instance, store, "proxy_on_configure"),
            on_request_headers: find(instance, store, "proxy_on_request_headers"),
            on_request_headers_0_1_0: find(instance, store, "proxy_on_request_headers"),
            on_request_body: find(instance, store, "proxy_on_request_body"),
            on_request_trailers: find(instance, store, "proxy_on_request_trailers"),
            on_response_headers: find(instance, store, "proxy_on_response_headers"),
            on_response_headers_0_1_0: find(instance, store, "proxy_on_response_headers"),
            on_response_body: find(instance, store, "proxy_on_response_body"),
            on_response_trailers: find(instance, store, "proxy_on_response_trailers"),
            on_http_call_response: find(instance, store, "proxy_on_http_call_response"),
            on_grpc_receive: find(instance, store, "proxy_on_grpc_receive"),
            on_grpc_close: find(instance, store, "proxy_on_grpc_close"),
            on_tick: find(instance, store, "proxy_on_tick"),
            on_queue_ready: find(instance, store, "proxy_on_queue_ready"),
            on_done: find(instance, store, "proxy_on_done"),
            on_log: find(instance, store, "proxy_on_log"),
            on_delete: find(instance, store, "proxy_on_delete"),
        }
    }
}

/// The exported function of that name and type, if there is one.
pub(crate) fn find<P: WasmParams, R: WasmResults>(
    instance: &Instance,
    store: &mut Store<State>,
    name: &str,
) -> Option<TypedFunc<P, R>> {
    instance.get_typed_func(store, name).ok()
}
