use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::watch;
use tracing::{info, warn};

use super::files::Expiry;
use super::{CertificateFileError, CertificateFiles, Owner};
use crate::handover::Certificate;
use crate::watched::{self, Watched};

/// The certificates by their owners.
pub(crate) type Certificates = Arc<BTreeMap<Owner, Certificate>>;

/// Reads all of them.
pub(crate) fn load(files: &[CertificateFiles]) -> Result<Certificates, CertificateFileError> {
    let loaded = files.iter().map(|files| Ok((files.owner.clone(), files.load()?)));
    Ok(Arc::new(loaded.collect::<Result<_, _>>()?))
}

/// Reads them again whenever a file changes. What cannot be used is logged, and what was there before stays.
pub(crate) async fn follow(files: Vec<CertificateFiles>, certificates: watch::Sender<Certificates>) {
    if files.is_empty() {
        return;
    }
    let (watched, mut changes) = watched::watch("certificates");
    let mut follower = Follower { files, watched, told: BTreeMap::new(), expiry: BTreeMap::new() };
    loop {
        changes.next().await;
        let before = Arc::clone(&certificates.borrow());
        let looked = tokio::task::spawn_blocking(move || {
            let found = follower.look(&before);
            (follower, found)
        });
        let Ok((back, found)) = looked.await else {
            return;
        };
        follower = back;
        if let Some(found) = found {
            certificates.send_replace(Arc::new(found));
        }
    }
}

struct Follower {
    files: Vec<CertificateFiles>,
    watched: Watched,
    /// What was said last of an owner whose files cannot be used.
    told: BTreeMap<Owner, String>,
    expiry: BTreeMap<Owner, Expiry>,
}

impl Follower {
    /// Reads everything, and returns it if it is not as before. Blocks.
    fn look(&mut self, before: &BTreeMap<Owner, Certificate>) -> Option<BTreeMap<Owner, Certificate>> {
        // First, so that no change falls between reading and watching.
        self.watch();
        let mut now = before.clone();
        for files in &self.files {
            let owner = &files.owner;
            match files.load() {
                Ok(certificate) => {
                    self.told.remove(owner);
                    if before.get(owner) != Some(&certificate) {
                        info!(%owner, file = %files.chain.display(), "the certificate was renewed");
                    }
                    now.insert(owner.clone(), certificate);
                }
                Err(problem) => {
                    let problem = problem.to_string();
                    if self.told.get(owner) != Some(&problem) {
                        warn!(%problem, "a changed certificate cannot be used; the one before stays in use");
                        self.told.insert(owner.clone(), problem);
                    }
                }
            }
        }
        self.tell_expiry(&now);
        (now != *before).then_some(now)
    }

    fn watch(&mut self) {
        let paths = self.files.iter().flat_map(|files| [&files.chain, &files.key]);
        self.watched.follow(paths.flat_map(|path| watched::folders(path)).collect());
    }

    fn tell_expiry(&mut self, certificates: &BTreeMap<Owner, Certificate>) {
        for (owner, certificate) in certificates {
            let expiry = Expiry::of(certificate, SystemTime::now());
            if self.expiry.insert(owner.clone(), expiry) != Some(expiry) && expiry != Expiry::Later {
                warn!(%owner, "the certificate {}", expiry.words());
            }
        }
    }
}
