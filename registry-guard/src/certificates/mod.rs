//! Certificates in files: read, watched, and read again when they change.

mod files;
mod follow;
mod watched;

pub use files::{CertificateFileError, CertificateFiles, Owner};

pub(crate) use follow::{Certificates, follow, load};
