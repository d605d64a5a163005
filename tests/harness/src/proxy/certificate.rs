//! The certificates of an HTTPS listener.

use crate::xds::Certificate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateway_bundle::{ListenerInfo, Manifests, SecretName};

/// Those of its Secrets; where they hold none, one that is signed by itself for the listener's hostname
/// and made anew each time.
pub(super) fn of(
    manifests: &Manifests,
    listener: &ListenerInfo,
) -> Result<Vec<Certificate>, rcgen::Error> {
    let references = listener.certificates.iter();
    let given: Vec<_> = references
        .filter_map(|reference| secret(manifests, reference))
        .collect();
    if !given.is_empty() {
        return Ok(given);
    }
    let name = listener.hostname.as_deref().unwrap_or("localhost");
    let signed = rcgen::generate_simple_self_signed([name.to_owned(), "localhost".to_owned()])?;
    Ok(vec![Certificate {
        chain: signed.cert.pem(),
        key: signed.signing_key.serialize_pem(),
    }])
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
