//! Copies of modules, named by what is in them.
//!
//! A module that changes so changes the configuration that names it, and Envoy never reads a file that
//! a compiler is still writing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use super::Refusal;

/// A folder of copies.
#[derive(Debug)]
pub(super) struct ModuleStore {
    folder: PathBuf,
}

impl ModuleStore {
    pub(super) fn new(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        Ok(Self { folder })
    }

    /// Where the copy of a module is.
    pub(super) fn copy(&self, module: &Path) -> Result<PathBuf, Refusal> {
        let store = || -> io::Result<PathBuf> {
            let content = fs::read(module)?;
            let copy = self.folder.join(format!("{}.wasm", hex(&content)));
            if !copy.exists() {
                let unfinished = copy.with_extension("unfinished");
                fs::write(&unfinished, content)?;
                fs::rename(unfinished, &copy)?;
            }
            Ok(copy)
        };
        store().map_err(|source| Refusal::Unreadable {
            path: module.to_path_buf(),
            source,
        })
    }

    /// Removes all other copies. One that stays for a mistake does no harm.
    pub(super) fn retain(&self, used: &BTreeSet<PathBuf>) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if !used.contains(&path) {
                let _removed = fs::remove_file(path);
            }
        }
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn hex(content: &[u8]) -> String {
    let digest = digest(&SHA256, content);
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _written = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_module_is_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let store = ModuleStore::new(folder.path().join("modules")).unwrap();
        let module = folder.path().join("a.wasm");
        let copy = |content: &str| {
            fs::write(&module, content).unwrap();
            store.copy(&module).unwrap()
        };
        let (first, second) = (copy("one"), copy("two"));
        assert_eq!(copy("one"), first);
        assert_eq!(
            (fs::read(&first).unwrap(), fs::read(&second).unwrap()),
            (b"one".to_vec(), b"two".to_vec())
        );

        store.retain(&[second.clone()].into());
        assert_eq!((first.exists(), second.exists()), (false, true));
        let missing = store.copy(&folder.path().join("b.wasm")).unwrap_err();
        assert!(missing.to_string().contains("b.wasm: "), "{missing}");
    }
}
