//! Configurations in JSON, refused with the path of what does not fit.

use crate::json::Tree;
use crate::route::InvalidConfig;
use serde::de::DeserializeOwned;

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
    let tree: Tree =
        serde_json::from_slice(text).map_err(|error| InvalidConfig::new(".", error))?;
    T::deserialize(tree).map_err(|mut error| {
        if error.path.is_empty() {
            ".".clone_into(&mut error.path);
        }
        error
    })
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
                "routes[0].spec.rules[0].backendRefs[0]: missing field `name`",
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
                ".: EOF while parsing an object at line 3 column 0",
            ),
            (
                "{\"routes\": []} x".to_owned(),
                ".: trailing characters at line 1 column 16",
            ),
            (String::from(" "), ".: missing field `routes`"),
        ] {
            let refused = refused(&text);
            assert!(refused.starts_with(message), "{refused}");
        }
    }

    #[test]
    fn a_structure_is_no_array() {
        assert_eq!(
            refused("[[], []]"),
            ".: invalid type: sequence, expected struct RouteMatchSpec"
        );
        let whole = include_str!("../../../fuzz/seeds/config/every-feature.json");
        let read: RouteMatchSpec = json(whole.as_bytes()).unwrap();
        assert_eq!(read, serde_json::from_str(whole).unwrap());
    }

    #[test]
    fn a_member_may_be_there_once() {
        let message = r#"{"listeners": [], "routes": [], "routes": []}"#;
        assert_eq!(refused(message), ".: duplicate field `routes`");
    }

    proptest! {
        /// What is read is what serde_json reads; it refuses no more than this does.
        #[test]
        fn what_is_read_is_what_serde_json_reads(text in any_configuration()) {
            match json::<RouteMatchSpec>(text.as_bytes()) {
                Ok(own) => prop_assert_eq!(own, serde_json::from_str(&text).unwrap()),
                Err(error) => prop_assert!(!error.path.is_empty() && !error.reason.is_empty()),
            }
        }
    }

    /// Configurations, some of them with a piece replaced.
    fn any_configuration() -> impl Strategy<Value = String> {
        let whole = include_str!("../../../fuzz/seeds/config/every-feature.json");
        let piece = prop::sample::select(vec![
            "",
            "null",
            "1",
            "-1",
            "1.5",
            "{}",
            "[]",
            "\"x\"",
            "true",
            ",",
            "\"name\":",
        ]);
        (0..whole.len(), 0usize..12, piece).prop_map(move |(at, length, piece)| {
            let end = (at + length).min(whole.len());
            [whole.get(..at), Some(piece), whole.get(end..)]
                .into_iter()
                .flatten()
                .collect()
        })
    }
}
