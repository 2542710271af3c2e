use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::handover::{Certificate, CertificateError, Secret};

/// The most bytes of a file. A chain has a few thousand.
const MOST_BYTES: u64 = 256 << 10;

/// The keys of config.toml that name the files.
const CHAIN: &str = "certificate";
const KEY: &str = "key";

/// Whose a certificate is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The registry of this name, whose clients are answered with it.
    Registry(String),
    /// The API over TLS.
    Management,
}

impl fmt::Display for Owner {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => write!(out, "registry {name}"),
            Self::Management => out.write_str("management"),
        }
    }
}

/// Where a certificate is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Whose it is.
    pub owner: Owner,
    /// The chain, PEM, the server's own certificate first.
    pub chain: PathBuf,
    /// The private key, PEM. May be the same file.
    pub key: PathBuf,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFileError {
    /// A file cannot be read.
    #[error("{owner}: {field} {}: cannot be read: {source}; accepted: a file of PEM that the agent may read", file.display())]
    Unreadable {
        /// Whose it is.
        owner: Owner,
        /// The key of config.toml that names the file.
        field: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{owner}: {field} {} {problem}", file.display())]
    Unusable {
        /// Whose it is.
        owner: Owner,
        /// The key of config.toml that names the file.
        field: &'static str,
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: CertificateError,
    },
}

impl CertificateFiles {
    /// Reads both files, which have to belong together. An expired certificate is no error.
    pub fn load(&self) -> Result<Certificate, CertificateFileError> {
        let chain = self.read(CHAIN, &self.chain)?;
        let certificate = Certificate { chain: certificates_in(&chain), key: Secret::new(self.read(KEY, &self.key)?) };
        match certificate.certified_key() {
            Ok(_) => Ok(certificate),
            Err(problem) => {
                let (field, file) = if problem.is_of_key() { (KEY, &self.key) } else { (CHAIN, &self.chain) };
                let (owner, file) = (self.owner.clone(), file.clone());
                Err(CertificateFileError::Unusable { owner, field, file, problem })
            }
        }
    }

    fn read(&self, field: &'static str, file: &Path) -> Result<Zeroizing<Vec<u8>>, CertificateFileError> {
        read(file).map_err(|source| CertificateFileError::Unreadable {
            owner: self.owner.clone(),
            field,
            file: file.into(),
            source,
        })
    }
}

/// The certificates in a file of PEM, without what else may stand there: it may hold the key too, which must not be copied.
fn certificates_in(file: &[u8]) -> String {
    let mut certificates = String::new();
    let mut within = false;
    for line in file.split(|byte| *byte == b'\n') {
        within |= line.starts_with(b"-----BEGIN CERTIFICATE-----");
        if within {
            certificates.push_str(String::from_utf8_lossy(line).trim_end());
            certificates.push('\n');
        }
        within &= !line.starts_with(b"-----END");
    }
    certificates
}

fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // To open a pipe would wait for its writer.
    let size = match std::fs::metadata(path)? {
        file if file.is_file() => file.len(),
        _ => return Err(io::Error::other("not a regular file")),
    };
    let too_long = || io::Error::other(format!("it is too long; accepted: at most {MOST_BYTES} bytes"));
    let capacity = usize::try_from(size.min(MOST_BYTES)).unwrap_or_default();
    // With room for one byte more it never grows while it is read, which would leave a copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 64));
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES { Err(too_long()) } else { Ok(bytes) }
}

/// How soon a certificate expires, in the steps at which its owner is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expiry {
    Expired,
    InOneDay,
    InSevenDays,
    InThirtyDays,
    Later,
}

impl Expiry {
    pub(super) fn of(certificate: &Certificate, now: SystemTime) -> Self {
        let Some(end) = certificate.not_after() else {
            return Self::Later;
        };
        let within = |days: u32| now + days * Duration::from_hours(24) >= end;
        match () {
            () if within(0) => Self::Expired,
            () if within(1) => Self::InOneDay,
            () if within(7) => Self::InSevenDays,
            () if within(30) => Self::InThirtyDays,
            () => Self::Later,
        }
    }

    /// For people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Expired => "has expired",
            Self::InOneDay => "expires within one day",
            Self::InSevenDays => "expires within seven days",
            Self::InThirtyDays => "expires within thirty days",
            Self::Later => "does not expire soon",
        }
    }
}
