//! The bytes of a module, as Envoy's `vm_config.code` carries them.

use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;

use bytes::Bytes;
use ring::digest::{SHA256, digest};

/// A module that is not compiled yet. Clones share the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct WasmCode {
    name: String,
    bytes: Bytes,
    sha256: String,
}

impl WasmCode {
    /// The module with these bytes; `name` is for messages.
    pub fn new(name: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let sha256 = digest(&SHA256, &bytes);
        let hex = sha256.as_ref().iter();
        Self {
            name: name.into(),
            sha256: hex.fold(String::new(), |mut hex, byte| {
                let _written = write!(hex, "{byte:02x}");
                hex
            }),
            bytes,
        }
    }

    /// The module that a program carries with it.
    #[must_use]
    pub fn from_static(name: &str, bytes: &'static [u8]) -> Self {
        Self::new(name, bytes)
    }

    /// The module in a file, named by its path.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::new(path.display().to_string(), std::fs::read(path)?))
    }

    /// What messages call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The binary.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the binary, in hexadecimal digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

impl fmt::Debug for WasmCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmCode")
            .field("name", &self.name)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}
