use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::{info, warn};

use super::files::Expiry;
use super::{CertificateFileError, CertificateFiles, Owner, watched};
use crate::handover::Certificate;

/// Whoever renews a certificate writes more than one file. This much quiet ends that.
const QUIET: Duration = Duration::from_millis(200);

/// So many events are waited for at most.
const MOST_EVENTS: usize = 50;

/// Not every file system reports changes, and a report can be lost.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

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
    let (tell, mut changes) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_change(event.kind)) {
            // One that waits already is enough.
            let _ = tell.try_send(());
        }
    });
    if let Err(problem) = &watcher {
        warn!(%problem, "cannot watch certificates; they are read again once in a minute");
    }
    let mut follower = Follower {
        files,
        watcher: watcher.ok(),
        folders: BTreeSet::new(),
        told: BTreeMap::new(),
        expiry: BTreeMap::new(),
    };
    let mut again = interval(LOOK_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = again.tick() => {}
            Some(()) = changes.recv() => {
                for _ in 0..MOST_EVENTS {
                    if timeout(QUIET, changes.recv()).await.is_err() {
                        break;
                    }
                }
            }
        }
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

/// To read a file is an event too, and no reason to read it again.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_)) || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

struct Follower {
    files: Vec<CertificateFiles>,
    watcher: Option<RecommendedWatcher>,
    /// Those that are watched.
    folders: BTreeSet<PathBuf>,
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
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let paths = self.files.iter().flat_map(|files| [&files.chain, &files.key]);
        let wanted: BTreeSet<PathBuf> = paths.flat_map(|path| watched::folders(path)).collect();
        for gone in self.folders.difference(&wanted) {
            // It may have been removed, which ends the watch too.
            let _ = watcher.unwatch(gone);
        }
        // Those watched already are watched again: a folder may have been made anew under the same name.
        let watching = wanted.into_iter().filter(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
        self.folders = watching.collect();
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
