//! Bodies, from the file's layer to the model.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::format::Body;
use super::{Wrong, wrong};

/// What is repeated in a body of a size.
const PATTERN: &[u8] = b"0123456789abcdef";

/// The most bytes that are generated.
const MOST: u32 = 64 * 1024 * 1024;

/// The body that a client sends, and the trailers behind it.
pub(super) fn sent(stated: Option<Body>) -> Result<(Vec<u8>, BTreeMap<String, String>), Wrong> {
    match stated {
        None => Ok((Vec::new(), BTreeMap::new())),
        Some(Body::Text(text)) => Ok((text.into_bytes(), BTreeMap::new())),
        Some(Body::Parts(parts)) => Ok((
            content("request.body", parts.text, parts.base64, parts.size)?,
            parts.trailers,
        )),
    }
}

/// The bytes of a body in one of its forms; none at all is an empty one.
fn content(
    field: &str,
    text: Option<String>,
    base64: Option<String>,
    size: Option<u32>,
) -> Result<Vec<u8>, Wrong> {
    match (text, base64, size) {
        (None, None, None) => Ok(Vec::new()),
        (Some(text), None, None) => Ok(text.into_bytes()),
        (None, Some(encoded), None) => STANDARD
            .decode(encoded.trim())
            .or_else(|error| wrong(&format!("{field}.base64"), error.to_string())),
        (None, None, Some(size)) => generated(&format!("{field}.size"), size),
        _ => wrong(field, "has one of text, base64 and size"),
    }
}

fn generated(field: &str, size: u32) -> Result<Vec<u8>, Wrong> {
    match usize::try_from(size) {
        Ok(length) if size <= MOST => Ok(PATTERN.iter().copied().cycle().take(length).collect()),
        _ => wrong(field, format!("{size} is more than {MOST}")),
    }
}
