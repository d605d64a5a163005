//! A JSON Web Token, read as Envoy's `source/common/jwt/jwt.cc` does; errors are the bodies of its
//! answers.

use std::time::Duration;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

/// As lenient as `absl::WebSafeBase64Unescape`.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// How far the clocks of issuer and proxy may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// A token whose signature is not verified yet.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) alg: String,
    pub(super) kid: String,
    /// Header and payload as they were signed.
    pub(super) signed: String,
    pub(super) signature: Vec<u8>,
    claims: Map<String, Value>,
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

impl Token {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let sections: Vec<_> = text.split('.').filter(|part| !part.is_empty()).collect();
        let [header, payload, signature] = sections[..] else {
            return Err(
                "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"
                    .into(),
            );
        };
        let decoded = object(header, "header")?;
        let alg = decoded.get("alg").and_then(Value::as_str);
        let alg = alg.ok_or("Jwt header [alg] field is required and must be a string")?;
        if !super::keys::ALGORITHMS.contains(&alg) {
            return Err("Jwt header [alg] is not supported".into());
        }
        let kid = decoded.get("kid").map_or(Some(""), Value::as_str);
        let kid = kid.ok_or("Jwt header [kid] field is not a string")?;
        let claims = object(payload, "payload")?;
        registered(&claims)?;
        let decoded_signature = decode(signature);
        Ok(Self {
            alg: alg.to_owned(),
            kid: kid.to_owned(),
            signed: format!("{header}.{payload}"),
            signature: decoded_signature.ok_or("Jwt signature is an invalid Base64url encoded")?,
            claims,
        })
    }

    /// `nbf` and `exp`, each with some tolerance; zero is no `exp`.
    pub(super) fn in_time(&self, now: Duration) -> Result<(), String> {
        let now = Duration::from_secs(now.as_secs());
        let at = |name: &str| self.claims.get(name).and_then(instant).unwrap_or_default();
        if now + CLOCK_SKEW < at("nbf") {
            return Err("Jwt not yet valid".into());
        }
        if !at("exp").is_zero() && now > at("exp").saturating_add(CLOCK_SKEW) {
            return Err("Jwt is expired".into());
        }
        Ok(())
    }

    /// A claim by its name; dots lead into objects.
    pub(super) fn claim(&self, name: &str) -> Option<&Value> {
        let mut names = name.split('.');
        let first = self.claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }
}

fn object(section: &str, what: &str) -> Result<Map<String, Value>, String> {
    let json =
        decode(section).ok_or_else(|| format!("Jwt {what} is an invalid Base64url encoded"))?;
    serde_json::from_slice(&json).map_err(|_| format!("Jwt {what} is an invalid JSON"))
}

/// Whether the claims that RFC 7519 registers have its types.
fn registered(claims: &Map<String, Value>) -> Result<(), String> {
    for name in ["iss", "sub", "iat", "nbf", "exp", "jti"] {
        let Some(value) = claims.get(name) else {
            continue;
        };
        let lack = match name {
            "iat" | "nbf" | "exp" if !value.is_number() => "an integer",
            "iat" | "nbf" | "exp" if instant(value).is_none() => "a positive 64 bit integer",
            "iss" | "sub" | "jti" if !value.is_string() => "a string",
            _ => continue,
        };
        return Err(format!("Jwt payload [{name}] field is not {lack}"));
    }
    let strings = |value: &Value| match value {
        Value::Array(elements) => elements.iter().all(Value::is_string),
        other => other.is_string(),
    };
    if claims
        .get("aud")
        .is_some_and(|audiences| !strings(audiences))
    {
        return Err("Jwt payload [aud] field is not a string or string list".into());
    }
    Ok(())
}

/// Whole seconds since the Unix epoch.
fn instant(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()?.trunc()).ok()
}
