//! The Wasm modules of this repository: one build of the bytes, for `gwf` and for the tests.
#![warn(missing_docs)]

include!(concat!(env!("OUT_DIR"), "/modules.rs"));

/// A compiled module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module {
    /// The name of its package.
    pub name: &'static str,
    /// The module as cargo built it; `just build` makes smaller ones of these with wasm-opt.
    pub bytes: &'static [u8],
    /// SHA-256 of the bytes, in hexadecimal digits.
    pub sha256: &'static str,
}

/// The module of that name; absent if this repository has none.
#[must_use]
pub fn find(name: &str) -> Option<Module> {
    ALL.iter().copied().find(|module| module.name == name)
}
