//! A JSON Web Key Set (RFC 7517) and the algorithms that its keys are for (Envoy
//! `source/common/jwt/jwks.cc`, `verify.cc`).

use ring::{hmac, signature};
use serde::Deserialize;
use serde_json::Value;

use super::token::{Token, decode};

/// What is verified here; Envoy knows more.
pub(super) const ALGORITHMS: [&str; 5] = ["RS256", "RS384", "RS512", "ES256", "HS256"];

/// The keys that could be read.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    kid: String,
    alg: String,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point of P-256.
    Point(Vec<u8>),
    Secret(Vec<u8>),
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    alg: String,
    kty: String,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
    #[serde(default)]
    k: String,
}

impl KeySet {
    /// A key that cannot be read is left out; absent if none is left.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let set: Jwks = serde_json::from_str(text).ok()?;
        let read = |key| Key::new(&serde_json::from_value(key).ok()?);
        let keys: Vec<_> = set.keys.into_iter().filter_map(read).collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    pub(super) fn verify(&self, token: &Token) -> Result<(), String> {
        let fits = |key: &&Key| {
            (token.kid.is_empty() || key.kid.is_empty() || key.kid == token.kid)
                && (key.alg.is_empty() || key.alg == token.alg)
        };
        let mut fitting = self.0.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            return Err("Jwks doesn't have key to match kid or alg from Jwt".into());
        }
        if fitting.any(|key| key.material.signed(token)) {
            return Ok(());
        }
        Err("Jwt verification fails".into())
    }
}

impl Key {
    fn new(jwk: &Jwk) -> Option<Self> {
        let material = match (&*jwk.kty, &*jwk.crv) {
            ("RSA", _) => Material::Rsa {
                n: decode(&jwk.n)?,
                e: decode(&jwk.e)?,
            },
            ("EC", "P-256") => {
                Material::Point([vec![4], decode(&jwk.x)?, decode(&jwk.y)?].concat())
            }
            ("oct", _) => Material::Secret(decode(&jwk.k)?),
            _ => return None,
        };
        Some(Self {
            kid: jwk.kid.clone(),
            alg: jwk.alg.clone(),
            material,
        })
    }
}

impl Material {
    fn signed(&self, token: &Token) -> bool {
        let (text, signature) = (token.signed.as_bytes(), &token.signature);
        match (self, &*token.alg) {
            (Self::Rsa { n, e }, alg) => {
                let parameters = match alg {
                    "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                    _ => return false,
                };
                let key = signature::RsaPublicKeyComponents { n, e };
                key.verify(parameters, text, signature).is_ok()
            }
            (Self::Point(point), "ES256") => {
                let algorithm = &signature::ECDSA_P256_SHA256_FIXED;
                let key = signature::UnparsedPublicKey::new(algorithm, point);
                key.verify(text, signature).is_ok()
            }
            (Self::Secret(secret), "HS256") => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::verify(&key, text, signature).is_ok()
            }
            _ => false,
        }
    }
}
