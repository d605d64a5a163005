//! Certificates for HTTPS listeners that have none.

use std::collections::BTreeMap;

use crate::model::{Certificate, Proxy};
use thiserror::Error;

/// Self-signed certificates by the names that they are for. They stay as they are over reloads, which
/// would otherwise replace every listener.
#[derive(Debug, Default)]
pub struct Certificates(BTreeMap<Vec<String>, Certificate>);

/// A certificate that cannot be made.
#[derive(Debug, Error)]
#[error("cannot make a certificate for {}: {source}", names.join(", "))]
pub struct InvalidNames {
    /// For which names.
    names: Vec<String>,
    /// Why not.
    source: rcgen::Error,
}

impl Certificates {
    /// Gives one to every listener of `proxy` that terminates TLS and has none. Returns the server names
    /// of those.
    ///
    /// # Errors
    /// [`InvalidNames`], of a server name that is none.
    pub fn complete(&mut self, proxy: &mut Proxy) -> Result<Vec<Vec<String>>, InvalidNames> {
        let mut made = Vec::new();
        let listeners = proxy.listeners.iter_mut();
        for tls in listeners.filter_map(|listener| listener.tls.as_mut()) {
            if tls.certificates.is_empty() {
                tls.certificates.push(self.for_names(&tls.server_names)?);
                made.push(tls.server_names.clone());
            }
        }
        Ok(made)
    }

    /// The certificate for these names, the same each time.
    ///
    /// # Errors
    /// [`InvalidNames`], of a name that is none.
    pub(crate) fn for_names(
        &mut self,
        server_names: &[String],
    ) -> Result<Certificate, InvalidNames> {
        if let Some(known) = self.0.get(server_names) {
            return Ok(known.clone());
        }
        let mut names = server_names.to_vec();
        names.extend(["localhost", "127.0.0.1"].map(str::to_owned));
        let made = rcgen::generate_simple_self_signed(names.clone())
            .map_err(|source| InvalidNames { names, source })?;
        let certificate = Certificate {
            chain: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        };
        self.0.insert(server_names.to_vec(), certificate.clone());
        Ok(certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Listener, Tls};

    #[test]
    fn a_listener_without_certificate_gets_one_that_it_keeps() {
        let own = Certificate {
            chain: "chain".into(),
            key: "key".into(),
        };
        let listener = |names: &[&str], certificates: Vec<Certificate>| Listener {
            tls: Some(Tls {
                server_names: names.iter().map(|name| (*name).to_owned()).collect(),
                certificates,
            }),
            ..Listener::default()
        };
        let proxy = Proxy {
            listeners: vec![
                Listener::default(),
                listener(&["a.example"], vec![own.clone()]),
                listener(&["*.b.example"], Vec::new()),
            ],
            ..Proxy::default()
        };
        let mut certificates = Certificates::default();
        let mut complete = || {
            let mut proxy = proxy.clone();
            let made = certificates.complete(&mut proxy).unwrap();
            (proxy.listeners, made)
        };
        let (listeners, made) = complete();
        assert_eq!(made, [["*.b.example"]]);
        let tls = |index: usize| listeners[index].tls.clone().unwrap().certificates;
        assert_eq!(tls(1), [own]);
        assert!(tls(2)[0].chain.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(tls(2)[0].key.starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_eq!(complete().0[2].tls, listeners[2].tls);
    }
}
