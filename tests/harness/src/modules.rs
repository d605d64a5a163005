//! The Wasm modules of this repository, built by this crate's build script.

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

use std::path::PathBuf;

/// The module of a name, or the file of a path that ends in `.wasm`.
pub fn find(name_or_path: &str) -> Option<PathBuf> {
    if name_or_path.ends_with(".wasm") {
        return Some(name_or_path.into());
    }
    ALL.iter()
        .find(|(name, _)| *name == name_or_path)
        .map(|(_, path)| path.into())
}
