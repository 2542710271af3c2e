use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

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

    /// Issues a certificate for the names of login server and data endpoint and the registry's addresses, into the new folder `folder`.
    pub fn issue(&self, folder: &Path) -> Result<Certificate> {
        let addresses = [IpAddr::from(Network::REGISTRY_V4), Network::REGISTRY_V6.into()];
        self.issue_for(folder, &[Network::LOGIN_SERVER, Network::DATA_ENDPOINT, "localhost"], &addresses)
    }

    /// Issues a certificate for these names and addresses, into the new folder `folder`.
    pub fn issue_for(&self, folder: &Path, names: &[&str], addresses: &[IpAddr]) -> Result<Certificate> {
        self.sign(folder, &Self::parameters(names, addresses)?)
    }

    /// Issues a certificate for the login server's name that was valid until the end of 2020.
    pub fn issue_expired(&self, folder: &Path) -> Result<Certificate> {
        let mut parameters = Self::parameters(&[Network::LOGIN_SERVER], &[])?;
        parameters.not_before = date_time_ymd(2020, 1, 1);
        parameters.not_after = date_time_ymd(2020, 12, 31);
        self.sign(folder, &parameters)
    }

    fn parameters(names: &[&str], addresses: &[IpAddr]) -> Result<CertificateParams> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut parameters = CertificateParams::new(names.clone())?;
        parameters.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        parameters.distinguished_name.push(DnType::CommonName, names.first().map_or("nobody", String::as_str));
        Ok(parameters)
    }

    fn sign(&self, folder: &Path, parameters: &CertificateParams) -> Result<Certificate> {
        fs::create_dir(folder).with_context(|| format!("creating {}", folder.display()))?;
        let key = KeyPair::generate()?;
        let leaf = parameters.signed_by(&key, &self.issuer)?;
        let certificate = Certificate::in_folder(folder, &self.trust);
        fs::write(certificate.chain(), leaf.pem())?;
        fs::write(certificate.key(), key.serialize_pem())?;
        Ok(certificate)
    }
}
