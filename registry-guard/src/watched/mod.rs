//! Files that others replace: when to look at them again.

mod folders;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tracing::warn;

pub(crate) use self::folders::folders;

/// Whoever replaces files writes in more than one step. This much quiet ends that.
const QUIET: Duration = Duration::from_millis(200);

/// So many events are waited for at most.
const MOST_EVENTS: usize = 50;

/// Not every file system reports changes, and a report can be lost.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// The folders that are watched.
pub(crate) struct Watched {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
}

/// What happens in them.
pub(crate) struct Changes {
    events: mpsc::Receiver<()>,
    again: Interval,
}

/// Watches nothing yet. Where nothing can be watched, `what` is looked at once in a minute.
pub(crate) fn watch(what: &str) -> (Watched, Changes) {
    let (tell, events) = mpsc::channel(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        if event.is_ok_and(|event| is_change(event.kind)) {
            // One that waits already is enough.
            let _ = tell.try_send(());
        }
    });
    if let Err(problem) = &watcher {
        warn!(%problem, "cannot watch {what}; they are read again once in a minute");
    }
    let mut again = interval(LOOK_AGAIN);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    (Watched { watcher: watcher.ok(), folders: BTreeSet::new() }, Changes { events, again })
}

/// To read a file is an event too, and no reason to read it again.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_)) || kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

impl Watched {
    /// Watches these folders from now on, and no others.
    pub(crate) fn follow(&mut self, wanted: BTreeSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for gone in self.folders.difference(&wanted) {
            // It may have been removed, which ends the watch too.
            let _ = watcher.unwatch(gone);
        }
        // Those watched already are watched again: a folder may have been made anew under the same name.
        let watching = wanted.into_iter().filter(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok());
        self.folders = watching.collect();
    }
}

impl Changes {
    /// Waits until it is time to look: at once the first time, then when something changed and after a minute.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.again.tick() => {}
            Some(()) = self.events.recv() => {
                for _ in 0..MOST_EVENTS {
                    if timeout(QUIET, self.events.recv()).await.is_err() {
                        break;
                    }
                }
            }
        }
    }
}
