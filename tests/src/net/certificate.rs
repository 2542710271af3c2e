use std::path::{Path, PathBuf};

/// A certificate that an [`Authority`](super::authority::Authority) issued, with its key, as files.
#[derive(Clone, Debug)]
pub struct Certificate {
    folder: PathBuf,
    trust: PathBuf,
}

impl Certificate {
    pub(super) fn in_folder(folder: &Path, trust: &Path) -> Self {
        Self { folder: folder.to_owned(), trust: trust.to_owned() }
    }

    /// The folder in the shape that skopeo, podman and docker want: `ca.crt` is what they shall trust, and there is nothing
    /// else that they would take for a certificate of theirs.
    pub fn trust(&self) -> &Path {
        &self.trust
    }

    /// The authority's own certificate, PEM.
    pub fn authority(&self) -> PathBuf {
        self.trust.join("ca.crt")
    }

    /// The certificate, PEM.
    pub fn chain(&self) -> PathBuf {
        self.folder.join("chain.pem")
    }

    /// The private key, PEM.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key.pem")
    }
}
