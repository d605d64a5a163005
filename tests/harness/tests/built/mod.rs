//! The modules of this repository as hosts take them: for several test targets.

use gateway_filter_modules::{GATEWAY, Module};
use gateway_harness::proxy::Modules;
use gateway_harness::wasm_host::WasmCode;

pub(crate) fn code(module: Module) -> WasmCode {
    WasmCode::from_static(module.name, module.bytes)
}

/// The filters.
pub(crate) fn filters() -> Modules {
    Modules {
        gateway: code(GATEWAY),
    }
}
