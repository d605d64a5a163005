//! The certificates that a scenario states for Secrets without one.

use gateway_bundle::{GatewayBundle, ListenerInfo};

use crate::model::Proxy;
use crate::proxy::{Certificates, InvalidNames};
use crate::scenario::Scenario;
use crate::scenario::model::SecretCertificate;

/// Gives the listeners that refer to such a Secret the certificate for its names.
///
/// # Errors
/// A DNS name that is none.
pub(super) fn stated(
    scenario: &Scenario,
    gateway: &GatewayBundle,
    made: &mut Certificates,
    proxy: &mut Proxy,
) -> Result<(), InvalidNames> {
    for stated in &scenario.certificates {
        for info in gateway.listeners.iter().filter(|info| refers(info, stated)) {
            let certificate = made.for_names(&stated.dns_names)?;
            let on_port = proxy
                .listeners
                .iter_mut()
                .filter(|one| one.port == info.port);
            let tls = on_port.filter_map(|listener| listener.tls.as_mut());
            for tls in tls.filter(|tls| tls.server_names.iter().eq(&info.hostname)) {
                if tls.certificates.is_empty() {
                    tls.certificates.push(certificate.clone());
                }
            }
        }
    }
    Ok(())
}

fn refers(listener: &ListenerInfo, stated: &SecretCertificate) -> bool {
    let mut references = listener.certificates.iter();
    references.any(|name| name.namespace == stated.namespace && name.name == stated.secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Listener, Tls};

    #[test]
    fn a_listener_gets_the_certificate_of_its_secret() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/https-listeners");
        let mut scenario = crate::scenario::load(path.as_ref()).unwrap().remove(0);
        let manifests = gateway_bundle::load(&scenario.manifests).unwrap();
        let gateway = gateway_bundle::bundle(&manifests).gateways.remove(0);
        let secured = |info: &&ListenerInfo| !info.certificates.is_empty();
        let info = gateway.listeners.iter().find(secured).unwrap();
        let listener = |names: Vec<String>| Listener {
            port: info.port,
            tls: Some(Tls {
                server_names: names,
                certificates: Vec::new(),
            }),
            ..Listener::default()
        };
        let mut proxy = Proxy {
            listeners: vec![
                listener(info.hostname.iter().cloned().collect()),
                listener(vec!["other.example".into()]),
            ],
            ..Proxy::default()
        };
        scenario.certificates = vec![SecretCertificate {
            namespace: info.certificates[0].namespace.clone(),
            secret: info.certificates[0].name.clone(),
            dns_names: vec!["*.names.example".into()],
        }];
        let mut made = Certificates::default();
        stated(&scenario, &gateway, &mut made, &mut proxy).unwrap();
        let certificates = |place: usize| proxy.listeners[place].tls.clone().unwrap().certificates;
        let expected = made.for_names(&["*.names.example".into()]).unwrap();
        assert_eq!((certificates(0), certificates(1)), (vec![expected], vec![]));
    }
}
