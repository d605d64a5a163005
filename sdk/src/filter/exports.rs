//! The exports of a module. `#[http_filter]` asks for those that the filter has callbacks for.

/// Defines the exports that every module has and one for each callback that is named.
#[macro_export]
#[doc(hidden)]
macro_rules! proxy_wasm_exports {
    ($filter:ty; $($callback:ident)*) => {
        #[allow(clippy::missing_safety_doc, reason = "the host calls these, as proxy-wasm 0.2.1 says")]
        const _: () = {
            use $crate::filter::Dispatcher;
            use $crate::host::wasm::{WasmHost, allocate};

            thread_local! {
                /// Contexts by number. Of a configuration they hold what its root context owns, so
                /// it goes with that.
                static DISPATCHER: Dispatcher<$filter> = Dispatcher::default();
            }

            #[unsafe(no_mangle)]
            extern "C" fn proxy_abi_version_0_2_1() {}

            #[unsafe(no_mangle)]
            extern "C" fn _initialize() {
                unsafe extern "C" {
                    fn __wasm_call_ctors();
                }
                // SAFETY: the host calls `_initialize` once, before anything else; a library has
                // no start code of wasi-libc that would run the constructors.
                unsafe { __wasm_call_ctors() }
            }

            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
                allocate(size)
            }

            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_context_create(context: u32, parent: u32) {
                DISPATCHER.with(|dispatcher| dispatcher.on_context_create(context, parent));
            }

            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_configure(root: u32, size: usize) -> bool {
                DISPATCHER.with(|dispatcher| dispatcher.on_configure(&WasmHost, root, size))
            }

            #[unsafe(no_mangle)]
            extern "C" fn proxy_on_delete(context: u32) {
                DISPATCHER.with(|dispatcher| dispatcher.on_delete(context));
            }

            $($crate::proxy_wasm_export!($callback);)*
        };
    };
}

/// Defines the exports of one callback.
#[macro_export]
#[doc(hidden)]
macro_rules! proxy_wasm_export {
    (on_request_headers) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_headers(
            context: u32,
            _count: u32,
            end_of_stream: bool,
        ) -> u32 {
            DISPATCHER
                .with(|dispatcher| dispatcher.on_request_headers(&WasmHost, context, end_of_stream))
        }
    };
    (on_request_body) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_body(context: u32, size: usize, end_of_stream: bool) -> u32 {
            DISPATCHER.with(|dispatcher| {
                dispatcher.on_request_body(&WasmHost, context, size, end_of_stream)
            })
        }
    };
    (on_request_trailers) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_trailers(context: u32, _count: u32) -> u32 {
            DISPATCHER.with(|dispatcher| dispatcher.on_request_trailers(&WasmHost, context))
        }
    };
    (on_response_headers) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_response_headers(
            context: u32,
            _count: u32,
            end_of_stream: bool,
        ) -> u32 {
            DISPATCHER.with(|dispatcher| {
                dispatcher.on_response_headers(&WasmHost, context, end_of_stream)
            })
        }
    };
    (on_response_body) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_response_body(
            context: u32,
            size: usize,
            end_of_stream: bool,
        ) -> u32 {
            DISPATCHER.with(|dispatcher| {
                dispatcher.on_response_body(&WasmHost, context, size, end_of_stream)
            })
        }
    };
    (on_response_trailers) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_response_trailers(context: u32, _count: u32) -> u32 {
            DISPATCHER.with(|dispatcher| dispatcher.on_response_trailers(&WasmHost, context))
        }
    };
    (on_log) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_log(context: u32) {
            DISPATCHER.with(|dispatcher| dispatcher.on_log(&WasmHost, context));
        }
    };
    (on_tick) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_tick(root: u32) {
            DISPATCHER.with(|dispatcher| dispatcher.on_tick(&WasmHost, root));
        }
    };
    (on_http_call_response) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_http_call_response(
            _root: u32,
            call: u32,
            _headers: u32,
            size: usize,
            _trailers: u32,
        ) {
            DISPATCHER.with(|dispatcher| dispatcher.on_http_call_response(&WasmHost, call, size));
        }
    };
    (on_grpc_response) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_receive(_root: u32, call: u32, size: usize) {
            DISPATCHER.with(|dispatcher| dispatcher.on_grpc_response(&WasmHost, call, size, 0));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_close(_root: u32, call: u32, status: u32) {
            DISPATCHER.with(|dispatcher| dispatcher.on_grpc_response(&WasmHost, call, 0, status));
        }
    };
}
