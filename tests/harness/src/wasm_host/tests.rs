//! The host as guests see it.

mod calls;
mod limits;
mod load;
mod maps;
pub(crate) mod probe;
mod properties;
mod shared;

use std::sync::Arc;

use super::{HeaderMap, MapKind, Plugin, Process, Stream, Vm, VmOptions};

/// A VM of that guest in that process.
fn start_in(process: &Arc<Process>, wasm: &[u8]) -> Vm {
    let module = probe::compile(wasm).unwrap();
    let plugin = Plugin {
        name: "probe".to_owned(),
        vm_id: "vm".to_owned(),
        vm_configuration: b"vm conf".to_vec(),
        configuration: b"plugin conf".to_vec(),
        ..Plugin::default()
    };
    Vm::start(&module, process, Arc::new(plugin), VmOptions::default()).unwrap()
}

fn start(wasm: &[u8]) -> Vm {
    start_in(&Arc::default(), wasm)
}

fn stream(headers: &[(&str, &str)]) -> Box<Stream> {
    let pairs = headers.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()));
    Box::new(Stream::new(HeaderMap::from_pairs(MapKind::Request, pairs)))
}

/// What a VM logged since it was asked last.
fn said(vm: &mut Vm) -> Vec<String> {
    vm.take_log().into_iter().map(|line| line.message).collect()
}

/// Runs `proxy_on_request_headers` of that guest and returns what it logged.
fn asked(wasm: &[u8], stream: &mut Box<Stream>) -> Vec<String> {
    let mut vm = start(wasm);
    let context = vm.create_stream(stream);
    vm.on_request_headers(context, stream, true).unwrap();
    said(&mut vm)
}
