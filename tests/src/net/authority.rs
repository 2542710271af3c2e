use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType};

use super::certificate::Certificate;
use super::network::Network;

/// A certificate authority that the registry's clients trust, and no other.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    trust: PathBuf,
}

impl Authority {
    /// Makes one; its own certificate is `ca.crt` in the new folder `trust`, in which skopeo, podman and docker look for
    /// nothing else.
    pub fn make(trust: &Path) -> Result<Self> {
        fs::create_dir(trust).with_context(|| format!("creating {}", trust.display()))?;
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, "registry-guard test authority");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = parameters.self_signed(&key)?;
        fs::write(trust.join("ca.crt"), certificate.pem())?;
        Ok(Self { issuer: Issuer::new(parameters, key), trust: trust.to_owned() })
    }

    /// Issues a certificate for the login server's name and addresses, into the new folder `folder`.
    pub fn issue(&self, folder: &Path) -> Result<Certificate> {
        let addresses = [IpAddr::from(Network::REGISTRY_V4), Network::REGISTRY_V6.into()];
        self.issue_for(folder, &[Network::LOGIN_SERVER, "localhost"], &addresses)
    }

    /// Issues a certificate for these names and addresses, into the new folder `folder`.
    pub fn issue_for(&self, folder: &Path, names: &[&str], addresses: &[IpAddr]) -> Result<Certificate> {
        fs::create_dir(folder).with_context(|| format!("creating {}", folder.display()))?;
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names.clone())?;
        parameters.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        parameters.distinguished_name.push(DnType::CommonName, names.first().map_or("nobody", String::as_str));
        let key = KeyPair::generate()?;
        let leaf = parameters.signed_by(&key, &self.issuer)?;
        let certificate = Certificate::in_folder(folder, &self.trust);
        fs::write(certificate.chain(), leaf.pem())?;
        fs::write(certificate.key(), key.serialize_pem())?;
        Ok(certificate)
    }
}
