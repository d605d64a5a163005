//! How a redirect or a rewrite changes the path.

use crate::route::spec::{PathModifierKind, PathModifierSpec};
use crate::route::{InvalidConfig, under_prefix};
use regex_lite::{Captures, Regex};

/// A change of the path. The query is not touched.
#[derive(Debug, Clone)]
pub enum PathModifier {
    /// The whole path becomes this.
    Full(Box<str>),
    /// The matched prefix becomes this; it has no slash at its end.
    Prefix(Box<str>),
    /// Every match of the pattern is replaced, as Envoy's `regex_rewrite` does.
    Regex {
        /// What is replaced; not anchored.
        pattern: Regex,
        /// `\0` to `\9` stand for the groups, `\\` for a backslash (RE2).
        substitution: Box<str>,
    },
}

impl PathModifier {
    /// Compiles the modifier.
    ///
    /// # Errors
    /// A path that is not absolute or has characters that no path has; a bad pattern; a `type`
    /// whose member is missing.
    pub fn new(spec: &PathModifierSpec) -> Result<Self, InvalidConfig> {
        let missing = || InvalidConfig::new("type", "the member that it names is missing");
        match spec.kind {
            PathModifierKind::ReplaceFullPath => {
                let path = spec.replace_full_path.as_deref().ok_or_else(missing)?;
                checked("replaceFullPath", path, false).map(PathModifier::Full)
            }
            PathModifierKind::ReplacePrefixMatch => {
                let path = spec.replace_prefix_match.as_deref().ok_or_else(missing)?;
                let path = path.strip_suffix('/').unwrap_or(path);
                checked("replacePrefixMatch", path, true).map(PathModifier::Prefix)
            }
            PathModifierKind::ReplaceRegexMatch => {
                let regex = spec.replace_regex_match.as_ref().ok_or_else(missing)?;
                let pattern = Regex::new(&regex.pattern)
                    .map_err(|error| InvalidConfig::new("replaceRegexMatch.pattern", error))?;
                let substitution = regex.substitution.as_str().into();
                Ok(PathModifier::Regex {
                    pattern,
                    substitution,
                })
            }
        }
    }

    /// Whether the matched prefix is needed.
    pub fn needs_prefix(&self) -> bool {
        matches!(self, PathModifier::Prefix(_))
    }

    /// The new path for a path that was matched by `prefix`, if by a prefix.
    ///
    /// "ReplacePrefixMatch specifies the value with which to replace the prefix match of a request
    /// during a rewrite or redirect. For example, a request to /foo/bar with a prefix match of /foo
    /// and a ReplacePrefixMatch of /xyz would be modified to /xyz/bar." One slash stands between
    /// replacement and rest, and the path is never empty.
    pub fn apply(&self, path: &[u8], prefix: Option<&str>) -> Vec<u8> {
        match self {
            PathModifier::Full(new) => new.as_bytes().to_vec(),
            PathModifier::Prefix(new) => {
                let rest = prefix
                    .and_then(|prefix| under_prefix(path, prefix))
                    .unwrap_or(path);
                replace_prefix(new, rest)
            }
            PathModifier::Regex {
                pattern,
                substitution,
            } => match std::str::from_utf8(path) {
                Ok(text) => pattern
                    .replace_all(text, |groups: &Captures| substitute(substitution, groups))
                    .into_owned()
                    .into_bytes(),
                Err(_) => path.to_vec(),
            },
        }
    }
}

fn replace_prefix(new: &str, rest: &[u8]) -> Vec<u8> {
    if !new.is_empty() {
        return [new.as_bytes(), rest].concat();
    }
    // Nothing is left of the prefix: what follows keeps exactly one slash, as Envoy Gateway's
    // rewrite pattern `^<prefix>\/*` leaves it.
    let slashes = rest.iter().take_while(|&&byte| byte == b'/').count();
    [b"/", rest.get(slashes..).unwrap_or_default()].concat()
}

fn substitute(substitution: &str, groups: &Captures) -> String {
    let mut text = String::new();
    let mut characters = substitution.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match characters.next() {
            Some(digit) if digit.is_ascii_digit() => {
                let group = digit
                    .to_digit(10)
                    .and_then(|group| groups.get(group as usize));
                text.push_str(group.map_or("", |group| group.as_str()));
            }
            Some(other) => text.push(other),
            None => text.push('\\'),
        }
    }
    text
}

fn checked(field: &str, path: &str, may_be_empty: bool) -> Result<Box<str>, InvalidConfig> {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'?' && byte != b'#');
    if (path.starts_with('/') || (may_be_empty && path.is_empty())) && plain {
        Ok(path.into())
    } else {
        let reason =
            format_args!("`{path}`: a path starts with / and has no space, ? or #").to_string();
        Err(InvalidConfig::new(field, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modifier(spec: &str) -> PathModifier {
        PathModifier::new(&serde_json::from_str(spec).unwrap()).unwrap()
    }

    /// The table of `HTTPPathModifier.replacePrefixMatch`, and what it implies.
    #[test]
    fn prefixes_are_replaced_as_the_specification_tabulates() {
        for (path, prefix, new, result) in [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz/", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/", "/foo", "", "/"),
            ("/foo", "/foo", "", "/"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
            ("/foo//evil.com", "/foo", "/", "/evil.com"),
            ("/bar", "/", "/xyz", "/xyz/bar"),
        ] {
            let spec =
                format!(r#"{{"type": "ReplacePrefixMatch", "replacePrefixMatch": "{new}"}}"#);
            let got = modifier(&spec).apply(path.as_bytes(), Some(prefix));
            assert_eq!(
                String::from_utf8(got).unwrap(),
                result,
                "{path} {prefix} {new}"
            );
        }
    }

    #[test]
    fn groups_are_substituted() {
        let swap = modifier(
            r#"{"type": "ReplaceRegexMatch", "replaceRegexMatch": {"pattern": "^/service/([^/]+)(/.*)$", "substitution": "\\2/instance/\\1"}}"#,
        );
        assert_eq!(
            swap.apply(b"/service/foo/v1/api", None),
            b"/v1/api/instance/foo"
        );
        assert_eq!(swap.apply(b"/other", None), b"/other");
        assert_eq!(swap.apply(b"/\xff", None), b"/\xff");
        let all = modifier(
            r#"{"type": "ReplaceRegexMatch", "replaceRegexMatch": {"pattern": "a", "substitution": "\\\\\\0\\9\\"}}"#,
        );
        assert_eq!(all.apply(b"/aba", None), br"/\a\b\a\");
    }

    #[test]
    fn paths_that_no_request_has_are_refused() {
        for (member, value) in [
            ("replaceFullPath", ""),
            ("replaceFullPath", "a"),
            ("replaceFullPath", "/a?b"),
            ("replaceFullPath", "/a b"),
            ("replacePrefixMatch", "a"),
        ] {
            let kind = if member == "replaceFullPath" {
                "ReplaceFullPath"
            } else {
                "ReplacePrefixMatch"
            };
            let spec = format!(r#"{{"type": "{kind}", "{member}": "{value}"}}"#);
            assert!(
                PathModifier::new(&serde_json::from_str(&spec).unwrap()).is_err(),
                "{spec}"
            );
        }
    }
}
