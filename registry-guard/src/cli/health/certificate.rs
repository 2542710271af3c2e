//! What clients will say of the certificate: its name, its dates, and who issued it, each for itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use humantime::format_rfc3339_seconds;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error, RootCertStore};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::finding::Finding;
use super::target::Target;

const NAME: &str = "certificate-name";
const EXPIRY: &str = "certificate-expiry";
const TRUST: &str = "certificate-trust";

/// How long before its end a certificate is worth a warning.
const SOON: Duration = Duration::from_hours(30 * 24);

/// The judgement on `chain`, the registry's own certificate first, at the time `now`.
pub(super) fn judge(
    target: &Target,
    name: &ServerName<'_>,
    chain: &[CertificateDer<'_>],
    roots: &RootCertStore,
    now: SystemTime,
) -> Vec<Finding> {
    let read = |der: &CertificateDer<'_>| Certificate::from_der(der).map_err(|error| error.to_string());
    let read = chain.split_first().ok_or_else(|| "there is none".to_owned()).and_then(|(leaf, rest)| {
        let parsed = ParsedCertificate::try_from(leaf).map_err(|error| error.to_string())?;
        Ok((parsed, read(leaf)?, rest))
    });
    let (parsed, leaf, rest) = match read {
        Ok(read) => read,
        Err(problem) => {
            let message = format!("the certificate cannot be read: {problem}");
            return vec![Finding::failed(NAME, target, message, "give the registry another certificate")];
        }
    };
    let validity = &leaf.tbs_certificate.validity;
    let from = UNIX_EPOCH + validity.not_before.to_unix_duration();
    let until = UNIX_EPOCH + validity.not_after.to_unix_duration();
    // Who issued it is a question of its own, also of one that has expired.
    let within = now.clamp(from, until.max(from));
    vec![
        named(target, name, &parsed, &leaf),
        dated(target, from, until, now),
        trusted(target, &parsed, rest, roots, within),
    ]
}

fn named(target: &Target, name: &ServerName<'_>, parsed: &ParsedCertificate<'_>, leaf: &Certificate) -> Finding {
    let names = names(leaf).join(", ");
    if verify_server_name(parsed, name).is_ok() {
        return Finding::ok(NAME, target, format!("is for {}", target.host));
    }
    let of = if names.is_empty() { "no name at all".to_owned() } else { names };
    let message = format!("is not for {} but for {of}; clients report x509", target.host);
    let advice = format!(
        "give the registry a certificate with subject alternative name {}, or use a name that it has",
        target.host
    );
    Finding::failed(NAME, target, message, advice)
}

/// The names and addresses that the certificate is for. The common name is none: no client of today reads it.
fn names(leaf: &Certificate) -> Vec<String> {
    let extension = leaf.tbs_certificate.get::<SubjectAltName>().ok().flatten();
    let each = extension.into_iter().flat_map(|(_, names)| names.0);
    each.filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.to_string().escape_debug().to_string()),
        GeneralName::IpAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(bytes.as_bytes()).map(std::net::IpAddr::from);
            v4.or_else(|_| <[u8; 16]>::try_from(bytes.as_bytes()).map(std::net::IpAddr::from))
                .ok()
                .map(|address| address.to_string())
        }
        _ => None,
    })
    .collect()
}

fn dated(target: &Target, from: SystemTime, until: SystemTime, now: SystemTime) -> Finding {
    let renew = "renew the registry's certificate; registry-guard takes the new file by itself";
    let day = |time| format_rfc3339_seconds(time).to_string();
    if now < from {
        let advice = "set this machine's clock, or wait until then";
        return Finding::failed(EXPIRY, target, format!("is not valid before {}", day(from)), advice);
    }
    let Ok(left) = until.duration_since(now) else {
        return Finding::failed(EXPIRY, target, format!("expired at {}", day(until)), renew);
    };
    let message = format!("is valid until {}", day(until));
    if left < SOON { Finding::warning(EXPIRY, target, message, renew) } else { Finding::ok(EXPIRY, target, message) }
}

fn trusted(
    target: &Target,
    leaf: &ParsedCertificate<'_>,
    rest: &[CertificateDer<'_>],
    roots: &RootCertStore,
    at: SystemTime,
) -> Finding {
    let at = UnixTime::since_unix_epoch(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let Err(error) = verify_server_cert_signed_by_trust_anchor(leaf, roots, rest, at, algorithms) else {
        return Finding::ok(TRUST, target, "is issued by an authority that this machine trusts");
    };
    let advice = format!(
        "if the authority is your own, make this machine trust it (docker reads /etc/docker/certs.d/{}/ca.crt), and name its certificate with --ca-file; else give the registry a certificate with its whole chain",
        target.authority(true)
    );
    let message = match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "is not issued by an authority that this machine trusts, or an intermediate certificate is missing"
                .to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "is issued by an authority whose own certificate has expired".to_owned()
        }
        other => format!("is not trusted: {other}"),
    };
    Finding::failed(TRUST, target, message, advice)
}
