//! Configurations in JSON, refused with the path of what does not fit.

use crate::route::InvalidConfig;
use serde::de::DeserializeOwned;
use std::borrow::Cow;

/// Reads JSON; an empty configuration is `{}`.
///
/// # Errors
/// The first thing that does not fit, with its path: `routes[0].spec.rules[1]: unknown field …`.
pub fn json<T: DeserializeOwned>(text: &[u8]) -> Result<T, InvalidConfig> {
    let text = if text.trim_ascii().is_empty() {
        b"{}"
    } else {
        text
    };
    serde_json::from_slice(text)
        .map_err(|error| InvalidConfig::new(path_at(text, error.line(), error.column()), error))
}

/// Reads JSON as `Spec` and compiles it.
///
/// # Errors
/// As [`json`], and what the compiled form refuses.
pub fn compiled_json<Spec, T>(text: &[u8]) -> Result<T, InvalidConfig>
where
    Spec: DeserializeOwned,
    T: TryFrom<Spec, Error = InvalidConfig>,
{
    T::try_from(json::<Spec>(text)?)
}

/// Where in a value the text is being read.
enum Level<'a> {
    Member(Cow<'a, str>),
    Element(usize),
    /// Between `{` and the first name.
    Object,
}

/// The path of a position. serde_json tells a line and a column only; to track paths while reading
/// (as serde_path_to_error does) would cost a filter 100 KB, so the way there is found afterwards.
fn path_at(text: &[u8], line: usize, column: usize) -> String {
    let before: usize = text
        .split_inclusive(|&byte| byte == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    let read = text
        .get(..before.saturating_add(column).min(text.len()))
        .unwrap_or(text);
    let mut levels: Vec<Level> = Vec::new();
    let mut at = 0;
    let mut name_follows = false;
    while let Some(&byte) = read.get(at) {
        match byte {
            b'{' => levels.push(Level::Object),
            b'[' => levels.push(Level::Element(0)),
            b'}' | b']' if at.saturating_add(1) < read.len() => drop(levels.pop()),
            b',' => {
                if let Some(Level::Element(index)) = levels.last_mut() {
                    *index = index.saturating_add(1);
                }
            }
            b'"' => {
                let end = string_end(read, at);
                if name_follows && let Some(last) = levels.last_mut() {
                    let name = read
                        .get(at.saturating_add(1)..end.saturating_sub(1))
                        .unwrap_or_default();
                    *last = Level::Member(String::from_utf8_lossy(name));
                }
                at = end;
                name_follows = false;
                continue;
            }
            _ => {}
        }
        name_follows = match byte {
            b'{' => true,
            b',' => !matches!(levels.last(), Some(Level::Element(_))),
            _ => name_follows && byte.is_ascii_whitespace(),
        };
        at = at.saturating_add(1);
    }
    written(&levels)
}

/// The index behind the closing quote of a string that starts at `start`.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start.saturating_add(1);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => return at.saturating_add(1),
            b'\\' => at = at.saturating_add(2),
            _ => at = at.saturating_add(1),
        }
    }
    text.len()
}

fn written(levels: &[Level]) -> String {
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Member(name) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
            }
            Level::Element(index) => path.push_str(&format!("[{index}]")),
            Level::Object => {}
        }
    }
    if path.is_empty() {
        ".".to_owned()
    } else {
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::spec::RouteMatchSpec;
    use proptest::prelude::*;

    fn refused(text: &str) -> String {
        json::<RouteMatchSpec>(text.as_bytes())
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn errors_name_the_path() {
        let route = |rules: &str| {
            format!(
                r#"{{"routes": [{{"kind": "HTTPRoute", "metadata": {{"name": "a{{[,\"", "labels": {{}}}},
                "spec": {{"hostnames": ["a", "b"], "rules": {rules}}}}}]}}"#
            )
        };
        for (text, message) in [
            (
                route(r#"[{}, {"matchs": []}]"#),
                "routes[0].spec.rules[1].matchs: unknown field `matchs`, expected one of `name`, ",
            ),
            (
                route(r#"[{"backendRefs": [{"name": 1}]}]"#),
                "routes[0].spec.rules[0].backendRefs[0].name: invalid type: integer `1`, expected a string",
            ),
            (
                route(r#"[{"backendRefs": [{"port": 1}]}]"#),
                "routes[0].spec.rules[0].backendRefs[0].port: missing field `name`",
            ),
            (
                route(r#"{}"#),
                "routes[0].spec.rules: invalid type: map, expected a sequence",
            ),
            (
                route(r#"[{"matches": [{"method": 1}]}]"#),
                "routes[0].spec.rules[0].matches[0].method: invalid type: integer `1`, expected an HTTP method or",
            ),
            (
                route(r#"[{"matches": [{"path": {"type": "Prefix"}}]}]"#),
                "routes[0].spec.rules[0].matches[0].path.type: unknown variant `Prefix`, expected one of `Exact`",
            ),
            (
                "{\n \"listeners\": []\n".to_owned(),
                "listeners: EOF while parsing an object",
            ),
            ("{\"routes\": []} x".to_owned(), ".: trailing characters"),
            (String::from(" "), ".: missing field `routes`"),
        ] {
            let refused = refused(&text);
            assert!(refused.starts_with(message), "{refused}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_a_path(text in any::<Vec<u8>>(), line in 0usize..5, column in 0usize..50) {
            prop_assert!(!path_at(&text, line, column).is_empty());
        }
    }
}
