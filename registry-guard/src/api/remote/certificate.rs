use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::sync::watch;
use tracing::warn;

use super::RemoteError;
use crate::certificates::{self, CertificateFiles, Certificates, Owner};
use crate::config::Management;
use crate::handover::Certificate;
use crate::tls;

/// The certificate of the API, read again when its files change.
pub(super) struct ServerCertificate {
    files: CertificateFiles,
    host: String,
    first: Certificate,
    current: watch::Sender<Arc<ServerConfig>>,
}

impl ServerCertificate {
    pub(super) fn load(management: &Management) -> Result<Self, RemoteError> {
        let (chain, key) = (management.certificate.chain.clone(), management.certificate.key.clone());
        let files = CertificateFiles { owner: Owner::Management, chain, key };
        let host = management.host().to_owned();
        let first = files.load()?;
        let current = watch::Sender::new(server_config(&first, &host, &files.chain)?);
        Ok(Self { files, host, first, current })
    }

    /// What a new connection gets.
    pub(super) fn current(&self) -> watch::Receiver<Arc<ServerConfig>> {
        self.current.subscribe()
    }

    /// Reads it again whenever it changes. What cannot be used is logged, and what was there before stays.
    pub(super) async fn follow(self) {
        let Self { files, host, first, current } = self;
        let chain = files.chain.clone();
        let certificates: Certificates = Arc::new(BTreeMap::from([(Owner::Management, first)]));
        let (sender, mut changes) = watch::channel(certificates);
        let renew = async {
            while changes.changed().await.is_ok() {
                let certificates = Arc::clone(&changes.borrow_and_update());
                let Some(certificate) = certificates.get(&Owner::Management) else { continue };
                match server_config(certificate, &host, &chain) {
                    Ok(config) => _ = current.send_replace(config),
                    Err(problem) => {
                        warn!(%problem, "a changed certificate cannot be used; the one before stays in use");
                    }
                }
            }
        };
        tokio::join!(certificates::follow(vec![files], sender), renew);
    }
}

fn server_config(certificate: &Certificate, host: &str, file: &Path) -> Result<Arc<ServerConfig>, RemoteError> {
    let key =
        certificate.certified_key().map_err(|problem| RemoteError::Tls(rustls::Error::General(problem.to_string())))?;
    let carried = key.cert.first().is_some_and(|first| tls::is_certificate_for(first, host));
    if !carried {
        return Err(RemoteError::Name { name: host.to_owned(), file: file.into() });
    }
    tls::config(key, &["http/1.1"]).map_err(RemoteError::Tls)
}
