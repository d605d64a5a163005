//! Whether the contents of the files changed that are served from.

use std::fs;
use std::path::PathBuf;

use ring::digest::{Context, SHA256};

/// SHA-256 of the names and contents of files. One that cannot be read counts as such.
pub(super) fn digest(files: impl IntoIterator<Item = PathBuf>) -> Vec<u8> {
    let mut context = Context::new(&SHA256);
    for file in files {
        context.update(file.as_os_str().as_encoded_bytes());
        match fs::read(&file) {
            Ok(content) => {
                context.update(&content.len().to_le_bytes());
                context.update(&content);
            }
            Err(error) => context.update(error.to_string().as_bytes()),
        }
    }
    context.finish().as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_contents_changes_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        let now = || digest([file.clone()]);
        let missing = now();
        fs::write(&file, "a").unwrap();
        let first = now();
        assert_ne!(missing, first);
        assert_eq!(first, now());
        fs::write(&file, "b").unwrap();
        assert_ne!(first, now());
    }
}
