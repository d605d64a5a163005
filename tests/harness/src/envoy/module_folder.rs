//! Modules as files for an Envoy, named by what is in them.
//!
//! A module that changes so changes the configuration that names it, and Envoy never reads a file that
//! is still being written.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use crate::wasm_host::WasmCode;

/// A folder of modules.
#[derive(Debug)]
pub struct ModuleFolder {
    folder: PathBuf,
}

impl ModuleFolder {
    /// A new folder, which must not exist yet.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        Ok(Self { folder })
    }

    /// Where the file of a module is, once it has been [added](Self::add).
    #[must_use]
    pub fn path(&self, module: &WasmCode) -> PathBuf {
        self.folder.join(format!("{}.wasm", module.sha256()))
    }

    /// Writes a module, if it is not there yet, and returns where it is.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&self, module: &WasmCode) -> io::Result<PathBuf> {
        let path = self.path(module);
        if !path.exists() {
            let unfinished = path.with_extension("unfinished");
            fs::write(&unfinished, module.bytes())?;
            fs::rename(unfinished, &path)?;
        }
        Ok(path)
    }

    /// Removes all other files. One that stays for a mistake does no harm.
    pub fn retain(&self, used: &BTreeSet<PathBuf>) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if !used.contains(&path) {
                let _removed = fs::remove_file(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_module_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let modules = ModuleFolder::new(folder.path().join("modules")).unwrap();
        let add = |content: &'static str| modules.add(&WasmCode::new("a", content)).unwrap();
        let (first, second) = (add("one"), add("two"));
        assert_eq!(add("one"), first);
        assert_eq!(
            (fs::read(&first).unwrap(), fs::read(&second).unwrap()),
            (b"one".to_vec(), b"two".to_vec())
        );

        modules.retain(&[second.clone()].into());
        assert_eq!((first.exists(), second.exists()), (false, true));
    }
}
