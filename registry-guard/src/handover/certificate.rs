use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use serde::{Deserialize, Serialize};
use x509_cert::der::Decode as _;

use super::Secret;

/// A certificate chain, the server's own first, and its private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// PEM.
    pub chain: String,
    /// PEM: PKCS#8, PKCS#1 or SEC1, not encrypted.
    pub key: Secret,
}

/// Why a chain and a key cannot be used together. Reads after the name of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// There is no certificate in the chain.
    #[error("holds no certificate; accepted: PEM with `-----BEGIN CERTIFICATE-----`, the server's own first")]
    NoCertificate,
    /// The chain is not PEM.
    #[error("is not PEM: {0}; accepted: PEM with `-----BEGIN CERTIFICATE-----`, the server's own first")]
    Chain(String),
    /// The first certificate cannot be understood.
    #[error("holds a certificate that cannot be used: {0}; accepted: an X.509 certificate of version 3")]
    Certificate(String),
    /// There is no key.
    #[error("holds no private key; accepted: PEM with `-----BEGIN PRIVATE KEY-----`, not encrypted")]
    NoKey,
    /// The key is not PEM.
    #[error("is not PEM: {0}; accepted: PEM with `-----BEGIN PRIVATE KEY-----`, not encrypted")]
    KeyFile(String),
    /// The key cannot be used.
    #[error(
        "holds a private key that cannot be used: {0}; accepted: RSA of 2048 bits or more, ECDSA P-256 or P-384, Ed25519"
    )]
    Key(String),
    /// The key is of another certificate.
    #[error(
        "holds a private key that does not belong to the certificate; accepted: the key of the first certificate of the chain"
    )]
    Mismatch,
}

impl CertificateError {
    /// Whether the file of the key is at fault, not that of the chain.
    pub fn is_of_key(&self) -> bool {
        matches!(self, Self::NoKey | Self::KeyFile(_) | Self::Key(_) | Self::Mismatch)
    }
}

impl Certificate {
    /// Both in the form that TLS needs, if they belong together.
    pub fn certified_key(&self) -> Result<CertifiedKey, CertificateError> {
        let chain = self.chain().map_err(|error| CertificateError::Chain(error.to_string()))?;
        let first = chain.first().ok_or(CertificateError::NoCertificate)?;
        if let Err(error) = rustls::server::ParsedCertificate::try_from(first) {
            return Err(CertificateError::Certificate(error.to_string()));
        }
        let key = PrivateKeyDer::from_pem_slice(self.key.bytes()).map_err(|error| match error {
            pem::Error::NoItemsFound => CertificateError::NoKey,
            // No other variant is shown: some hold what was read.
            pem::Error::MissingSectionEnd { .. } => CertificateError::KeyFile("a section does not end".to_owned()),
            pem::Error::Base64Decode(_) => CertificateError::KeyFile("a section is not Base64".to_owned()),
            _ => CertificateError::KeyFile("a section is malformed".to_owned()),
        })?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch,
            other => CertificateError::Key(other.to_string()),
        })
    }

    /// When the first certificate expires, if that can be read.
    pub fn not_after(&self) -> Option<SystemTime> {
        let chain = self.chain().ok()?;
        let certificate = x509_cert::Certificate::from_der(chain.first()?).ok()?;
        Some(UNIX_EPOCH + certificate.tbs_certificate.validity.not_after.to_unix_duration())
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
        CertificateDer::pem_slice_iter(self.chain.as_bytes()).collect()
    }
}
