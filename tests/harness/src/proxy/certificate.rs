//! The certificates of an HTTPS listener.

use crate::model::Certificate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway_bundle::{ListenerInfo, Manifests, SecretName};

/// Those that its Secrets hold.
pub(super) fn of(manifests: &Manifests, listener: &ListenerInfo) -> Vec<Certificate> {
    let references = listener.certificates.iter();
    references
        .filter_map(|reference| secret(manifests, reference))
        .collect()
}

/// What a Secret of type `kubernetes.io/tls` holds, if it is PEM.
fn secret(manifests: &Manifests, name: &SecretName) -> Option<Certificate> {
    let document = manifests.documents().find(|document| {
        document.kind() == "Secret"
            && document.namespace() == name.namespace
            && document.name() == name.name
    })?;
    let text = |key: &str| {
        let value = document.value();
        let plain = value
            .get("stringData")
            .and_then(|data| data.get(key)?.as_str());
        let encoded = || value.get("data")?.get(key)?.as_str();
        let text = match plain {
            Some(plain) => plain.to_owned(),
            None => String::from_utf8(STANDARD.decode(encoded()?.trim()).ok()?).ok()?,
        };
        text.contains("-----BEGIN ").then_some(text)
    };
    Some(Certificate {
        chain: text("tls.crt")?,
        key: text("tls.key")?,
    })
}
