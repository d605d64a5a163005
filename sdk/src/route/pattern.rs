//! Regular expressions that match a whole value.

use super::error::InvalidMatch;
use regex_lite::Regex;

/// A pattern compiled once as `^(?:…)$`: anchoring a leftmost match afterwards would miss
/// alternatives (`/a|/ab` has to match `/ab`).
///
/// The engine is regex-lite: linear in the length of the value whatever the pattern, ASCII classes
/// as in RE2, no `\p{…}`. A value that is not UTF-8 matches no pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The pattern does not compile by itself, or is too large (regex-lite's limits).
    pub fn new(pattern: &str) -> Result<Self, InvalidMatch> {
        let invalid = |error: regex_lite::Error| InvalidMatch::Pattern {
            pattern: pattern.to_owned(),
            reason: error.to_string(),
        };
        // By itself first: `a)|(?:b` must not become valid by being wrapped.
        Regex::new(pattern).map_err(invalid)?;
        Regex::new(&format!("^(?:{pattern})$"))
            .map_err(invalid)
            .map(Pattern)
    }

    /// The anchored pattern, which every RE2 reads alike.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the whole value matches.
    pub fn matches(&self, value: &[u8]) -> bool {
        std::str::from_utf8(value).is_ok_and(|text| self.0.is_match(text))
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// The characters that every match of a pattern starts with, as far as they can be told without
/// parsing it: up to the first metacharacter, less a character that a quantifier may undo.
pub(super) fn literal_prefix(pattern: &str) -> &str {
    let body = pattern.strip_prefix('^').unwrap_or(pattern);
    if body.contains('|') {
        // An alternative outside every group frees the start.
        return "";
    }
    let literal = |c: char| !r"\.+*?()[]{}^$|# ".contains(c) && c.is_ascii_graphic();
    let end = body.find(|c: char| !literal(c)).unwrap_or(body.len());
    let undone = body
        .get(end..)
        .is_some_and(|rest| rest.starts_with(['*', '?', '{', '+']));
    body.get(..if undone { end.saturating_sub(1) } else { end })
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_tried_to_the_end() {
        let pattern = Pattern::new("/a|/ab").unwrap();
        assert!(pattern.matches(b"/a") && pattern.matches(b"/ab"));
        assert!(!pattern.matches(b"/abc") && !pattern.matches(b"x/a"));
    }

    #[test]
    fn wrapping_makes_nothing_valid() {
        for bad in ["a)|(?:b", "(", "[", "a{2,1}", "*", "(?x)a # c"] {
            let pattern = Pattern::new(bad);
            assert!(pattern.is_err(), "{bad}: {pattern:?}");
        }
        assert!(
            Pattern::new("(?:a{1000}){1000}").is_err(),
            "a hostile size is refused"
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_match_nothing() {
        assert!(!Pattern::new(".*").unwrap().matches(b"\xff"));
    }

    #[test]
    fn literal_prefixes_are_never_too_long() {
        for (pattern, prefix) in [
            ("/api/v[0-9]+", "/api/v"),
            ("^/api/v1$", "/api/v1"),
            ("/api/?", "/api"),
            ("/ab*", "/a"),
            ("/a{2}", "/"),
            ("/a|/b", ""),
            ("(/a)", ""),
            ("/a\\.b", "/a"),
            (".*", ""),
            ("(?i)/a", ""),
            ("", ""),
        ] {
            assert_eq!(literal_prefix(pattern), prefix, "{pattern}");
        }
    }
}
