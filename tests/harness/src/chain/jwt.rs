//! The filter `envoy.filters.http.jwt_authn`, in front of the Wasm filters (Envoy
//! `source/extensions/filters/http/jwt_authn`), for providers without issuer and audiences.

mod keys;
mod token;

use std::time::Duration;

use base64::Engine;
use serde_json::Value;

use crate::model::JwtRequirement;
use crate::wasm_host::{HeaderMap, LocalReply};

use super::envoy::StartError;
use super::local_reply::plain;
use super::router::matches_prefix;
use keys::KeySet;
use token::Token;

/// What answers a request without any token.
const MISSING: &str = "Jwt is missing";
/// Longest path that `www-authenticate` repeats.
const REALM_PATH_MAX: usize = 256;

/// The rules of the filter: the first whose prefix matches counts.
#[derive(Debug)]
pub(crate) struct JwtAuthn(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    prefix: String,
    keys: KeySet,
    claim_to_headers: Vec<(String, String)>,
}

impl JwtAuthn {
    pub(crate) fn new(required: &[JwtRequirement]) -> Result<Self, StartError> {
        let rule = |required: &JwtRequirement| {
            let keys = KeySet::parse(&required.jwks);
            Ok(Rule {
                prefix: required.prefix.clone(),
                keys: keys.ok_or_else(|| StartError::NoKey(required.provider.clone()))?,
                claim_to_headers: required.claim_to_headers.clone(),
            })
        };
        required
            .iter()
            .map(rule)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Lets a request pass, with the claims as headers, or says what answers it. `now` is the time
    /// since the Unix epoch.
    pub(crate) fn request_headers(
        &self,
        headers: &mut HeaderMap,
        now: Duration,
    ) -> Option<LocalReply> {
        let path = headers.get(b":path").unwrap_or_default();
        let path = path.split(|byte| b"?#".contains(byte)).next()?;
        let rule = self
            .0
            .iter()
            .find(|rule| matches_prefix(path, rule.prefix.as_bytes()))?;
        rule.pass(headers, now)
            .err()
            .map(|why| denied(&why, headers))
    }
}

impl Rule {
    /// All tokens must be good, lest the backend take a bad one for the one that was verified.
    fn pass(&self, headers: &mut HeaderMap, now: Duration) -> Result<(), String> {
        for (_, name) in &self.claim_to_headers {
            headers.remove(name.as_bytes());
        }
        let tokens = tokens(headers);
        if tokens.is_empty() {
            return Err(MISSING.into());
        }
        for token in tokens.iter().rev() {
            let token = Token::parse(token)?;
            token.in_time(now)?;
            self.keys.verify(&token)?;
            for (claim, name) in &self.claim_to_headers {
                if let Some(value) = token.claim(claim).and_then(header_value) {
                    headers.add(name.as_bytes(), value.as_bytes());
                }
            }
        }
        Ok(())
    }
}

/// The tokens at the places where Envoy looks unless told otherwise: `Authorization: Bearer` and the
/// query parameter `access_token`.
fn tokens(headers: &HeaderMap) -> Vec<String> {
    let text = |name: &[u8]| {
        let value = headers.joined(name).unwrap_or_default();
        String::from_utf8_lossy(&value).into_owned()
    };
    let authorization = text(b"authorization");
    let bearer = authorization.split_once("Bearer ").map(|(_, rest)| {
        let mut words = rest.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
        words
            .find(|word| !word.is_empty())
            .unwrap_or(&authorization)
    });
    let path = text(b":path");
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let parameter = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("access_token="));
    bearer
        .into_iter()
        .chain(parameter)
        .map(str::to_owned)
        .collect()
}

/// A claim as a header: numbers as text, what is not a scalar as Base64 of its JSON.
fn header_value(claim: &Value) -> Option<String> {
    let value = match claim {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => {
            let number = number.as_f64()?;
            let whole = number >= 0.0 && number.fract() == 0.0;
            format!("{number:.*}", if whole { 0 } else { 6 })
        }
        Value::Array(_) | Value::Object(_) => {
            base64::engine::general_purpose::STANDARD.encode(claim.to_string())
        }
    };
    (!value.is_empty()).then_some(value)
}

fn denied(why: &str, headers: &HeaderMap) -> LocalReply {
    let text = |name: &[u8]| String::from_utf8_lossy(headers.get(name).unwrap_or_default());
    let path = headers.get(b":path").unwrap_or_default();
    let path = String::from_utf8_lossy(path.get(..REALM_PATH_MAX).unwrap_or(path));
    let mut challenge = format!("Bearer realm=\"http://{}{path}\"", text(b":authority"));
    if why != MISSING {
        challenge.push_str(", error=\"invalid_token\"");
    }
    let details = format!("jwt_authn_access_denied{{{}}}", why.replace(' ', "_"));
    LocalReply {
        body: why.into(),
        headers: vec![(b"www-authenticate".to_vec(), challenge.into())],
        ..plain(401, &details)
    }
}
