//! Header names and values, checked before they go out.
//!
//! Envoy's hostcalls validate nothing: a CR LF in a value reaches the wire, a bad request header
//! makes the router answer 503 (source/extensions/common/wasm/context.cc).

use crate::route::InvalidConfig;
use std::borrow::Cow;

/// One change of a header map. Names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderEdit<'a> {
    /// Replace all values of the name.
    Set(Cow<'a, str>, Cow<'a, [u8]>),
    /// Append to the values of the name.
    Add(Cow<'a, str>, Cow<'a, [u8]>),
    /// Remove all values of the name.
    Remove(Cow<'a, str>),
}

impl<'a> HeaderEdit<'a> {
    /// Replaces all values of a name.
    pub fn set(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, [u8]>>) -> Self {
        HeaderEdit::Set(name.into(), value.into())
    }

    /// Appends to the values of a name.
    pub fn add(name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, [u8]>>) -> Self {
        HeaderEdit::Add(name.into(), value.into())
    }

    /// The name and value that are written, unless it removes.
    pub fn written(&self) -> Option<(&str, &[u8])> {
        match self {
            HeaderEdit::Set(name, value) | HeaderEdit::Add(name, value) => Some((name, value)),
            HeaderEdit::Remove(_) => None,
        }
    }

    /// Removes all values of a name.
    pub fn remove(name: impl Into<Cow<'a, str>>) -> Self {
        HeaderEdit::Remove(name.into())
    }
}

/// A configured header name in lower case.
pub(crate) fn configured(name: &str, field: &str) -> Result<Box<str>, InvalidConfig> {
    if is_token(name.as_bytes()) {
        return Ok(name.to_ascii_lowercase().into());
    }
    let reason = format_args!("`{name}`: not a header name");
    Err(InvalidConfig::new(field, reason))
}

/// Whether this is a `token` (RFC 9110, 5.6.2): a header name or a method.
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| is_token_byte(byte))
}

fn is_token_byte(byte: u8) -> bool {
    // Two words of bits, one for each of the first 128 bytes: names are checked on every write.
    const BITS: [u64; 2] = token_bits();
    let word = BITS.get(usize::from(byte >> 6)).copied().unwrap_or(0);
    word >> (byte & 63) & 1 == 1
}

const fn token_bits() -> [u64; 2] {
    let (mut low, mut high) = (0u64, 0u64);
    let mut byte = 0u8;
    while byte < 128 {
        let special = matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        );
        if byte.is_ascii_alphanumeric() || special {
            if byte < 64 {
                low |= 1 << byte;
            } else {
                high |= 1 << (byte & 63);
            }
        }
        byte += 1;
    }
    [low, high]
}

/// Whether this can be a header's value (RFC 9110, 5.5): no control characters but the tab.
pub fn is_value(value: &[u8]) -> bool {
    value
        .iter()
        .all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f))
}

/// Whether a name may be written by a filter: a token, or one of the pseudo-headers that can be
/// replaced.
pub fn is_writable_name(name: &[u8]) -> bool {
    is_token(name)
        || matches!(
            name,
            b":authority" | b":method" | b":path" | b":scheme" | b":status"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_the_grammar() {
        let special = b"!#$%&'*+-.^_`|~";
        for byte in 0..=255u8 {
            let expected = byte.is_ascii_alphanumeric() || special.contains(&byte);
            assert_eq!(is_token_byte(byte), expected, "{byte}");
        }
    }

    #[test]
    fn nothing_that_could_end_a_header_passes() {
        for bad in ["", "a b", "a:", "a\r", "ä", "a\n", ":x", "a(b"] {
            assert!(!is_token(bad.as_bytes()), "{bad:?}");
        }
        assert!(is_token(b"X-Header_1") && is_writable_name(b":path") && !is_writable_name(b":x"));
        for bad in ["a\r\nb", "\0", "a\n", "\x7f"] {
            assert!(!is_value(bad.as_bytes()), "{bad:?}");
        }
        assert!(is_value(b"a\tb \xff") && is_value(b""));
    }
}
