use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Whom this machine trusts: its own roots, and those of `extra`, a PEM file.
pub(in crate::cli) fn roots(extra: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // A root that cannot be read is one that clients do not trust either.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let Some(path) = extra else { return Ok(roots) };
    let refuse = |problem: String| format!("--ca-file {}: {problem}; accepted: certificates in PEM", path.display());
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refuse(error.to_string()))?;
    let certificates: Vec<CertificateDer<'static>> =
        certificates.collect::<Result<_, _>>().map_err(|error| refuse(error.to_string()))?;
    match roots.add_parsable_certificates(certificates) {
        (0, _) => Err(refuse("has no certificate".to_owned())),
        _ => Ok(roots),
    }
}
