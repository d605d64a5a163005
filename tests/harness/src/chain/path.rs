//! Path normalisation before routing, with the settings of Envoy Gateway: `normalize_path`,
//! `merge_slashes` and `UNESCAPE_AND_REDIRECT` (Envoy `source/common/http/path_utility.cc`).

/// What a `:path` comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Normalized {
    /// It goes on like this.
    Path(Vec<u8>),
    /// It had escaped slashes: the client is sent there.
    Redirect(Vec<u8>),
    /// It is refused with 400.
    Invalid,
}

/// Normalises a `:path` with its query, which stays as it is.
pub(crate) fn normalize(path: &[u8]) -> Normalized {
    let refused = |byte: &u8| *byte == b'#' || *byte >= 0x80 || *byte < 0x21 || *byte == 0x7f;
    if path == b"*" {
        return Normalized::Path(path.to_vec());
    }
    if !path.starts_with(b"/") || path.iter().any(refused) {
        return Normalized::Invalid;
    }
    let at = path.iter().position(|byte| *byte == b'?');
    let (path, query) = path.split_at(at.unwrap_or(path.len()));
    let (path, had_slashes) = unescape_slashes(path);
    let Some(canonical) = unescape_unreserved(&path) else {
        return Normalized::Invalid;
    };
    let mut whole = merge_slashes(&resolve_dots(&canonical));
    whole.extend_from_slice(query);
    if had_slashes {
        Normalized::Redirect(whole)
    } else {
        Normalized::Path(whole)
    }
}

/// `%2F` and `%5C` become slashes; tells whether there were any.
fn unescape_slashes(path: &[u8]) -> (Vec<u8>, bool) {
    let mut out = Vec::with_capacity(path.len());
    let mut found = false;
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        match escape(rest) {
            Some((byte @ (b'/' | b'\\'), tail)) => {
                out.push(byte);
                found = true;
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    (out, found)
}

/// Backslashes become slashes and escaped unreserved characters themselves; others stay escaped
/// and what may not stand in a path is escaped. `None` for an escaped NUL.
fn unescape_unreserved(path: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, tail)) = rest.split_first() {
        match escape(rest) {
            Some((0, _)) => return None,
            Some((byte, tail)) if is_unreserved(byte) => {
                out.push(byte);
                rest = tail;
                continue;
            }
            _ => {}
        }
        match first {
            b'\\' => out.push(b'/'),
            b'"' | b'<' | b'>' | b'`' | b'{' | b'}' => {
                out.extend_from_slice(format!("%{first:02X}").as_bytes());
            }
            other => out.push(*other),
        }
        rest = tail;
    }
    Some(out)
}

/// The byte that an escape at the start of `bytes` stands for, and what follows it.
fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (head, tail) = bytes.split_first_chunk::<3>()?;
    let [b'%', high, low] = head else {
        return None;
    };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = digit(*high)? * 16 + digit(*low)?;
    Some((u8::try_from(byte).ok()?, tail))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn resolve_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            b"." | b".." => {
                if segment == b".." {
                    kept.pop();
                }
                if last {
                    kept.push(b"");
                }
            }
            other => kept.push(other),
        }
    }
    let mut out = Vec::with_capacity(path.len());
    for segment in kept {
        out.push(b'/');
        out.extend_from_slice(segment);
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut out = path.to_vec();
    out.dedup_by(|next, previous| *next == b'/' && *previous == b'/');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        assert_eq!(
            normalize(path.as_bytes()),
            Normalized::Path(expected.into()),
            "{path}"
        );
    }

    #[test]
    fn paths_are_normalized_as_envoy_does() {
        check("/a//b///c?x=//&y=%41", "/a/b/c?x=//&y=%41");
        check("/a/./b/../c", "/a/c");
        check("/a/%2e%2E/c", "/c");
        check("/../..", "/");
        check("/a/..", "/");
        check("/a/b/.", "/a/b/");
        check("/%41%7e%5f", "/A~_");
        check("/%20%c3%a9%zz%4", "/%20%c3%a9%zz%4");
        check("/a\\b", "/a/b");
        check("/\"<>", "/%22%3C%3E");
        check("*", "*");
    }

    #[test]
    fn escaped_slashes_redirect() {
        assert_eq!(
            normalize(b"/a%2Fb%5cc?q=%2f"),
            Normalized::Redirect(b"/a/b/c?q=%2f".to_vec())
        );
    }

    #[test]
    fn what_no_uri_has_is_refused() {
        for path in [
            b"/a#b".as_slice(),
            b"/\xc3\xa9",
            b"/%00",
            b"/a b",
            b"/\0",
            b"a",
            b"",
        ] {
            assert_eq!(normalize(path), Normalized::Invalid, "{path:?}");
        }
    }
}
