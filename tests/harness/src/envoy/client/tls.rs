//! TLS, with whatever certificate the listener has.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::envoy::EnvoyError;
use crate::exchange::{ClientTls, Protocol};

/// Shakes hands on `stream`, for a request of this protocol.
pub(super) async fn connect(
    stream: TcpStream,
    tls: &ClientTls,
    protocol: &Protocol,
) -> Result<TlsStream<TcpStream>, EnvoyError> {
    let http2 = *protocol != Protocol::Http;
    let alpn: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
    let mut config = config().map_err(EnvoyError::no_answer)?;
    config.alpn_protocols = vec![alpn.to_vec()];
    let name = match &tls.server_name {
        Some(name) => ServerName::try_from(name.clone()).map_err(|_| {
            EnvoyError::Unsendable(format!("{name:?} is no server name that TLS can send"))
        })?,
        // An address is not sent.
        None => ServerName::from(stream.peer_addr().map_err(EnvoyError::no_answer)?.ip()),
    };
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await;
    let stream = stream.map_err(EnvoyError::no_answer)?;
    let negotiated = stream.get_ref().1.alpn_protocol();
    if http2 && negotiated != Some(alpn) {
        return Err(EnvoyError::NoAnswer {
            reason: "the listener does not take HTTP/2 over TLS".to_owned(),
            log: String::new(),
        });
    }
    Ok(stream)
}

fn config() -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = AnyCertificate(Arc::clone(&provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

/// Scenarios make their certificates themselves; who vouches for them is not asked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
