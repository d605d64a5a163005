//! Claims of a bearer token, decoded and not verified: Envoy's jwt_authn filter, which runs before
//! Wasm filters, is what verifies.

use crate::json::Tree;
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// RFC 7515 has no padding; some issuers send it nevertheless.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The payload of a JSON Web Token (RFC 7519), if it is one.
pub fn claims(token: &[u8]) -> Option<Tree> {
    let mut parts = token.split(|&byte| byte == b'.');
    let (_header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    serde_json::from_slice(&BASE64.decode(payload).ok()?).ok()
}

/// The values of a claim as text: a string, integer or boolean is one value, an array one for each
/// of its elements. A name that is not a member itself is a path of members joined by dots.
pub fn values(claims: &Tree, name: &str) -> Vec<String> {
    let found = claims.get(name).or_else(|| {
        name.split('.')
            .try_fold(claims, |value, part| value.get(part))
    });
    match found {
        Some(Tree::Array(elements)) => elements.iter().filter_map(scalar).collect(),
        Some(value) => scalar(value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn scalar(value: &Tree) -> Option<String> {
    match value {
        Tree::Text(text) => Some(text.clone()),
        Tree::Unsigned(number) => Some(number.to_string()),
        Tree::Signed(number) => Some(number.to_string()),
        Tree::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_members_or_paths() {
        let claims = r#"{"a.b": "whole", "a": {"b": "path", "c": [1, true, null, "x", -2, 0.5]}, "n": null}"#;
        let claims = serde_json::from_str(claims).unwrap();
        assert_eq!(values(&claims, "a.b"), ["whole"]);
        assert_eq!(values(&claims, "a.c"), ["1", "true", "x", "-2"]);
        assert!(values(&claims, "n").is_empty() && values(&claims, "a").is_empty());
        assert!(values(&claims, "a.b.c").is_empty());
    }

    #[test]
    fn what_is_no_token_has_no_claims() {
        for token in [
            "",
            "a",
            "a.b",
            "e30.e30",
            "e30.!!.x",
            "e30.e30.x.y",
            "e30.ew.x",
        ] {
            assert!(claims(token.as_bytes()).is_none(), "{token}");
        }
        let claims = claims(b"e30.eyJhIjoxfQ==.x").unwrap();
        assert_eq!(values(&claims, "a"), ["1"]);
    }
}
